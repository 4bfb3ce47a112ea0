"""How this node is: modems, queue, links, clock; and the feed of what changed."""

from __future__ import annotations

from appliance.domain.failure import Failure
from appliance.domain.lifecycle import LinkState, ModemState, Outgoing
from appliance.domain.records import Change, LinkView, ModemStatus, QueueView, StatusView
from appliance.messaging import views
from appliance.messaging.telling import HUB
from appliance.store import Store, Tx, journal
from appliance.store import tables as t
from appliance.store.database import Row
from appliance.store.sql import fn

_QUEUED = (Outgoing.QUEUED.value, Outgoing.WAITING.value, Outgoing.HELD.value)


def snapshot(store: Store) -> StatusView:
    """Everything a status page tells, of one instant."""
    with store.read() as tx:
        modems = tuple(_modem(row) for row in tx.all(t.Modems.select().order_by(t.Modems.imei)))
        known = {row["peer"]: row for row in tx.all(t.Links.select().order_by(t.Links.peer))}
        peers = [HUB] if tx.node.kind == "box" else list(known)
        links = tuple(_link(tx, peer, known.get(peer)) for peer in peers)
        return StatusView(tx.node.name, tx.node.kind, modems, _queue(tx), links, tx.now.quality, tx.dialect.has_room())


def link_state(store: Store, peer: str, state: LinkState, failure: Failure | None = None) -> None:
    """Writes down how the link to ``peer`` is; what changes nothing writes nothing."""
    code = failure.code if failure else ""
    with store.read() as look:
        row = look.one(t.Links.select().where(t.Links.peer == peer))
        if row is not None and (row["state"], row["failure"]) == (state.value, code):
            return
    with store.write() as tx:
        since = tx.now.ms if row is None or row["state"] != state.value else row["since"]
        tx.upsert(t.Links, {"peer": peer}, {"state": state.value, "failure": code, "since": since})
        tx.event("link", peer)


def last_change(store: Store) -> int:
    """The number of the newest change."""
    with store.read() as tx:
        return int(tx.value(t.Events.select(fn.MAX(t.Events.seq))) or 0)


def changes(store: Store, after: int, limit: int = 500) -> list[Change]:
    """What changed after the change ``after``, in order."""
    with store.read() as tx:
        rows = tx.all(t.Events.select().where(t.Events.seq > after).order_by(t.Events.seq).limit(limit))
        return [Change(row["seq"], row["topic"], row["subject"], row["conversation"]) for row in rows]


def prune_changes(store: Store, *, keep: int) -> int:
    """Forgets all but about ``keep`` newest changes; how many went."""
    with store.write() as tx:
        edge = tx.value(t.Events.select(t.Events.seq).order_by(t.Events.seq.desc()).offset(keep))
        return 0 if edge is None else tx.run(t.Events.delete().where(t.Events.seq <= edge))


def _queue(tx: Tx) -> QueueView:
    # Only states that few messages are in, so that a million delivered ones cost nothing here.
    open_states = (*_QUEUED, Outgoing.SENDING.value, Outgoing.UNCERTAIN.value, Outgoing.FAILED.value)
    query = t.Messages.select(t.Messages.state, fn.COUNT(t.Messages.state).alias("n")).where(
        t.Messages.state.in_(open_states)
    )
    counts = {row["state"]: row["n"] for row in tx.all(query.group_by(t.Messages.state))}
    return QueueView(
        queued=sum(counts.get(state, 0) for state in _QUEUED),
        sending=counts.get(Outgoing.SENDING.value, 0),
        uncertain=counts.get(Outgoing.UNCERTAIN.value, 0),
        failed=counts.get(Outgoing.FAILED.value, 0),
    )


def _modem(row: Row) -> ModemStatus:
    return ModemStatus(
        imei=row["imei"],
        state=ModemState(row["state"]),
        signal=row["signal"],
        operator=row["operator"],
        imsi=row["imsi"],
        number=row["number"],
        port=row["port"],
        model=row["model"],
        balance=row["balance"],
        failure=views.known_failure(row["failure"]),
        changed_at=row["changed_at"],
    )


def _link(tx: Tx, peer: str, row: Row | None) -> LinkView:
    count, oldest = journal.waiting(tx, peer)
    return LinkView(
        peer=peer,
        state=LinkState(row["state"]) if row else LinkState.OFFLINE,
        waiting=count,
        oldest_s=max(0, (tx.now.ms - oldest) // 1000) if oldest is not None else 0,
        last_acknowledged_at=row["last_acknowledged_at"] if row else None,
        since=row["since"] if row else None,
        failure=views.known_failure(row["failure"]) if row else None,
    )
