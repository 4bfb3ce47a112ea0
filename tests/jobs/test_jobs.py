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
