"""`bridge serve`: the bridge itself, until it is told to stop."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from typing import Any

from bridge.settings import load
from bridge.telemetry.logs import configure
from bridge.wiring.bridge import Bridge


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parser of this command."""
    serve = commands.add_parser("serve", parents=[common], help="run the bridge")
    serve.set_defaults(run=_serve)


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
