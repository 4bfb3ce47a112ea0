"""What families of modems need, as data. A family nobody described is treated like ``generic``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from appliance.modem.at.commands import PROMPT_S, SEND_S


@dataclass(frozen=True, slots=True)
class Profile:
    """One family of modems."""

    name: str
    models: re.Pattern[str]
    """Matches maker and model as the modem tells them."""
    init: tuple[str, ...] = ()
    """Typed before anything about messages; an error is no matter."""
    announcements: tuple[str, ...] = ("2,1,0,1,0", "2,1,0,1", "1,1,0,1,0", "2,1,0,2,0", "2,1,0,0,0", "2,1")
    """Values for ``AT+CNMI=``, the first one taken wins. Reports by ``+CDS`` (ds=1) come before stored ones: the
    memory ``SR`` is a trap on several families."""
    storages: tuple[str, ...] = ("SM", "ME")
    """Storages to sweep, where the modem has them; new messages go to the first."""
    prompt_s: float = PROMPT_S
    send_s: float = SEND_S
    ambiguous_cms: frozenset[int] = frozenset()
    """``+CMS ERROR`` codes this family also gives for messages that were sent."""
    sms_ready_s: float = 30.0
    """How long messages may be refused after the SIM is ready."""


_NEVER = re.compile(r"(?!)")

PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("generic", _NEVER),
        Profile("ideal", re.compile(r"Fieldbox")),
        Profile("sim800", re.compile(r"SIM(COM_SIM)?[89]\d\d", re.IGNORECASE), send_s=65.0),
        Profile("sim7000", re.compile(r"SIM(COM_SIM)?7\d\d\d", re.IGNORECASE), send_s=65.0),
        Profile(
            "quectel",
            re.compile(r"Quectel|\b(M95|EC2[015]|EG25|BG96)", re.IGNORECASE),
            init=('AT+QURCCFG="urcport","usbat"',),
            send_s=120.0,
        ),
        Profile(
            "huawei",
            re.compile(r"huawei|\bE[13]\d\d\d?", re.IGNORECASE),
            init=("AT^CURC=0", "AT^PORTSEL=1"),
            ambiguous_cms=frozenset({500}),
        ),
        Profile("zte", re.compile(r"ZTE|\bMF\d\d\d", re.IGNORECASE), init=("AT+ZOPRT=5",)),
        Profile("telit", re.compile(r"Telit|\b[HL]E910", re.IGNORECASE)),
        Profile("ublox", re.compile(r"u-?blox|SARA", re.IGNORECASE)),
    )
}


def choose(wanted: str, description: str) -> Profile:
    """The profile named ``wanted``, or for ``auto`` (and a name nobody knows) the one the modem's own words match."""
    if wanted in PROFILES:
        return PROFILES[wanted]
    for profile in PROFILES.values():
        if profile.models.search(description):
            return profile
    return PROFILES["generic"]
