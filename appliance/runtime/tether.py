"""Runs a program that dies with its parent: ``python tether.py PARENT_PID PROGRAM ARGUMENT…``.

The supervisor starts every child through this file. It asks the kernel for SIGKILL at the parent's death
(PR_SET_PDEATHSIG, which survives execve(2)) and then becomes the program, so the process id stays the same.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Becomes the program, or ends silently when the parent is gone already; raises OSError."""
    parent, command = int(arguments[0]), arguments[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() == parent:  # else it died before the request above counted
        os.execvp(command[0], command)  # noqa: S606 - the supervisor's own command line, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
