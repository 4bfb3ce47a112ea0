"""A modem on a network in memory, and PDUs made by the village's own writer."""

from __future__ import annotations

from appliance.modem.simulator import tpdu
from appliance.modem.simulator.commands_sms import COMMANDS
from appliance.modem.simulator.faults import parse
from appliance.modem.simulator.modem import Modem
from appliance.modem.simulator.network import Network, Times
from appliance.modem.simulator.profiles import IDEAL, Profile
from appliance.modem.simulator.schedule import Schedule
from appliance.modem.simulator.sim import Memory, SimCard
from appliance.runtime.clock import FakeClock

BOX = "+252615550100"
PHONE = "+252615550133"


class Bench:
    """A modem on a network in memory, on a clock that the test moves; also the modem's cable."""

    def __init__(self, profile: Profile = IDEAL, *, capacity: int = 50, pin: str = "") -> None:
        self.clock = FakeClock()
        self.schedule = Schedule(self.clock)
        self.network = Network(self.schedule, seed=1, times=Times(transit_s=0.5, report_s=0.5))
        self.said = bytearray()
        self.here = True
        card = SimCard(BOX, "001010000000001", "8900010000000000001", memory=Memory(capacity), pin=pin)
        self.modem = Modem(imei="004401000000001", sim=card, profile=profile, network=self.network, port=self)
        self.modem.install(COMMANDS)
        self.network.attach(self.modem)
        self.modem.power_on(warm=True)

    def write(self, data: bytes) -> None:
        if self.here:
            self.said += data

    def vanish(self, seconds: float | None) -> None:
        self.here = False
        if seconds is not None:
            self.schedule.after(seconds, self.appear)

    def appear(self) -> None:
        self.here = True

    def type(self, data: str | bytes) -> str:
        """What the modem says to these bytes, at once."""
        self.said.clear()
        self.modem.dialogue.feed(data.encode("latin-1") if isinstance(data, str) else data)
        self.schedule.run_due()
        return self.heard()

    def at(self, line: str) -> str:
        """The answer to one command line."""
        return self.type(line + "\r")

    def heard(self) -> str:
        """What the modem said since the last time, and forget it."""
        text = self.said.decode("latin-1")
        self.said.clear()
        return text

    def wait(self, seconds: float) -> str:
        """Let time pass in small steps; what the modem says meanwhile."""
        self.said.clear()
        for _ in range(round(seconds * 20)):
            self.clock.advance(0.05)
            self.schedule.run_due()
        return self.heard()

    def weather(self, **faults: object) -> None:
        self.network.set_weather(parse(faults))
        self.schedule.run_due()

    def send(self, pdu: str) -> str:
        """One +CMGS dialogue: what comes after Ctrl-Z."""
        assert self.at(f"AT+CMGS={len(pdu) // 2 - 1}").endswith("\r\n> ")
        return self.type(pdu + "\x1a")

    def inbox(self, number: str) -> list[str]:
        return [line.text for line in self.network.handset(number).inbox()]


def submits(
    to: str, text: str, *, report: bool = False, validity: int | None = None, reject: bool = False
) -> list[str]:
    """The SUBMIT PDUs of a text in hexadecimal, SMSC octet 00 first."""
    out = []
    for piece in tpdu.split(text, reference=7):
        udhi, length, body = piece.user_data
        first = 0x01 | (0x40 if udhi else 0) | (0x20 if report else 0) | (0x04 if reject else 0)
        first |= 0x10 if validity is not None else 0
        head = bytes([0, first, 0]) + tpdu.encode_address(to) + bytes([0, piece.dcs])
        vp = b"" if validity is None else bytes([validity])
        out.append((head + vp + bytes([length]) + body).hex().upper())
    return out
