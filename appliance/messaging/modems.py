"""What is known of the modems of this node."""

from __future__ import annotations

import hashlib

from appliance.domain.records import ModemStatus
from appliance.store import Store
from appliance.store import tables as t


def report(store: Store, status: ModemStatus) -> None:
    """Writes down how a modem is; a status that changes nothing writes nothing."""
    values = {
        "state": status.state.value,
        "signal": status.signal,
        "operator": status.operator,
        "imsi": status.imsi,
        "number": status.number,
        "port": status.port,
        "model": status.model,
        "balance": status.balance,
        "failure": status.failure.code if status.failure else "",
    }
    with store.read() as look:
        row = look.one(t.Modems.select().where(t.Modems.imei == status.imei))
        if row is not None and all(row[name] == value for name, value in values.items()):
            return
    with store.write() as tx:
        tx.upsert(t.Modems, {"imei": status.imei}, {**values, "changed_at": tx.now.ms})
        tx.event("modem", status.imei)


def forget(store: Store, imei: str) -> None:
    """Takes back a status: it was written before the modem had told its name."""
    with store.write() as tx:
        tx.run(t.Modems.delete().where(t.Modems.imei == imei))
        tx.event("modem", imei)


def note_pin(store: Store, imei: str, pin: str) -> bool:
    """Notes that ``pin`` is about to be typed into this modem; False when the same one was typed before without success.

    Committed when it returns, so that no restart types a wrong PIN until the SIM is locked.
    """
    tried = hashlib.blake2b(pin.encode(), key=imei.encode()[:64], digest_size=8).digest()
    with store.write() as tx:
        row = tx.one(t.Pins.select().where(t.Pins.imei == imei))
        if row is not None and bytes(row["tried"]) == tried:
            return False
        tx.upsert(t.Pins, {"imei": imei}, {"tried": tried})
        return True


def forget_pin(store: Store, imei: str) -> None:
    """The SIM is open, or another may be put in: the PIN of the settings may be typed again."""
    with store.read() as look:
        if look.one(t.Pins.select().where(t.Pins.imei == imei)) is None:
            return
    with store.write() as tx:
        tx.run(t.Pins.delete().where(t.Pins.imei == imei))
