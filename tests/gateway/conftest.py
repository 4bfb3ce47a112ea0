"""Fixtures of the gateway's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway.node_site import Site, make_site

from appliance.runtime.clock import FakeClock
from appliance.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> Iterator[Store]:
    """A box's store on SQLite; the queries themselves are tested on both databases with the store."""
    opened = open_store(f"sqlite:///{tmp_path}/box.db", node="baidoa", kind="box", clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def site(store: Store) -> Site:
    """The application over a box's store."""
    return make_site(store)


@pytest.fixture
def hub_site(tmp_path: Path, clock: FakeClock) -> Iterator[Site]:
    """The application over a hub's store, which knows no box yet."""
    opened = open_store(f"sqlite:///{tmp_path}/hub.db", node="hub", kind="hub", clock=clock)
    yield make_site(opened)
    opened.close()
