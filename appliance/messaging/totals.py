"""How many steps messages have taken: what a counter of measurements grows by."""

from __future__ import annotations

from typing import Any

from appliance.store import Store
from appliance.store import tables as t
from appliance.store.sql import fn


def steps(store: Store, after: int) -> tuple[int, dict[str, int]]:
    """How often a message came into each state since the place ``after`` of the history, and its newest place.

    ``after`` 0 reads the whole history; whoever asks again goes on from the place given.
    """
    with store.read() as tx:
        newest = int(tx.value(t.History.select(fn.MAX(t.History.cursor))) or 0)
        within = (t.History.cursor > after) & (t.History.cursor <= newest)
        query: Any = t.History.select(t.History.state, fn.COUNT(t.History.cursor).alias("n")).where(within)
        return max(newest, after), {row["state"]: row["n"] for row in tx.all(query.group_by(t.History.state))}
