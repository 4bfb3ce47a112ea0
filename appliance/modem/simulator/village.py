"""The village as a service: network, modems on pseudo-terminals, pages and JSON, script, and the link's weather."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from appliance.domain.address import AddressError, mask, parse_phone
from appliance.modem.simulator.chance import seeded
from appliance.modem.simulator.commands_sms import COMMANDS
from appliance.modem.simulator.device import Device
from appliance.modem.simulator.http import HttpServer
from appliance.modem.simulator.modem import Modem
from appliance.modem.simulator.network import Network, Times
from appliance.modem.simulator.profiles import PROFILES
from appliance.modem.simulator.proxy import LinkProxy
from appliance.modem.simulator.schedule import Schedule
from appliance.modem.simulator.script import Player, load
from appliance.modem.simulator.sim import Memory, SimCard
from appliance.runtime.clock import Clock, SystemClock
from appliance.runtime.worker import Worker

log = logging.getLogger(__name__)

DEFAULT_SCRIPT = Path(__file__).with_name("village.toml")
FIRST_NUMBER = 252_615_550_100
_STOP_S = 2.0


@dataclass(frozen=True, slots=True)
class ModemOptions:
    """One ``--modem``. Empty fields are filled in by place: the first modem is +252615550100."""

    link: Path
    profile: str = "ideal"
    imei: str = ""
    number: str = ""
    pin: str = ""


@dataclass(frozen=True, slots=True)
class VillageOptions:
    """What ``fieldbox village`` can be told."""

    modems: tuple[ModemOptions, ...] = ()
    seed: int = 1
    http: tuple[str, int] = ("127.0.0.1", 8099)
    """Port 0 takes a free one; ``VillageService.http_port`` tells which."""
    script: Path = DEFAULT_SCRIPT
    quiet: bool = False
    proxy: tuple[tuple[str, int], tuple[str, int]] | None = None
    """Where the link's proxy listens, and what it leads to."""
    links: Path | None = None
    """JSON with the addresses and logins the start page shows; read afresh for every page."""
    times: Times = field(default_factory=Times)


def parse_modem(text: str) -> ModemOptions:
    """Reads ``LINK[,profile=…][,imei=…][,number=+…][,pin=…]``; raises ValueError with a sentence."""
    link, *pairs = text.split(",")
    if not link:
        raise ValueError("A modem needs a path for its port, like --modem var/modem0,profile=ideal")
    values: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or key not in {"profile", "imei", "number", "pin"}:
            raise ValueError(f"“{pair}” is not an option of a modem. It takes profile=, imei=, number= and pin=.")
        values[key] = value
    profile = values.get("profile", "ideal")
    if profile not in PROFILES:
        raise ValueError(f"There is no modem profile “{profile}”. There are: {', '.join(sorted(PROFILES))}.")
    imei = values.get("imei", "")
    if imei and not (imei.isdecimal() and len(imei) == 15):
        raise ValueError("An IMEI has 15 digits.")
    number = values.get("number", "")
    if number:
        try:
            number = parse_phone(number, country="252").address
        except AddressError as error:
            raise ValueError(str(error)) from error
    return ModemOptions(Path(link), profile, imei, number, values.get("pin", ""))


def parse_address(text: str) -> tuple[str, int]:
    """Reads ``HOST:PORT``; raises ValueError with a sentence."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"“{text}” is not an address. Write it like 127.0.0.1:8099")
    return host.strip("[]"), int(port)


def parse_proxy(text: str) -> tuple[tuple[str, int], tuple[str, int]]:
    """Reads ``LISTEN=TARGET``, each HOST:PORT; raises ValueError with a sentence."""
    listen, equals, target = text.partition("=")
    if not equals:
        raise ValueError("A proxy is written LISTEN=TARGET, like 127.0.0.1:8111=127.0.0.1:8110")
    return parse_address(listen), parse_address(target)


def imei_of(seed: int, place: int) -> str:
    """A made-up IMEI with a right check digit (3GPP TS 23.003 §6.2.1), always the same for a seed and a place."""
    body = "00440100" + f"{seeded('imei', seed, place).randrange(10**6):06d}"
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(body)]
    total = sum(value // 10 + value % 10 for value in doubled)
    return f"{body}{-total % 10}"


class VillageService:
    """Runs a whole village. ``open`` makes ports and listens; ``run`` opens, serves until told to stop, and closes."""

    name = "village"

    def __init__(self, options: VillageOptions, *, clock: Clock | None = None) -> None:
        self.options = options
        self.schedule = Schedule(clock or SystemClock())
        self.network = Network(self.schedule, seed=options.seed, times=options.times)
        self.modems: dict[str, Modem] = {}
        self.devices: dict[str, Device] = {}
        self.proxy: LinkProxy | None = None
        self.http: HttpServer | None = None
        self._workers: list[Worker] = []
        self._halt = threading.Event()

    @property
    def http_port(self) -> int:
        """The port the pages are at; 0 before ``open``."""
        return self.http.port if self.http else 0

    def open(self) -> None:
        """Make the ports and start to serve; raises OSError or ValueError when something is taken."""
        options = self.options
        for place, wanted in enumerate(options.modems):
            self._add_modem(place, wanted)
        if options.proxy:
            self.proxy = LinkProxy(*options.proxy, self.schedule.clock)
            self.proxy.open()
        self.http = HttpServer(options.http, network=self.network, modems=self.modems)
        self.http.open(proxy=self.proxy, links=options.links)
        self._work("village-air", self.schedule.step)
        if self.proxy:
            self._work("village-link", self.proxy.step)
        for imei, device in self.devices.items():
            self._work(f"village-modem-{imei[-4:]}", device.step)
        player = Player(self.network, load(options.script, self.network), seed=options.seed)
        player.introduce()
        if options.modems and not options.quiet:
            player.start(next(iter(self.modems.values())).number)
        log.info("= village open: %d modems, http port %d", len(self.modems), self.http_port)

    def close(self) -> None:
        """End everything; harmless when it is closed."""
        self._halt.set()
        if self.http:
            self.http.close()
        if self.proxy:
            self.proxy.close()
        for device in self.devices.values():
            device.close()
        self.schedule.after(0, lambda: None)
        for worker in self._workers:
            worker.join(_STOP_S)

    def run(self, stop: threading.Event) -> None:
        """Serve until ``stop`` is set."""
        try:
            self.open()
            while not stop.wait(0.2):
                if self._halt.is_set():
                    break
        finally:
            self.close()

    def _work(self, name: str, step: Callable[[threading.Event], None]) -> None:
        worker = Worker(name, step, self._halt)
        worker.start()
        self._workers.append(worker)

    def _add_modem(self, place: int, wanted: ModemOptions) -> None:
        number = wanted.number or f"+{FIRST_NUMBER + place}"
        imei = wanted.imei or imei_of(self.options.seed, place)
        if imei in self.modems:
            raise ValueError(f"Two modems have the IMEI {imei}.")
        profile = PROFILES[wanted.profile]
        tail = f"{seeded('sim', self.options.seed, number).randrange(10**10):010d}"
        card = SimCard(
            number=number,
            imsi=f"00101{tail}",
            iccid=f"890001{tail}{place % 1000:03d}"[:19],
            memory=Memory(profile.sim_capacity),
            pin=wanted.pin,
        )
        device = Device(wanted.link, self.schedule)
        modem = Modem(imei=imei, sim=card, profile=profile, network=self.network, port=device)
        modem.install(COMMANDS)
        with self.schedule.lock:
            self.network.attach(modem)
            modem.power_on(warm=True)
            device.open(modem.dialogue.feed)
        self.modems[imei] = modem
        self.devices[imei] = device
        log.info("= modem %s number %s at %s", profile.name, mask(number), wanted.link)
