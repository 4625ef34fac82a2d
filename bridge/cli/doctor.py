"""`bridge doctor`: whether the bridge can work here, and who of its neighbours answers."""

from __future__ import annotations

import argparse
import os
from itertools import chain
from typing import Any

from bridge.settings import load
from bridge.wiring.examination import examine_here
from bridge.wiring.neighbours import examine_neighbours


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parser of this command."""
    doctor = commands.add_parser(
        "doctor", parents=[common], help="examine configuration, database, ports and neighbours"
    )
    doctor.set_defaults(run=_examine)


def _examine(options: argparse.Namespace) -> int:
    settings = load(options.config, os.environ)
    faults = 0
    for finding in chain(examine_here(settings), examine_neighbours(settings)):
        faults += not finding.is_well
        print(f"{'ok   ' if finding.is_well else 'WRONG'}  {finding.what}: {finding.words}")
    print(f"{faults} found wrong." if faults else "All is well.")
    return 1 if faults else 0
