"""What all tests share: a clock that stands still, and stores on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, sync_playwright

from appliance.runtime.clock import FakeClock
from appliance.store import Store, open_store

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Postgres:
    """A running cluster of this test worker."""

    socket_dir: Path
    port: int

    def new_database(self) -> str:
        """The address of a new, empty database."""
        name = f"t{os.getpid()}_{next(_NUMBERS)}"
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname="postgres", autocommit=True
        ) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


def _as_postgres(command: list[str]) -> list[str]:
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL on loopback, started for this worker and thrown away after."""
    if not _BINARIES:
        message = "PostgreSQL is not installed: apt-get install postgresql"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    binaries = _BINARIES[-1]
    folder = Path(tempfile.mkdtemp(prefix="fieldbox-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    initdb = [
        str(binaries / "initdb"),
        "-D",
        str(data),
        "-A",
        "trust",
        "-U",
        "postgres",
        "--locale=C.UTF-8",
        "-E",
        "UTF8",
        "--no-sync",
    ]
    subprocess.run(_as_postgres(initdb), check=True, capture_output=True, cwd="/")
    port = _free_port()
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off -c max_connections=60"
    control = [str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
    subprocess.run(_as_postgres([*control, "-o", options, "start"]), check=True, capture_output=True, cwd="/")
    try:
        yield Postgres(folder, port)
    finally:
        subprocess.run(_as_postgres([*control, "-m", "immediate", "stop"]), check=False, capture_output=True, cwd="/")
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def clock() -> FakeClock:
    """A clock the test owns."""
    return FakeClock()


MakeStore = Callable[..., Store]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_postgresql)])
def make_store(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Iterator[MakeStore]:
    """Opens stores by node name, on each of the two databases; the same name opens the same store again."""
    urls: dict[str, str] = {}
    opened: list[Store] = []

    def make(node: str = "baidoa", kind: str = "box", **options: object) -> Store:
        if node not in urls:
            urls[node] = (
                f"sqlite:///{tmp_path}/{node}.db"
                if request.param == "sqlite"
                else request.getfixturevalue("postgres").new_database()
            )
        store = open_store(urls[node], node=node, kind=kind, clock=options.pop("clock", clock), **options)
        opened.append(store)
        return store

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def box(make_store: MakeStore) -> Store:
    """A box's store."""
    return make_store("baidoa", "box")


@pytest.fixture
def hub(make_store: MakeStore) -> Store:
    """A hub's store."""
    return make_store("hub", "hub")


CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, started once for this worker: Playwright allows one at a time in a thread."""
    if not CHROMIUM.exists():
        message = "Chromium is not installed: apt-get install chromium"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()
