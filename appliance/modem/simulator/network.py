"""A seeded simulated mobile network: subscribers, a service centre with store-and-forward, reports, faults, calls.

Everything happens under ``schedule.lock`` and at times of the schedule's clock; chance comes from one seeded generator.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from math import inf
from typing import Protocol

from appliance.domain.address import AddressError, parse_phone
from appliance.modem.simulator import tpdu
from appliance.modem.simulator.chance import seeded
from appliance.modem.simulator.faults import Fault, Weather
from appliance.modem.simulator.handset import Handset, Line
from appliance.modem.simulator.ledger import Entry, Ledger
from appliance.modem.simulator.schedule import Schedule
from appliance.modem.simulator.tpdu import Piece, Stamp, Submit

DELIVERED, EXPIRED = 0x00, 0x46
"""TP-ST values (3GPP TS 23.040 §9.2.3.15): received by the SME; validity period expired, permanent error."""

CMS_TRANSFER_REJECTED = 21
"""RP cause of 3GPP TS 24.011 Annex E-2: what operators answer when the SIM has no credit."""

CMS_UNASSIGNED = 1
"""RP cause "unassigned number" (3GPP TS 24.011 Annex E-2)."""

CMS_DUPLICATE = 0xC5
"""TP-FCS "SM rejected, duplicate" (3GPP TS 23.040 §9.2.3.22) as +CMS ERROR tells it."""


class Delivery(Enum):
    """What became of a TPDU handed to a modem."""

    TAKEN = auto()
    REFUSED = auto()
    """No room now, or not attached: the centre keeps it until ``alert``."""
    PENDING = auto()
    """Shown to the computer, which must acknowledge it (3GPP TS 27.005 §3.4.4): ``acknowledge`` tells."""


class Radio(Protocol):
    """A modem as the network sees it. All calls come under the schedule's lock."""

    number: str

    def attached(self) -> bool:
        """Whether it is registered and can be reached."""
        ...

    def take(self, data: bytes, *, report: bool) -> Delivery:
        """Give it an SMS-DELIVER or, with ``report``, an SMS-STATUS-REPORT."""
        ...

    def ring(self, caller: str, seconds: float) -> None:
        """Let it ring."""
        ...

    def spacing_s(self) -> float:
        """Seconds the air takes between two messages to it."""
        ...

    def weather_changed(self) -> None:
        """The faults in force changed."""
        ...


@dataclass(frozen=True, slots=True)
class Times:
    """How long the network takes, in seconds."""

    transit_s: float = 0.1
    report_s: float = 0.1
    retry_s: float = 30.0
    """Between tries for a modem that had no room and gave no alert."""
    validity_s: float = 48 * 3600.0
    """Of messages that name none."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a handset's message became."""

    message: str
    parts: tuple[str, ...]
    """One id for each part."""


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    """One TPDU in the service centre."""

    to: str
    sender: str
    part: Submit | Piece
    mr: int
    entry: Entry
    stamp: Stamp
    expires: float
    report: bytes | None = None
    """A status report, instead of a message."""
    message: str = ""


@dataclass(slots=True)
class _Mailbox:
    queue: deque[_Item] = field(default_factory=deque)
    busy: bool = False
    next_expiry: float = inf
    """When the first of them may expire."""


class Network:
    """The one network of a village. ``country`` is the calling code national numbers belong to."""

    def __init__(
        self, schedule: Schedule, *, seed: int = 0, times: Times | None = None, country: str = "252", quarters: int = 12
    ) -> None:
        self.schedule = schedule
        self.times = times or Times()
        self.country = country
        self.quarters = quarters
        self.seed = seed
        self.rng = seeded("network", seed)
        self.weather = Weather()
        self.ledger = Ledger()
        self.handsets: dict[str, Handset] = {}
        self.radios: dict[str, Radio] = {}
        self.operator = "Village Mobile"
        self._mailboxes: dict[str, _Mailbox] = {}
        self._listeners: list[Callable[[Handset, Line], None]] = []
        self._messages = itertools.count(1)

    # --- subscribers ---

    def number(self, text: str) -> str:
        """The subscriber number written as ``text``; raises AddressError with a sentence."""
        return parse_phone(text, country=self.country).address

    def attach(self, radio: Radio) -> None:
        """Give a modem its place; raises ValueError when its number is taken."""
        with self.schedule.lock:
            if radio.number in self.radios:
                raise ValueError(f"two modems have the number {radio.number}")
            self.radios[radio.number] = radio

    def handset(self, number: str) -> Handset:
        """The handset with this normalised number, created when first used; raises AddressError for a modem's."""
        with self.schedule.lock:
            if number in self.radios:
                raise AddressError("This number belongs to a modem of the village, not to a handset.")
            return self.handsets.setdefault(number, Handset(number))

    def on_received(self, listener: Callable[[Handset, Line], None]) -> None:
        """Call ``listener`` under the lock for every message that is whole in a handset."""
        with self.schedule.lock:
            self._listeners.append(listener)

    def set_reachable(self, number: str, *, reachable: bool) -> Handset:
        """Switch a handset off or on; what waits for it arrives when it is on."""
        with self.schedule.lock:
            handset = self.handset(number)
            handset.reachable = reachable
            self.alert(number)
            return handset

    def set_weather(self, weather: Weather) -> None:
        """Replace the faults in force; modems notice at once."""
        with self.schedule.lock:
            self.weather = weather
            for radio in self.radios.values():
                radio.weather_changed()

    # --- sending ---

    def text(self, sender: str, to: str, text: str) -> Sent:
        """A handset texts. Numbers as ``number`` takes them.

        Raises AddressError for a bad number, ValueError for a text of more than 255 parts.
        """
        with self.schedule.lock:
            handset, to = self.handset(self.number(sender)), self.number(to)
            pieces = tpdu.split(text, reference=handset.next_reference(), wide=handset.wide_references)
            now = self.now_ms()
            entry = Entry(handset.number, to, of=len(pieces))
            message = f"m{next(self._messages)}"
            for place, piece in enumerate(pieces, 1):
                entry.texts[place], entry.mrs[place] = piece.text, handset.next_mr()
            self.ledger.submit(entry, now)
            handset.note_sent(message, to, text=text, parts=len(pieces), at=now)
            for place, piece in enumerate(pieces, 1):
                self._launch(self._item(entry, piece, entry.mrs[place], message=message))
            return Sent(message, tuple(f"{message}-{place}" for place in range(1, len(pieces) + 1)))

    def submit(self, sender: str, data: bytes) -> int | None:
        """A modem hands over an SMS-SUBMIT; None when accepted, else the +CMS ERROR code it is refused with.

        Raises TpduError when the octets are no SMS-SUBMIT.
        """
        with self.schedule.lock:
            part = tpdu.decode_submit(data)
            try:
                to = self.number(part.to)
            except AddressError:
                return CMS_UNASSIGNED
            if self.weather.strikes(Fault.CMS_ERROR, self.rng):
                return self.weather.cms_code
            if part.reject_duplicates and self._holds(sender, to, part.mr):
                return CMS_DUPLICATE
            if not self.weather.pays():
                return CMS_TRANSFER_REJECTED
            entry = self.ledger.accept(Entry(sender, to), part.concat, text=part.text, mr=part.mr, at=self.now_ms())
            self._launch(self._item(entry, part, part.mr))
            return None

    def call(self, caller: str, to: str, seconds: float) -> bool:
        """A handset calls; whether something rang."""
        with self.schedule.lock:
            handset = self.handset(self.number(caller))
            radio = self.radios.get(self.number(to))
            if radio is None or not radio.attached():
                return False
            radio.ring(handset.number, seconds)
            return True

    # --- delivering ---

    def alert(self, number: str) -> None:
        """This subscriber can be reached again or has room again: try what waits for it."""
        self.schedule.after(0, lambda: self._drain(number))

    def acknowledge(self, number: str, *, taken: bool) -> None:
        """The answer to a PENDING delivery."""
        with self.schedule.lock:
            box = self._mailbox(number)
            if box.busy and box.queue:
                box.busy = False
                if taken:
                    self._done(box.queue.popleft())
                    self.alert(number)
                else:
                    self.schedule.after(self.times.retry_s, lambda: self._drain(number))

    def waiting(self, number: str) -> int:
        """How many parts the centre keeps for this subscriber."""
        with self.schedule.lock:
            return len(self._mailbox(number).queue)

    def now_ms(self) -> int:
        """The network's time, ms of Unix time."""
        return self.schedule.clock.now().ms

    def stamp(self) -> Stamp:
        """The network's time as service centre time stamp in its own zone."""
        return Stamp(self.now_ms(), self.quarters)

    def _mailbox(self, number: str) -> _Mailbox:
        return self._mailboxes.setdefault(number, _Mailbox())

    def _item(self, entry: Entry, part: Submit | Piece, mr: int, *, message: str = "") -> _Item:
        asked = part.validity_s if isinstance(part, Submit) else None
        expires = self.schedule.clock.monotonic() + (asked or self.times.validity_s)
        return _Item(entry.to, entry.sender, part, mr, entry, self.stamp(), expires, message=message)

    def _holds(self, sender: str, to: str, mr: int) -> bool:
        held = (item for item in self._mailbox(to).queue if item.report is None)
        return any(item.sender == sender and item.mr == mr for item in held)

    def _launch(self, item: _Item) -> None:
        if self.weather.strikes(Fault.LOSS, self.rng):
            return
        copies = 2 if self.weather.strikes(Fault.DUPLICATE, self.rng) else 1
        for _ in range(copies):
            delay = self.times.transit_s + self.weather.delay_s
            if self.weather.strikes(Fault.REORDER, self.rng):
                delay += self.rng.uniform(0.5, 3.0)
            self.schedule.after(delay, lambda: self._arrive(item))

    def _arrive(self, item: _Item) -> None:
        box = self._mailbox(item.to)
        box.queue.append(item)
        box.next_expiry = min(box.next_expiry, item.expires)
        self._drain(item.to)
        if box.queue and box.queue[-1] is item:
            left = item.expires - self.schedule.clock.monotonic()
            self.schedule.after(left, lambda: self._drain(item.to))

    def _drain(self, number: str) -> None:
        box = self._mailbox(number)
        if box.busy:
            return
        self._expire(box)
        while box.queue:
            outcome = self._hand(box.queue[0])
            if outcome is Delivery.TAKEN:
                self._done(box.queue.popleft())
                if self._pause(number, box):
                    return
            elif outcome is Delivery.PENDING:
                box.busy = True
                return
            else:
                return

    def _expire(self, box: _Mailbox) -> None:
        now = self.schedule.clock.monotonic()
        if box.next_expiry > now:
            return
        for item in [item for item in box.queue if item.expires <= now]:
            box.queue.remove(item)
            self._report(item, EXPIRED)
        box.next_expiry = min((item.expires for item in box.queue), default=inf)

    def _pause(self, number: str, box: _Mailbox) -> bool:
        radio = self.radios.get(number)
        pause = radio.spacing_s() if radio else 0.0
        if pause <= 0:
            return False
        box.busy = True

        def again() -> None:
            box.busy = False
            self._drain(number)

        self.schedule.after(pause, again)
        return True

    def _hand(self, item: _Item) -> Delivery:
        radio = self.radios.get(item.to)
        if radio is not None:
            if not radio.attached():
                return Delivery.REFUSED
            more = len(self._mailbox(item.to).queue) > 1
            data = item.report or tpdu.encode_deliver(item.sender, item.part, item.stamp, more=more)
            return radio.take(data, report=item.report is not None)
        handset = self.handset(item.to)
        if not handset.reachable:
            return Delivery.REFUSED
        line = handset.receive(item.sender, item.part, self.now_ms())
        if line is not None:
            for listener in self._listeners:
                listener(handset, line)
        return Delivery.TAKEN

    def _done(self, item: _Item) -> None:
        if item.report is not None:
            return
        place = item.part.concat.part if item.part.concat else 1
        self.ledger.deliver(item.entry, place, self.now_ms())
        sender = self.handsets.get(item.sender)
        if sender is not None and item.entry.row is not None:
            sender.delivered.add(item.message)
        self._report(item, DELIVERED)

    def _report(self, item: _Item, status: int) -> None:
        if not isinstance(item.part, Submit) or not item.part.report or item.sender not in self.radios:
            return
        if self.weather.strikes(Fault.REPORT_LOSS, self.rng):
            return
        data = tpdu.encode_report(item.mr, item.to, item.stamp, self.stamp(), status=status)
        expires = self.schedule.clock.monotonic() + self.times.validity_s
        report = _Item(item.sender, item.to, item.part, item.mr, item.entry, item.stamp, expires, report=data)
        self.schedule.after(self.times.report_s, lambda: self._arrive(report))
