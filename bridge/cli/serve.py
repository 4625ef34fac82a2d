"""`bridge serve`: the bridge itself, until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import os
import signal
from typing import Any

from bridge.cli.failures import FAILURES, explain
from bridge.cli.signals import RELOADING, STOPPING, stop_signals
from bridge.settings import Settings, load
from bridge.telemetry.logs import configure
from bridge.wiring.bridge import Bridge, http_address
from bridge.wiring.console import first_link
from bridge.wiring.place import Place
from bridge.wiring.supervisor import Supervisor


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parser of this command."""
    serve = commands.add_parser(
        "serve", parents=[common], help="run the bridge; SIGHUP reads its mapping profiles again"
    )
    serve.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> int:
    settings = load(options.config, os.environ)
    configure(settings.log.level)
    if settings.processes > 1:
        return _serve_by_several(settings)
    bridge: Bridge | None = None
    with stop_signals(lambda: bridge.reload_profiles() if bridge else None) as wait_for_stop:
        bridge = Bridge(settings)
        bridge.start()
        _say_ready(bridge.http_address)
        _say_first_sign_in(bridge)
        wait_for_stop()
        _end(bridge)
    return 0


def _end(bridge: Bridge) -> None:
    if not bridge.stop():  # threads that hang would be waited for when the interpreter ends
        logging.shutdown()
        os._exit(0)


def _serve_by_several(settings: Settings) -> int:
    supervisor = Supervisor(settings, _run_one)
    return supervisor.serve(lambda: _say_ready(http_address(supervisor.settings.http)))


def _run_one(settings: Settings, place: Place) -> int:
    """One of several processes, from its fork to its end; what keeps it from starting is said."""
    configure(settings.log.level, process=place.number)
    bridge: Bridge | None = None
    with stop_signals(lambda: bridge.reload_profiles() if bridge else None) as wait_for_stop:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (*STOPPING, RELOADING, signal.SIGCHLD))
        try:
            bridge = Bridge(settings, place)
            bridge.start()
            if place.is_first:
                _say_first_sign_in(bridge)
        except FAILURES as error:
            return explain(error)
        wait_for_stop()
        _end(bridge)
    return 0


def _say_ready(address: str) -> None:
    print(f"bridge ready: {address}/", flush=True)


def _say_first_sign_in(bridge: Bridge) -> None:
    """Where nobody has an account yet: the link that makes the first one, for who reads this."""
    address = first_link(bridge.settings, bridge.core.store)
    if address:
        print(f"nobody has an account yet; make the first one, once, at {address}", flush=True)
