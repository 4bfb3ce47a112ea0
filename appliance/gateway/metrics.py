"""Measurements for Prometheus, read from the store when they are asked for; names as promtool wants them."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from appliance.domain.address import mask
from appliance.domain.lifecycle import Incoming, LinkState, ModemState, Outgoing
from appliance.messaging import status, totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client import Metric

    from appliance.domain.records import StatusView
    from appliance.gateway.feed import ChangeFeed
    from appliance.store import Store


class StoreCollector(Collector):
    """Collects from one store; labels carry no number, name or text, and an IMEI only masked."""

    def __init__(self, store: Store, feed: ChangeFeed) -> None:
        self._store = store
        self._feed = feed
        self._lock = threading.Lock()
        self._counted_to = 0
        self._steps: Counter[str] = Counter()

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read the store."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every metric as it is now."""
        view = status.snapshot(self._store)
        yield self._messages()
        yield _queue(view)
        yield from _modems(view)
        yield from _links(view)
        streams = GaugeMetricFamily("fieldbox_event_streams", "Open streams of server-sent events.")
        streams.add_metric([], self._feed.streams())
        yield streams

    def _messages(self) -> Metric:
        # The history only grows, so that each step is read once in the life of a process.
        with self._lock:
            self._counted_to, fresh = totals.steps(self._store, self._counted_to)
            self._steps.update(fresh)
            counts = dict(self._steps)
        family = CounterMetricFamily(
            "fieldbox_sms_messages",
            "Messages that came into a state, as often as they did.",
            labels=["direction", "state"],
        )
        for direction, states in (("in", Incoming), ("out", Outgoing)):
            for state in states:
                family.add_metric([direction, state], counts.get(state, 0))
        return family


def registry(store: Store, feed: ChangeFeed) -> CollectorRegistry:
    """A registry of its own for one application."""
    result = CollectorRegistry()
    result.register(StoreCollector(store, feed))
    return result


def _queue(view: StatusView) -> Metric:
    queue = GaugeMetricFamily("fieldbox_outbox_messages", "Outgoing messages by where they are.", labels=["queue"])
    counts = {
        "queued": view.queue.queued,
        "sending": view.queue.sending,
        "uncertain": view.queue.uncertain,
        "failed": view.queue.failed,
    }
    for name, count in counts.items():
        queue.add_metric([name], count)
    return queue


def _modems(view: StatusView) -> Iterator[Metric]:
    signal = GaugeMetricFamily("fieldbox_modem_signal_bars", "Signal of a modem, 0 to 5.", labels=["imei"])
    ready = GaugeMetricFamily("fieldbox_modem_ready", "1 when the modem can send and receive.", labels=["imei"])
    masked = [mask(modem.imei) for modem in view.modems]
    for place, modem in enumerate(view.modems):
        # Two series of one name would spoil the whole answer; modems of one type may look alike when masked.
        before = masked[:place].count(masked[place])
        label = [f"{masked[place]} {before + 1}" if before else masked[place]]
        ready.add_metric(label, modem.state is ModemState.READY)
        if modem.signal is not None:
            signal.add_metric(label, modem.signal)
    yield signal
    yield ready


def _links(view: StatusView) -> Iterator[Metric]:
    online = GaugeMetricFamily("fieldbox_link_online", "1 when the other end answers.", labels=["peer"])
    waiting = GaugeMetricFamily(
        "fieldbox_link_waiting_entries", "Entries the other end has not acknowledged.", labels=["peer"]
    )
    oldest = GaugeMetricFamily(
        "fieldbox_link_oldest_waiting_seconds", "Age of the oldest entry that waits.", labels=["peer"]
    )
    for link in view.links:
        online.add_metric([link.peer], link.state is LinkState.ONLINE)
        waiting.add_metric([link.peer], link.waiting)
        oldest.add_metric([link.peer], link.oldest_s)
    yield online
    yield waiting
    yield oldest
