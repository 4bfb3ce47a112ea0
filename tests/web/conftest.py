"""The web application over a real store in a file, and a browser without JavaScript to walk through it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest
import waitress
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page
from tests_support import AMINA
from waitress import wasyncore
from werkzeug.test import TestResponse

from appliance.domain.address import Line
from appliance.domain.records import Actor, Role
from appliance.gateway import ChangeFeed, blueprints
from appliance.messaging import accounts, inbox
from appliance.runtime.bell import Bell
from appliance.runtime.clock import FakeClock, SystemClock
from appliance.store import Store, open_store
from appliance.web.app import create_app

PASSWORD = "a long enough password"
_NAMES = {
    "amina": ("Amina", Role.ADMINISTRATOR),
    "fatima": ("Fatima", Role.RESPONDER),
    "view": ("Viewer", Role.VIEWER),
}


@dataclass
class Form:
    """A form as it stands on a page."""

    action: str
    fields: dict[str, str]
    buttons: list[tuple[str, str]]


@dataclass
class _Forms(HTMLParser):
    forms: dict[str, Form] = field(default_factory=dict)
    _open: Form | None = None
    _area: tuple[Form, str] | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag, attrs):
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = self.forms.setdefault(found.get("id") or found.get("action", ""), Form("", {}, []))
            self._open.action = found.get("action", "")
        form = self.forms.get(found["form"]) if "form" in found else self._open
        form = form or self.forms.setdefault(found.get("form", "compose"), Form("", {}, []))
        if tag in {"input", "textarea", "select"} and "name" in found:
            form.fields[found["name"]] = found.get("value", "")
            self._area = (form, found["name"]) if tag == "textarea" else None
        if tag == "button" and "name" in found:
            form.buttons.append((found["name"], found["value"]))

    def handle_endtag(self, tag):
        if tag == "form":
            self._open = None
        if tag == "textarea":
            self._area = None

    def handle_data(self, data):
        if self._area:
            form, name = self._area
            form.fields[name] += data.removeprefix("\n") if not form.fields[name] else data


@dataclass
class Browser:
    """Sends forms as a browser without JavaScript does: all fields of the page, one button, follow the redirect."""

    client: FlaskClient
    page: TestResponse | None = None

    def get(self, url: str, **options: object) -> TestResponse:
        self.page = self.client.get(url, follow_redirects=True, **options)
        return self.page

    @property
    def text(self) -> str:
        assert self.page is not None
        return self.page.get_data(as_text=True)

    def forms(self) -> dict[str, Form]:
        parser = _Forms()
        parser.feed(self.text)
        return parser.forms

    def form(self, name: str = "compose") -> Form:
        forms = self.forms()
        if name in forms and not forms[name].action:
            forms[name].action = self.page.request.path
        return forms[name]

    def submit(self, form_name: str = "compose", /, **fields: str) -> TestResponse:
        form = self.form(form_name)
        action = re.sub("#.*", "", form.action)
        data = {**form.fields, **fields}
        self.page = self.client.post(action, data=data, follow_redirects=True)
        return self.page

    def login(self, name: str = "amina", password: str = PASSWORD) -> TestResponse:
        self.get("/login")
        return self.submit("/login", name=name, password=password)


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> Iterator[Store]:
    """A box's store with an administrator, a responder and a viewer."""
    opened = open_store(f"sqlite:///{tmp_path}/box.db", node="baidoa", kind="box", clock=clock)
    for name, (display, role) in _NAMES.items():
        accounts.create_user(opened, name, PASSWORD, display=display, role=role)
    yield opened
    opened.close()


@pytest.fixture
def amina(store: Store) -> Actor:
    """The administrator."""
    return accounts.authenticate(store, "amina", PASSWORD)


@pytest.fixture
def site(store: Store) -> Flask:
    """The application over that store."""
    return create_app(store, node_label="Baidoa", secret=b"k" * 32, country="252")


@pytest.fixture
def stranger(site: Flask) -> Browser:
    """A browser nobody logged in with."""
    return Browser(site.test_client())


@pytest.fixture
def browser(site: Flask) -> Browser:
    """A browser in which the administrator is logged in."""
    found = Browser(site.test_client())
    found.login()
    return found


@pytest.fixture
def as_user(site: Flask) -> Callable[[str], Browser]:
    """Browsers by the account logged in."""

    def make(name: str) -> Browser:
        found = Browser(site.test_client())
        found.login(name)
        return found

    return make


# --- the same in a real browser --------------------------------------------------------------------------------


@dataclass
class RunningNode:
    """A running node's web, and its store for the test to act in."""

    url: str
    store: Store
    feed: ChangeFeed
    amina: Actor

    def login(self, page: Page, language: str = "en") -> None:
        """Logs the administrator in."""
        page.goto(f"{self.url}/login?lang={language}")
        page.fill("#name", "amina")
        page.fill("#password", PASSWORD)
        page.click("main button")
        page.wait_for_url(f"{self.url}/inbox*")

    def conversation(self, line: Line = AMINA) -> str:
        """The address of a person's conversation."""
        return f"{self.url}/c/" + next(str(c.id) for c in inbox.conversations(self.store) if c.line == line)


MakeNode = Callable[..., RunningNode]


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[MakeNode]:
    """Starts the web of a node on a free port, with the real change feed behind the pages."""
    endings: list[Callable[[], None]] = []

    def make(streams: int = 20) -> RunningNode:
        bells = tmp_path / "bells"
        bells.mkdir()
        bell = Bell(bells, "web")
        store = open_store(f"sqlite:///{tmp_path}/box.db", node="baidoa", kind="box", clock=SystemClock(), bell=bell)
        feed = ChangeFeed(store, bell=Bell(bells, "feed"), streams=streams)
        site = create_app(store, node_label="Baidoa", secret=b"k" * 32, blueprints=blueprints(store, feed=feed))
        sockets: dict[int, object] = {}
        # The look-ahead is how a stream sees that its reader has gone, as in the real service.
        server = waitress.create_server(
            site, map=sockets, host="127.0.0.1", port=0, threads=12, channel_request_lookahead=1
        )
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                wasyncore.loop(timeout=0.1, map=sockets, use_poll=True, count=1)

        thread = threading.Thread(target=serve, name="web under test")
        feed.open()
        thread.start()

        def end() -> None:
            feed.close()
            stop.set()
            thread.join(5)
            server.task_dispatcher.shutdown(timeout=2)
            wasyncore.close_all(sockets)
            store.close()

        endings.append(end)
        amina = accounts.create_user(store, "amina", PASSWORD, display="Amina", role=Role.ADMINISTRATOR)
        return RunningNode(f"http://127.0.0.1:{server.effective_port}", store, feed, amina)

    yield make
    for end in endings:
        end()


@pytest.fixture
def node(make_node: MakeNode) -> RunningNode:
    """A running node with nothing in it."""
    return make_node()


@pytest.fixture
def open_context(chromium: Chromium) -> Iterator[Callable[..., BrowserContext]]:
    """Fresh browser profiles, closed after the test."""
    opened: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        opened.append(chromium.new_context(**options))
        opened[-1].set_default_timeout(10_000)
        return opened[-1]

    yield make
    for context in opened:
        context.close()
