"""`bridge demo`: the real bridge between a simulated HIS, modality and EHR, hop by hop."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Protocol, TextIO

from bridge.settings import Settings, load
from bridge.simulate.ehr import Ehr
from bridge.simulate.hops import Hops
from bridge.simulate.hospital import OrderBook
from bridge.simulate.modality import ModalityError
from bridge.simulate.rounds import SCENARIOS, Addresses, Interrupted, Round, RoundFailed

_LOOPBACK = "127.0.0.1"
_CONFIGURATION = """\
# Written by `bridge demo` at every start; `bridge serve --config {file}` runs it alone.
site: {{name: HOSP, timezone: Asia/Ho_Chi_Minh, mode: his_only}}
var: {var}
http: {{host: 127.0.0.1, port: {http}}}
viewer: {{folder: var/viewer, port: {viewer}}}
hl7:
  listeners: [{{name: his, host: 127.0.0.1, port: {hl7}, profile: ihe-swf}}]
dicom:
  ae_title: BRIDGE
  host: 127.0.0.1
  port: {dicom}
  settle_seconds: 3
  peers: [{{ae_title: CT01}}]
destinations:
  - {{name: ehr, kind: fhir, url: "http://127.0.0.1:{ehr}/fhir", version: R4}}
"""


class RunningBridge(Protocol):
    """A bridge that was started; `http_address` is the base of its HTTP listener.

    `console` is the address that signs in to its console, once.
    """

    @property
    def http_address(self) -> str:
        """Base URL of the HTTP listener."""

    @property
    def console(self) -> str:
        """Where the console opens."""

    def stop(self) -> None:
        """Take nothing new, finish what is under way, and return when all is closed."""


StartBridge = Callable[[Settings], RunningBridge]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What the command line can change. `every` is seconds from order to order."""

    var: Path = Path("var/demo")
    once: bool = False
    every: float = 10.0
    http_port: int = 8080
    hl7_port: int = 2575
    dicom_port: int = 11112
    ehr_port: int = 8090
    viewer_port: int = 8081


def add_arguments(parser: ArgumentParser) -> None:
    """The options of `bridge demo`, named as `DemoOptions` names them."""
    defaults = DemoOptions()
    parser.add_argument("--var", type=Path, default=defaults.var, help="folder of the demo's data")
    parser.add_argument("--once", action="store_true", help="close one loop and end: 0 when it did")
    parser.add_argument(
        "--every", type=float, default=defaults.every, help="seconds from order to order"
    )
    for role, port in _ports(defaults).items():
        parser.add_argument(f"--{role}-port", type=int, default=port, help=f"preferred {role} port")


def run(options: DemoOptions, start_bridge: StartBridge, out: TextIO = sys.stdout) -> int:
    """Run the demo until SIGINT or SIGTERM, or for one loop; returns the exit code.

    To be called from the main thread: it takes over the two signals while it runs.
    """
    hops = Hops(out)
    options.var.mkdir(parents=True, exist_ok=True)
    _log_to(options.var / "bridge.log")
    with _stop_signals() as stopping:
        ports = _choose_ports(options, hops)
        ehr = Ehr(_LOOPBACK, ports["ehr"])
        ehr.start()
        try:
            bridge = start_bridge(_configure(options.var, ports))
            try:
                failed = _loop(options, ports, bridge.console, hops, stopping)
            finally:
                hops.line("Stopping the bridge")
                bridge.stop()
        finally:
            ehr.stop()
    return 1 if failed else 0


def _log_to(file: Path) -> None:
    """The bridge's log, kept off the screen; the simulated devices use its libraries too."""
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(filename=file, level=logging.INFO, format=form)
    for library in ("alembic", "pynetdicom", "uvicorn"):
        logging.getLogger(library).setLevel(logging.WARNING)


def _loop(
    options: DemoOptions, ports: dict[str, int], console: str, hops: Hops, stopping: Event
) -> int:
    """Send order after order; returns how many did not come through."""
    ehr_url = f"http://{_LOOPBACK}:{ports['ehr']}/fhir"
    addresses = Addresses(hl7_port=ports["hl7"], dicom_port=ports["dicom"], ehr_url=ehr_url)
    book = OrderBook(options.var / "last-order")
    closed = failed = 0
    _introduce(options, ports, hops)
    for index in count():
        try:
            came_through = _one_round(Round(addresses, hops, stopping), book, index, hops)
        except Interrupted:
            break
        closed, failed = closed + came_through, failed + (not came_through)
        if options.once:
            break
        if index == 0:
            _tell_addresses(console, ehr_url, options, hops)
        if stopping.wait(options.every):
            break
    hops.line(f"\n{hops.summary(closed, failed)}")
    return failed


def _one_round(step: Round, book: OrderBook, index: int, hops: Hops) -> bool:
    scenario = SCENARIOS[index % len(SCENARIOS)]
    number = book.next_number()
    hops.line(f"\nOrder {number}: {scenario.title}")
    try:
        step.run(number, scenario)
    except (RoundFailed, ModalityError, OSError, ValueError) as error:
        hops.line(f"  FAILED    {error}")
        return False
    return True


def _introduce(options: DemoOptions, ports: dict[str, int], hops: Hops) -> None:
    hops.line(
        f"The bridge runs: HL7 (MLLP) on port {ports['hl7']}, DICOM (BRIDGE) on {ports['dicom']},"
        f" HTTP on {ports['http']}; the simulated EHR on {ports['ehr']}."
    )
    hops.line(
        "Times are as the simulators see them, with the associations and connections they open."
    )
    hops.line(f"Configuration {options.var / 'bridge.yaml'}, log {options.var / 'bridge.log'}.")


def _tell_addresses(console: str, ehr_url: str, options: DemoOptions, hops: Hops) -> None:
    hops.line(f"\nConsole  {console}")
    hops.line("         (the link signs you in, once; `bridge user` adds accounts)")
    hops.line(f"EHR      {ehr_url}/ImagingStudy")
    hops.line(f"A new order every {options.every:g} s. Ctrl-C ends the demo.")


def _configure(var: Path, ports: dict[str, int]) -> Settings:
    """Write the configuration file and read it. The environment has no say in a demo."""
    file = var / "bridge.yaml"
    file.write_text(_CONFIGURATION.format(file=file, var=var, **ports), "utf-8")
    return load(file, {})


def _ports(options: DemoOptions) -> dict[str, int]:
    return {
        "http": options.http_port,
        "hl7": options.hl7_port,
        "dicom": options.dicom_port,
        "ehr": options.ehr_port,
        "viewer": options.viewer_port,
    }


def _choose_ports(options: DemoOptions, hops: Hops) -> dict[str, int]:
    """The preferred ports, or free ones where another program listens already."""
    chosen: dict[str, int] = {}
    for role, port in _ports(options).items():
        chosen[role] = port
        if port == 0 or port in list(chosen.values())[:-1] or not _is_free(port):
            chosen[role] = _free_port()
            if port:
                hops.line(
                    f"Port {port} ({role}) is taken by another program; using {chosen[role]}."
                )
    return chosen


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


@contextmanager
def _stop_signals() -> Iterator[Event]:
    """An event that SIGINT and SIGTERM set while the block runs."""
    stopping = Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
