from __future__ import annotations

import threading

import pytest

from appliance.runtime.worker import Worker


def test_step_repeats_until_stop():
    """A step that returns is called again until the stop event is set."""
    stop, calls = threading.Event(), []

    def step(stop):
        calls.append(threading.current_thread().name)
        if len(calls) == 3:
            stop.set()

    worker = Worker("steps", step, stop)
    worker.start()
    assert worker.join(5)
    assert calls == ["steps"] * 3
    assert worker.last_error is None


def test_crash_is_kept_and_step_goes_on():
    """A crash is remembered and the step tried again; success forgets the count."""
    stop, calls = threading.Event(), []

    def step(stop):
        calls.append(1)
        if len(calls) < 3:
            raise ValueError("bad step")
        stop.set()

    worker = Worker("steps", step, stop, first_wait_s=0.001)
    worker.start()
    assert worker.join(5)
    assert len(calls) == 3
    assert isinstance(worker.last_error, ValueError)
    assert worker.crashes == 0
    assert not worker.gave_up


def test_endless_crashes_end_the_service():
    """At the limit the worker gives up and stops its service, whose supervisor starts it afresh."""
    stop = threading.Event()

    def step(stop):
        raise ValueError("always")

    worker = Worker("steps", step, stop, first_wait_s=0.0, limit=4)
    worker.start()
    assert stop.wait(5)
    assert worker.join(5)
    assert worker.gave_up
    assert worker.crashes == 4


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_thread_that_ends_however_ends_its_service():
    """Even what is no crash (an exit called inside a library) leaves no service without its thread."""
    stop = threading.Event()

    def step(_stop):
        raise SystemExit

    worker = Worker("exits", step, stop)
    worker.start()
    assert worker.join(5)
    assert stop.is_set()
