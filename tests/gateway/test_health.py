"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests_support import AMINA, IMEI, sms

from appliance.domain.lifecycle import LinkState, ModemState
from appliance.domain.records import ModemStatus
from appliance.messaging import modems, receive, status

ABROAD = {"REMOTE_ADDR": "192.168.4.20"}


@pytest.fixture
def running(site):
    """The site with its change feed open."""
    site.feed.open()
    yield site
    site.feed.close()


def _samples(text):
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_alive_is_open_to_all(site):
    """Anybody may know that the process answers, and nothing else."""
    answer = site.client.get("/healthz", environ_base=ABROAD)

    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_ready_when_the_store_is_read_and_changes_flow(running):
    """200 on this computer without a token."""
    answer = running.client.get("/readyz")

    assert (answer.status_code, answer.json) == (200, {"status": "ready"})


def test_not_ready_without_the_feed(site):
    """503 while changes are not handed out."""
    answer = site.client.get("/readyz")

    assert (answer.status_code, answer.json["code"]) == (503, "api.not-ready")
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
def test_other_computers_need_a_token(running, path):
    """403 from the network, 200 with a token that may read the status, 403 with one that may not."""
    assert running.client.get(path, environ_base=ABROAD).json["code"] == "auth.local"
    assert running.client.get(path, environ_base=ABROAD, headers=running.bearer).status_code == 200
    other = running.token_of("messages:read")
    assert running.client.get(path, environ_base=ABROAD, headers=other).json["code"] == "auth.scope"


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via"])
def test_forwarded_call_is_not_local(running, header):
    """A proxy on this computer does not open the door for everyone behind it."""
    assert running.client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 403


def test_metrics_count_messages_modems_and_links(running):
    """What happened is counted, each step once however often it is asked."""
    receive.accept(running.store, sms("hello"))
    running.post({"to": str(AMINA), "text": "hi"})
    modems.report(running.store, ModemStatus(IMEI, ModemState.READY, 3))
    modems.report(running.store, ModemStatus("350099999999017", ModemState.PIN))
    status.link_state(running.store, "hub", LinkState.ONLINE)

    running.client.get("/metrics")
    answer = running.client.get("/metrics")
    samples = _samples(answer.text)

    assert answer.mimetype == "text/plain"
    assert samples["fieldbox_sms_messages_total", "in", "received"] == 1
    assert samples["fieldbox_sms_messages_total", "out", "queued"] == 1
    assert samples["fieldbox_outbox_messages", "queued"] == 1
    assert samples["fieldbox_modem_signal_bars", "3500…017"] == 3
    assert samples["fieldbox_modem_ready", "3500…017"] == 1
    assert samples["fieldbox_modem_ready", "3500…017 2"] == 0
    assert samples["fieldbox_link_online", "hub"] == 1
    assert samples["fieldbox_link_waiting_entries", "hub"] > 0
    assert IMEI not in answer.text
    assert "252615" not in answer.text


def test_steps_between_two_readings_are_added(running):
    """The counter goes on from where it was."""
    receive.accept(running.store, sms("one"))
    running.client.get("/metrics")
    receive.accept(running.store, sms("two"))

    assert _samples(running.client.get("/metrics").text)["fieldbox_sms_messages_total", "in", "received"] == 2


def test_promtool_finds_nothing_to_complain_about(running):
    """Names and types pass the linter of Prometheus."""
    promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if promtool is None:
        message = "promtool is not installed: apt-get install prometheus"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    modems.report(running.store, ModemStatus(IMEI, ModemState.READY, 3))
    text = running.client.get("/metrics").data

    judged = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)

    assert (judged.returncode, judged.stdout + judged.stderr) == (0, b"")
