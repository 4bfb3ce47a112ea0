"""A bell between processes: a hint that something was committed. Losing one costs a moment, never a message.

Each listener is a Unix datagram socket in a shared directory. Ringing sends one byte to every socket there.
Paths go through ``/proc/self/fd`` because a socket address holds 107 bytes only (unix(7)).
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import select
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SUFFIX = ".bell"


class BellClosedError(RuntimeError):
    """The bell is used before ``open`` or after ``close``."""


class Bell:
    """One listener of a directory, and the way to wake all others.

    ``ring`` may be called from any thread, also while the bell is not open. ``wait`` and ``drain`` belong to one
    thread; a process in which several threads wait opens a bell for each.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name
        self._socket: socket.socket | None = None
        self._file = ""

    def open(self) -> None:
        """Starts to listen. Repeating it changes nothing; raises OSError when the directory cannot be used."""
        if self._socket is not None:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        file = f"{self._name}-{os.getpid()}-{secrets.token_hex(3)}"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            with _folder(self._directory) as folder:
                # Bound under another name first: between the file and the binding a ringer would take it for stale.
                listener.bind(f"/proc/self/fd/{folder}/{file}.new")
                os.rename(f"{file}.new", file + _SUFFIX, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            listener.close()
            raise
        self._file = file + _SUFFIX
        self._socket = listener

    def close(self) -> None:
        """Stops to listen and takes the socket away. Repeating it changes nothing."""
        if self._socket is None:
            return
        self._socket.close()
        self._socket = None
        with contextlib.suppress(OSError):
            (self._directory / self._file).unlink()

    def ring(self) -> None:
        """Wakes every listener of the directory, this one too. Never blocks, never raises."""
        with (
            contextlib.suppress(OSError),
            _folder(self._directory) as folder,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as ringer,
        ):
            for file in os.listdir(folder):  # noqa: PTH208 - a descriptor, which pathlib does not take
                if file.endswith(_SUFFIX):
                    _ring_one(ringer, folder, file)

    def fileno(self) -> int:
        """The descriptor to poll; raises BellClosedError when not open."""
        return self._opened().fileno()

    def wait(self, timeout: float) -> bool:
        """Whether it rang within ``timeout`` seconds; several rings count as one. Raises BellClosedError."""
        poll = select.poll()
        poll.register(self._opened().fileno(), select.POLLIN)
        rang = bool(poll.poll(max(0, round(timeout * 1000))))
        if rang:
            self.drain()
        return rang

    def drain(self) -> None:
        """Forgets all rings so far; raises BellClosedError when not open."""
        listener = self._opened()
        with contextlib.suppress(BlockingIOError):
            while True:
                listener.recv(16)

    def _opened(self) -> socket.socket:
        if self._socket is None:
            raise BellClosedError(f"the bell {self._name!r} is not open")
        return self._socket


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _ring_one(ringer: socket.socket, folder: int, file: str) -> None:
    try:
        ringer.sendto(b"!", f"/proc/self/fd/{folder}/{file}")
    except OSError as error:
        # Refused: the file outlived its process. Anything else is a listener that is full, and so already awake.
        if error.errno == errno.ECONNREFUSED:
            with contextlib.suppress(OSError):
                os.unlink(file, dir_fd=folder)
