"""`bridge serve`: the bridge itself, until it is told to stop."""

from __future__ import annotations

import argparse
import os
from typing import Any

from bridge.cli.signals import stop_signals
from bridge.settings import load
from bridge.telemetry.logs import configure
from bridge.wiring.bridge import Bridge


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parser of this command."""
    serve = commands.add_parser(
        "serve", parents=[common], help="run the bridge; SIGHUP reads its mapping profiles again"
    )
    serve.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> int:
    settings = load(options.config, os.environ)
    configure(settings.log.level)
    bridge: Bridge | None = None
    with stop_signals(lambda: bridge.reload_profiles() if bridge else None) as wait_for_stop:
        bridge = Bridge(settings)
        bridge.start()
        print(f"bridge ready: {bridge.http_address}/", flush=True)
        wait_for_stop()
        bridge.stop()
    return 0
