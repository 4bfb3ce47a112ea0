"""Opening a store from many sides at once, and living on when the database went away for a moment."""

from __future__ import annotations

import threading

import pytest
from peewee import DatabaseError
from tests_support import sms

from appliance.messaging import outbox, receive, status
from appliance.store import Store, audit, open_store
from appliance.store import tables as t


def test_services_that_start_at_once_on_an_empty_database_all_open_it(request, clock, tmp_path, make_store) -> None:
    """Whoever comes second waits for the first; nobody calls the database damaged."""
    url = (
        f"sqlite:///{tmp_path}/new.db"
        if make_store("x").dialect.is_sqlite
        else request.getfixturevalue("postgres").new_database()
    )
    together, opened, failed = threading.Barrier(6), [], []

    def start() -> None:
        together.wait(20)
        try:
            opened.append(open_store(url, node="hub", kind="hub", clock=clock))
            opened[-1].release()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test tells it
            failed.append(error)

    threads = [threading.Thread(target=start, name=f"service-{n}") for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for store in opened:
        store.close()
    assert failed == []


@pytest.mark.needs_postgresql
def test_database_that_was_restarted_is_used_again(postgres, clock) -> None:
    """I12: a connection the server closed is opened anew by the next transaction but one at most."""
    url = postgres.new_database()
    store, other = (open_store(url, node="hub", kind="hub", clock=clock) for _ in range(2))
    with store.read() as tx:
        assert tx.now
    other.database.execute_sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with pytest.raises(DatabaseError), store.read() as tx:
        tx.one(t.Node.select())
    with store.write() as tx:
        assert tx.node.name == "hub"
    store.close()
    other.close()


@pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
def test_queries_of_every_second_use_an_index(box: Store) -> None:
    """A hundred thousand delivered messages cost nothing when the queue is looked at (the plan is SQLite's)."""
    seen: list[tuple[str, object]] = []
    original = box.database.execute_sql

    def listen(sql: str, params: object = None, *rest: object) -> object:
        seen.append((sql, params))
        return original(sql, params, *rest)

    box.database.execute_sql = listen  # type: ignore[method-assign]
    outbox.claim(box, "350000000000017")
    outbox.next_due(box)
    status.snapshot(box)
    receive.accept(box, sms("STOP"))
    plans = [
        row[3]
        for sql, params in seen
        if sql.startswith("SELECT") and ('"parts"' in sql or '"messages"' in sql)
        for row in original("EXPLAIN QUERY PLAN " + sql, params).fetchall()
    ]
    assert plans
    assert [plan for plan in plans if plan.startswith("SCAN")] == []


def test_audit_trail_is_verified_in_pieces(box: Store, monkeypatch) -> None:
    """A trail of years is not read into memory at once."""
    monkeypatch.setattr(audit, "AT_ONCE", 3)
    with box.write() as tx:
        for n in range(10):
            audit.note(tx, "amina", "message.write", n)
        assert audit.verify(tx) is None
        tx.run(t.Audit.update(actor="somebody").where(t.Audit.seq == 8))
        assert audit.verify(tx) == 8
