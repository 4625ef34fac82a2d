"""`bridge demo`: the bridge between simulated neighbours."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from bridge.settings import Settings
from bridge.simulate import demo
from bridge.wiring.bridge import Bridge
from bridge.wiring.console import demo_link


def add_commands(commands: Any, _common: argparse.ArgumentParser) -> None:
    """Add the parser of this command."""
    show = commands.add_parser("demo", help="run the bridge with a simulated HIS, modality and EHR")
    demo.add_arguments(show)
    show.set_defaults(run=_demo)


def _demo(options: argparse.Namespace) -> int:
    names = {field for field in demo.DemoOptions.__dataclass_fields__ if hasattr(options, field)}
    return demo.run(demo.DemoOptions(**{name: getattr(options, name) for name in names}), _started)


@dataclass(frozen=True, slots=True)
class _Demonstrated:
    """A bridge that runs, with the link that lets its spectator in."""

    bridge: Bridge
    console: str

    @property
    def http_address(self) -> str:
        return self.bridge.http_address

    def stop(self) -> None:
        self.bridge.stop()


def _started(settings: Settings) -> _Demonstrated:
    bridge = Bridge(settings)
    bridge.start()
    return _Demonstrated(bridge, demo_link(bridge.settings, bridge.core.store))
