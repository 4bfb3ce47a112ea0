"""The jobs service: runs the table by the clock until it is told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from appliance.jobs.table import TABLE, Job
from appliance.store import Store, StoreError

log = logging.getLogger(__name__)

LOOK_S = 15


class JobsService:
    """Owns the only scheduler. ``alive`` is called after each job, and after a row was read in between, on the jobs' thread."""

    name = "jobs"

    def __init__(self, store: Store, *, table: Sequence[Job] = TABLE, alive: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._table = (Job("look", LOOK_S, _look), *table)
        self._alive = alive

    def run(self, stop: threading.Event) -> None:
        """Runs until ``stop`` is set; a job that is running ends first."""
        scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1)},  # one at a time: a small board has better things to do
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        for job in self._table:
            scheduler.add_job(self._carry_out, "interval", args=[job], seconds=job.every_s, id=job.name, name=job.name)
        scheduler.start()
        try:
            stop.wait()
        finally:
            scheduler.shutdown(wait=True)

    def _carry_out(self, job: Job) -> None:
        try:
            job.run(self._store)
            self._alive()
        except StoreError as error:
            log.error("job %s: %s", job.name, error)
        finally:
            self._store.release()


def _look(store: Store) -> None:
    with store.read():
        """A transaction begins with reading this node's row."""
