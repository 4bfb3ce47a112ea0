"""Small things several test modules need."""

from __future__ import annotations

from appliance.domain.address import Line, parse_phone
from appliance.domain.records import IncomingSms
from appliance.domain.text import Encoding, fits_gsm7
from appliance.messaging import replica
from appliance.store import Store, journal

AMINA = parse_phone("+252615550143")
YUSUF = parse_phone("+252615550144")
IMEI = "350000000000017"


def columns_of(store: Store, table: str) -> set[str]:
    """Names of the columns a table really has."""
    return {column.name for column in store.database.get_columns(table)}


def sms(text: str, sender: Line = AMINA, **values: object) -> IncomingSms:
    """An incoming part as a modem service gives it."""
    defaults = {
        "raw": f"{sender}|{text}|{values}".encode("utf-8", "replace"),
        "modem": IMEI,
        "sent_at": 1_700_000_000_000,
    }
    return IncomingSms(sender, text, Encoding.GSM7 if fits_gsm7(text) else Encoding.UCS2, **{**defaults, **values})


def tell(source: Store, target: Store) -> int:
    """Brings everything ``source`` has not yet told to ``target``, as the link does; how many entries."""
    told = 0
    with source.read() as tx:
        lanes = [
            (o, journal.read(tx, o.lane, o.acked, max_entries=1000, max_bytes=1 << 20))
            for o in journal.outgoing(tx, target.node.name)
        ]
    for lane, entries in lanes:
        with target.write() as tx:
            for entry in entries:
                assert replica.apply(tx, journal.Lane(source.node.name, lane.lane.epoch, lane.lane.lane), entry)
        with source.write() as tx:
            journal.acknowledge(tx, lane.lane, applied=lane.highest, stable=lane.highest)
        told += len(entries)
    return told


def sync(one: Store, other: Store) -> None:
    """Exchanges until both have said everything."""
    while tell(one, other) + tell(other, one):
        pass
