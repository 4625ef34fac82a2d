"""`bridge serve`, `bridge demo`, `bridge db migrate`: what runs the bridge."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
from typing import Any

from bridge.settings import Settings, load
from bridge.simulate import demo
from bridge.store import schema
from bridge.store.database import Database
from bridge.telemetry.logs import configure
from bridge.wiring import Bridge

log = logging.getLogger(__name__)


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this group."""
    serve = commands.add_parser("serve", parents=[common], help="run the bridge")
    serve.set_defaults(run=_serve)
    show = commands.add_parser("demo", help="run the bridge with a simulated HIS, modality and EHR")
    demo.add_arguments(show)
    show.set_defaults(run=_demo)
    database = commands.add_parser("db", help="database").add_subparsers(required=True)
    migrate = database.add_parser("migrate", parents=[common], help="bring the schema up to date")
    migrate.set_defaults(run=_migrate)


def _serve(options: argparse.Namespace) -> int:
    settings = load(options.config, os.environ)
    configure(settings.log.level)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    bridge = Bridge(settings)
    bridge.start()
    print(f"bridge ready: {bridge.http_address}/", flush=True)
    stopping.wait()
    bridge.stop()
    return 0


def _demo(options: argparse.Namespace) -> int:
    names = {field for field in demo.DemoOptions.__dataclass_fields__ if hasattr(options, field)}
    return demo.run(demo.DemoOptions(**{name: getattr(options, name) for name in names}), _started)


def _started(settings: Settings) -> Bridge:
    bridge = Bridge(settings)
    bridge.start()
    return bridge


def _migrate(options: argparse.Namespace) -> int:
    settings = load(options.config, os.environ)
    database = Database(str(settings.database))
    schema.upgrade(database)
    with database.read() as connection:
        print(f"{settings.database.masked()} is at revision {schema.revision(connection)}")
    database.close()
    return 0
