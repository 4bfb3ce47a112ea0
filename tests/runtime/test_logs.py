from __future__ import annotations

import logging
import sys

import pytest

from appliance.runtime.logs import LineFormatter, configure


def record(message, *arguments, exc_info=None):
    return logging.LogRecord("appliance.modem", logging.WARNING, __file__, 1, message, arguments, exc_info)


def test_record_is_one_line_with_service_and_logger():
    """Time, level, service, logger and message stand in one line, in this order."""
    line = LineFormatter("modem").format(record("= modem %s is ready", "one"))
    at, level, service, logger, message = line.split(" ", 4)
    assert at.endswith("Z")
    assert (level, service, logger) == ("WARNING", "modem", "appliance.modem")
    assert message == "= modem one is ready"


@pytest.mark.parametrize("number", ["+252615550143", "0615550143", "٠٦١٥٥٥٠١٤٣"])
def test_long_number_is_masked(number):
    """A phone number that slipped into a log is masked, in any digits."""
    assert number.lstrip("+") not in LineFormatter("x").format(record("from %s", number))


def test_hostile_text_stays_in_its_line():
    """Line breaks and direction marks cannot forge a line of the log."""
    line = LineFormatter("x").format(record("name %s", "a\r\n2026 INFO forged\u202e\u2028b"))
    assert len(line.splitlines()) == 1
    assert "\u202e" not in line


def test_traceback_is_folded_and_masked():
    """An exception stays in the record's line."""
    try:
        raise ValueError("bad +252615550143")
    except ValueError:
        line = LineFormatter("x").format(record("crashed", exc_info=sys.exc_info()))
    assert "ValueError" in line
    assert len(line.splitlines()) == 1
    assert "252615550143" not in line


@pytest.mark.parametrize("library", ["waitress", "apscheduler.scheduler", "peewee"])
def test_libraries_speak_of_trouble_only(library, capsys, monkeypatch):
    """A page that is left and a job that is planned are no news; a failure is."""
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root, "level", logging.root.level)
    configure("info", "web")
    logging.getLogger(library).info("Client disconnected while serving /api/v1/events")
    logging.getLogger(library).warning("Task queue depth is 9")
    said = capsys.readouterr().err
    assert "disconnected" not in said
    assert "Task queue depth" in said
