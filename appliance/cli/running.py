"""``run``, ``demo`` and ``village``: everything that stays until it is told to end."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli.output import Failed
from appliance.runtime import logs
from appliance.runtime.clock import SystemClock
from appliance.runtime.service import Signals, run_as_process
from appliance.runtime.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appliance.nodes.parts import Parts
    from appliance.runtime.service import Service

LOG_LEVEL = click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)


@click.command()
@click.argument("kind", type=click.Choice(["box", "hub"]))
@click.argument("services", nargs=-1)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings; /etc/fieldbox/KIND.toml where not given.",
)
@click.option("--together", is_flag=True, help="As threads of this one process, for very small boards.")
@LOG_LEVEL
def run(kind: str, services: tuple[str, ...], config: Path | None, *, together: bool, log_level: str) -> None:
    """Run services of a box (modem, link, web, jobs) or a hub (ingest, web, jobs); all of them when none is named.

    One service runs in this process; several run as processes under a supervisor, or with --together as threads.

    \b
    Example:
      fieldbox run box modem --config /etc/fieldbox/box.toml
    """
    config = config or Path(f"/etc/fieldbox/{kind}.toml")
    settings = load(config)
    if settings.node.kind != kind:
        raise Failed(
            f"The settings {config} are those of a {settings.node.kind}. Type fieldbox run {settings.node.kind}."
        )
    builders = _builders(kind)
    unknown = [name for name in services if name not in builders]
    if unknown:
        raise click.BadParameter(f"a {kind} has no service {unknown[0]!r}, but {', '.join(builders)}")
    names = services or tuple(builders)
    logs.configure(log_level, names[0] if len(names) == 1 else kind)
    if len(names) == 1 or together:
        sys.exit(_run_here(names, builders, settings))
    _run_supervised(kind, names, config, settings, log_level)


def _builders(kind: str) -> Mapping[str, Callable[[Parts], Service]]:
    from appliance.nodes import box, hub

    return {"box": box.SERVICES, "hub": hub.SERVICES}[kind]


def _run_here(names: tuple[str, ...], builders: Mapping[str, Callable[[Parts], Service]], settings: Settings) -> int:
    from appliance.nodes.parts import Parts, build

    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        return run_as_process(build(names, builders, Parts(settings, stop, stack)), stop)


def _run_supervised(kind: str, names: tuple[str, ...], config: Path, settings: Settings, log_level: str) -> None:
    from appliance.runtime.supervisor import Child, Supervisor

    stop = threading.Event()
    Signals(stop).install()
    settings.node.data.mkdir(parents=True, exist_ok=True)
    command = (sys.executable, "-m", "appliance.cli", "run", kind)
    options = ("--config", str(config), "--log-level", log_level)
    children = tuple(Child(f"{kind} {name}", (*command, name, *options)) for name in names)
    Supervisor(children, SystemClock(), marks_file=settings.node.data / f"processes-{kind}.json").run(stop)


@click.command()
@click.option(
    "--base-port", type=int, default=8080, show_default=True, help="Box; hub +10, village +20, broker +30, link +31."
)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), default=Path("var/demo"), show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Makes the village's chances repeatable.")
@click.option("--no-browser", is_flag=True, help="Do not open the start page.")
@click.option("--quiet-village", is_flag=True, help="No villager texts by itself.")
@click.option("--real", metavar="PORT", help="Use this real modem, like /dev/ttyUSB2, for the box.")
@click.option("--fresh", is_flag=True, help="Forget what an earlier demo in this folder kept.")
def demo(**given: object) -> None:
    """Run a box, a hub, a broker and a simulated village on this machine, until Ctrl-C.

    \b
    Example:
      fieldbox demo --base-port 8180
    """
    from appliance.nodes.demo import Demo, DemoError, DemoOptions

    browser = not given.pop("no_browser")
    logs.configure("warning", "demo")
    stop = threading.Event()
    signals = Signals(stop)
    signals.install()
    signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))  # a closed terminal ends the demo too
    try:
        Demo(DemoOptions(browser=browser, **given), say=click.echo).run(stop)  # type: ignore[arg-type]
    except DemoError as error:
        raise Failed(str(error)) from error
    click.echo("All has ended.")


@click.command()
@click.option(
    "--modem", "modems", multiple=True, metavar="LINK[,profile=…][,imei=…][,number=+…][,pin=…]", help="May be repeated."
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--http", default="127.0.0.1:8099", show_default=True, help="Where the pages and the JSON are.")
@click.option(
    "--script", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Villagers and what they text."
)
@click.option("--quiet", is_flag=True, help="No villager texts by itself.")
@click.option("--proxy", metavar="LISTEN=TARGET", help="The link's weather, like 127.0.0.1:8111=127.0.0.1:8110.")
@click.option("--links", type=click.Path(path_type=Path, dir_okay=False), help="JSON with what the start page shows.")
@LOG_LEVEL
def village(modems: tuple[str, ...], *, log_level: str, **given: object) -> None:
    """Run a simulated mobile network: phones, a message centre and modems on pseudo-terminals.

    \b
    Example:
      fieldbox village --modem var/modem0,profile=sim800 --http 127.0.0.1:8099
    """
    from appliance.modem.simulator import village as room

    logs.configure(log_level, "village")
    script, proxy, links = given["script"], given["proxy"], given["links"]
    try:
        options = room.VillageOptions(
            modems=tuple(room.parse_modem(text) for text in modems),
            seed=int(str(given["seed"])),
            http=room.parse_address(str(given["http"])),
            script=script if isinstance(script, Path) else room.DEFAULT_SCRIPT,
            quiet=bool(given["quiet"]),
            proxy=room.parse_proxy(str(proxy)) if proxy else None,
            links=links if isinstance(links, Path) else None,
        )
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    sys.exit(run_as_process(room.VillageService(options), threading.Event()))
