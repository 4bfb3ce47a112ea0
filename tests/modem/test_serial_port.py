"""The serial port on a real pseudo-terminal: taken exclusively, woken, lost; and what unsolicited lines mean."""

from __future__ import annotations

import os
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.modem import reading
from appliance.modem.at.engine import Unsolicited
from appliance.modem.driver import (
    DirectMessage,
    MessagesReady,
    ModemEvent,
    NewMessage,
    Place,
    PortError,
    RegistrationChanged,
    Report,
    Restarted,
    Ring,
    SimChanged,
)
from appliance.modem.serial_driver import SerialModem
from appliance.modem.serial_port import SerialPort
from appliance.runtime.clock import SystemClock


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """The modem's end of a line, and the path of ours."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    for end in (master, slave):
        try:
            os.close(end)
        except OSError:
            continue


def test_octets_pass_both_ways(line: tuple[int, str]) -> None:
    """What one end writes the other reads."""
    master, path = line
    port = SerialPort(path)
    port.open()
    port.open()
    port.write(b"AT\r")
    assert os.read(master, 10) == b"AT\r"
    os.write(master, b"OK")
    assert port.read(1.0) == b"OK"
    assert port.read(0.0) == b""
    port.release()
    assert not port.is_open


def test_what_was_said_before_opening_is_read(line: tuple[int, str]) -> None:
    """A delivery report that came while the service was down is not thrown away."""
    master, path = line
    os.write(master, b"\r\n+CDS: 25\r\n06AA\r\n")
    port = SerialPort(path)
    port.open()
    assert port.read(1.0) == b"\r\n+CDS: 25\r\n06AA\r\n"
    port.release()


def test_wake_ends_a_wait_at_once(line: tuple[int, str]) -> None:
    """Also the next wait, when nobody waits."""
    port = SerialPort(line[1])
    modem = SerialModem(port, SystemClock())
    modem.wake()
    modem.open()
    for early in (True, False):
        threading.Timer(0.0 if early else 0.05, modem.wake).start()
        if early:
            time.sleep(0.05)
        begun = time.monotonic()
        modem.wait(10.0)
        assert time.monotonic() - begun < 5
    modem.release()


def test_port_held_by_another_refused(line: tuple[int, str]) -> None:
    """One owner: a second one is told so, and the first goes on."""
    first, second = SerialPort(line[1]), SerialPort(line[1])
    first.open()
    with pytest.raises(PortError):
        second.open()
    first.write(b"x")
    second.release()
    first.release()


def test_missing_port_refused(tmp_path: Path) -> None:
    """A path that leads nowhere, and one that is no serial port."""
    (tmp_path / "file").write_text("x")
    for name in ("nowhere", "file"):
        port = SerialPort(str(tmp_path / name))
        with pytest.raises(PortError) as told:
            port.open()
        assert told.value.failure.code == "sms.modem-lost"
        port.release()


def test_port_that_goes_is_lost_once_and_for_all(line: tuple[int, str]) -> None:
    """After the loss nothing is read or written; closing is harmless."""
    master, path = line
    port = SerialPort(path)
    port.open()
    os.close(master)
    with pytest.raises(PortError):
        port.read(1.0)
    with pytest.raises(PortError):
        port.write(b"AT\r")
    port.close()
    port.release()


@pytest.mark.parametrize(
    ("happened", "event"),
    [
        (Unsolicited("+CMTI", '"SM",3'), NewMessage(Place("SM", 3))),
        (Unsolicited("+CMTI", ",-1"), MessagesReady()),
        (Unsolicited("+CMTI", ""), MessagesReady()),
        (Unsolicited("+CDSI", '"SR",2'), NewMessage(Place("SR", 2))),
        (Unsolicited("+CDS", "25", "06AA"), Report("06AA", 25)),
        (Unsolicited("+CMT", ",24", "04AA"), DirectMessage("04AA", 24)),
        (Unsolicited("+CMT", "", "04AA"), DirectMessage("04AA", None)),
        (Unsolicited("RING"), Ring()),
        (Unsolicited("+CLIP", '"+252615550143",145'), Ring("+252615550143")),
        (Unsolicited("+CLIP", ""), Ring("")),
        (Unsolicited("+CREG", "5"), RegistrationChanged()),
        (Unsolicited("+CPIN", "READY"), None),
        (Unsolicited("+CPIN", "NOT INSERTED"), SimChanged()),
        (Unsolicited("SMS Ready"), MessagesReady()),
        (Unsolicited("RDY"), Restarted()),
        (Unsolicited("+CUSD", '0,"x",15'), None),
    ],
)
def test_unsolicited_lines_mean_events(happened: Unsolicited, event: ModemEvent | None) -> None:
    """Each line we act on, whole or damaged; others mean nothing."""
    assert reading.event(happened) == event
