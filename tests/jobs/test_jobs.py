from __future__ import annotations

import logging
import threading

import pytest

from appliance.jobs.service import JobsService
from appliance.jobs.table import Job, verify_audit
from appliance.messaging import status
from appliance.store import Store, StoreError, audit
from appliance.store import tables as t


def test_job_runs_by_the_clock_until_told_to_stop(box: Store) -> None:
    """The scheduler carries out the table and ends with the service."""
    stop, ran = threading.Event(), threading.Event()
    service = JobsService(box, table=[Job("test", 1, lambda _store: ran.set())])
    thread = threading.Thread(target=service.run, args=[stop], name="jobs")
    thread.start()
    assert ran.wait(20)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()


def test_job_that_fails_is_said_and_the_next_runs(box: Store, caplog) -> None:
    """A failing job never takes the service down."""

    def fail(_store: Store) -> None:
        raise StoreError("no room")

    stop, ran = threading.Event(), threading.Event()
    service = JobsService(box, table=[Job("bad", 1, fail), Job("good", 1, lambda _store: ran.set())])
    thread = threading.Thread(target=service.run, args=[stop], name="jobs")
    with caplog.at_level(logging.ERROR):
        thread.start()
        assert ran.wait(20)
        stop.set()
        thread.join(20)
    assert "no room" in caplog.text


def test_old_changes_are_forgotten_and_new_ones_kept(box: Store) -> None:
    """The feed stays short."""
    with box.write() as tx:
        for n in range(30):
            tx.event("message", n)
    status.prune_changes(box, keep=10)
    assert [change.subject for change in status.changes(box, 0)] == [str(n) for n in range(20, 30)]


def test_changed_audit_trail_is_said(box: Store) -> None:
    """The daily check names the line."""
    with box.write() as tx:
        audit.note(tx, "amina", "login", "x")
        tx.run(t.Audit.update(actor="other"))
    with pytest.raises(StoreError, match="line 1"):
        verify_audit(box)


def test_alive_is_said_by_work_and_not_while_a_job_hangs(box: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is read on the thread of the jobs: where one hangs, nothing is said."""
    monkeypatch.setattr("appliance.jobs.service.LOOK_S", 1)
    stop, go, hung, alive = threading.Event(), threading.Event(), threading.Event(), threading.Semaphore(0)

    def hang(_store: Store) -> None:
        hung.set()
        go.wait(20)

    service = JobsService(box, table=[Job("hang", 1, hang)], alive=alive.release)
    thread = threading.Thread(target=service.run, args=[stop], name="jobs")
    thread.start()
    assert hung.wait(20)
    while alive.acquire(blocking=False):
        pass
    assert not alive.acquire(timeout=2.5)
    go.set()
    assert alive.acquire(timeout=20)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
