"""A serial port with one owner thread: bytes in and out, and a wake-up from other threads. Wraps pyserial.

Every foreign error becomes PortError here, with its cause kept.
"""

from __future__ import annotations

import contextlib
import os
import select

import serial

from appliance.domain.failure import failure
from appliance.modem.driver import PortError

BAUD = 115200
_CHUNK = 4096
_WRITE_S = 5.0


class _Keeping(serial.Serial):
    """Throws nothing away at opening: a report the modem told while nobody listened may be waiting there."""

    def _reset_input_buffer(self) -> None:
        pass


class SerialPort:
    """The port at ``path`` (or where its symbolic link leads at the moment of opening)."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._serial: serial.Serial | None = None
        self._bell: tuple[int, int] | None = None
        self._woken = False

    @property
    def is_open(self) -> bool:
        """Whether the port is held."""
        return self._serial is not None

    def open(self) -> None:
        """Takes the port exclusively; raises PortError when it is missing or taken."""
        if self._serial is not None:
            return
        self._bell = self._bell or os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._serial = _Keeping(
                self.path, BAUD, timeout=0, write_timeout=_WRITE_S, exclusive=True, rtscts=False, dsrdtr=False
            )
        except (serial.SerialException, OSError, ValueError) as error:
            raise PortError(failure("sms.modem-lost", f"open: {_errno(error)}")) from error

    def close(self) -> None:
        """Gives the port back; never raises."""
        port, self._serial = self._serial, None
        if port is not None:
            with contextlib.suppress(serial.SerialException, OSError):
                port.close()

    def release(self) -> None:
        """Gives back the wake-up as well: nothing can be done with the port after it."""
        self.close()
        bell, self._bell = self._bell, None
        for end in bell or ():
            os.close(end)

    def wake(self) -> None:
        """Ends a ``read`` that waits, or the next one. May be called by any thread."""
        bell = self._bell
        if bell is not None:
            with contextlib.suppress(BlockingIOError, OSError):
                os.write(bell[1], b"!")

    def take_wake(self) -> bool:
        """Whether ``wake`` ended a ``read`` since this was last asked."""
        woken, self._woken = self._woken, False
        return woken

    def read(self, seconds: float) -> bytes:
        """What came within ``seconds``; nothing when the time was over, or at a wake-up. Raises PortError."""
        port = self._held()
        try:
            fds = [port.fileno(), self._bell[0]] if self._bell else [port.fileno()]
            ready, _, _ = select.select(fds, [], [], max(0.0, seconds))
            if self._bell and self._bell[0] in ready:
                self._woken = True
                with contextlib.suppress(BlockingIOError):
                    os.read(self._bell[0], _CHUNK)
            return bytes(port.read(_CHUNK)) if port.fileno() in ready else b""
        except (serial.SerialException, OSError, ValueError, TypeError) as error:
            raise self._lost(error) from error

    def write(self, data: bytes) -> None:
        """Writes all of ``data``; raises PortError when the port is gone or takes nothing for 5 s."""
        port = self._held()
        try:
            port.write(data)
        except (serial.SerialException, OSError, ValueError) as error:
            raise self._lost(error) from error

    def _held(self) -> serial.Serial:
        if self._serial is None:
            raise PortError(failure("sms.modem-lost", "not open"))
        return self._serial

    def _lost(self, error: Exception) -> PortError:
        self.close()
        return PortError(failure("sms.modem-lost", f"lost: {_errno(error)}"))


def _errno(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else type(error).__name__
