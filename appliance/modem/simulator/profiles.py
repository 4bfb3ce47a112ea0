"""How modems differ: names, start-up, storage, quirks, and how long they take.

Sources of the sim800 figures: sending, the log of gammu issue #419 (2-3 s per part) and of txgsm's README (3 s), as a
lognormal with median 3 s and 95 % under 6 s; reading and deleting stay well under the limits of the SIM800 AT manual
V1.12 (CMGR 5 s, CMGD 5 s, CMGL 20 s); registration 5 to 30 s after power-on. Their middle is an assumption: nobody
published it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Lognormal:
    """A time in seconds with this median and 95th percentile; zero median is no time at all."""

    median: float = 0.0
    p95: float = 0.0

    def draw(self, rng: random.Random) -> float:
        """One time."""
        if self.median <= 0:
            return 0.0
        sigma = math.log(self.p95 / self.median) / 1.645
        return rng.lognormvariate(math.log(self.median), sigma)


@dataclass(frozen=True, slots=True)
class Boot:
    """Unsolicited results after power-on as (seconds, text), and when the modem is on the network."""

    lines: tuple[tuple[float, str], ...]
    sms_ready_s: float
    registered_s: float


NO_TIME = Lognormal()


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of modem."""

    name: str
    manufacturer: str
    model: str
    revision: str
    boot: Boot
    cnmi_ds: tuple[int, ...]
    """Values of <ds> that +CNMI takes (3GPP TS 27.005 §3.4.1)."""
    usb: bool
    """Whether ``AT+CFUN=1,1`` makes the port vanish for a moment."""
    storages: tuple[str, ...] = ("SM", "ME", "SR")
    sim_capacity: int = 50
    send: Lognormal = NO_TIME
    """From Ctrl-Z to +CMGS."""
    spacing: Lognormal = NO_TIME
    """Between two incoming messages."""
    command: Lognormal = NO_TIME
    """Any command not named in ``slow``."""
    slow: Mapping[str, Lognormal] = field(default_factory=dict)
    keeps_smss: bool = True
    """Whether it writes the last TP-MR to the SIM."""
    ring_s: float = 3.0
    """Between two RINGs."""

    def delay(self, name: str, rng: random.Random) -> float:
        """Seconds this modem thinks about a command."""
        return self.slow.get(name, self.command).draw(rng)


IDEAL = Profile(
    name="ideal",
    manufacturer="Fieldbox",
    model="Village",
    revision="1.0",
    boot=Boot(((0.0, "RDY"), (0.0, "+CPIN: READY"), (0.0, "SMS Ready")), 0.0, 0.0),
    cnmi_ds=(0, 1, 2),
    usb=True,
    ring_s=1.0,
)

SIM800 = Profile(
    name="sim800",
    manufacturer="SIMCOM_Ltd",
    model="SIMCOM_SIM800L",
    revision="Revision:1418B05SIM800L24",
    boot=Boot(
        ((2.0, "RDY"), (2.1, "+CFUN: 1"), (3.0, "+CPIN: READY"), (7.0, "Call Ready"), (8.0, "SMS Ready")), 8.0, 6.0
    ),
    cnmi_ds=(0, 1),
    usb=False,
    storages=("SM", "ME"),
    sim_capacity=25,
    send=Lognormal(3.0, 6.0),
    spacing=Lognormal(1.5, 3.0),
    command=Lognormal(0.02, 0.06),
    slow={
        "+CMGR": Lognormal(0.15, 0.4),
        "+CMGD": Lognormal(0.3, 1.0),
        "+CMGL": Lognormal(0.6, 2.0),
        "+CPMS": Lognormal(0.1, 0.3),
        "+COPS": Lognormal(0.1, 0.3),
        "+CUSD": Lognormal(0.3, 0.8),
    },
)

PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (IDEAL, SIM800)}
