"""`bridge mapping diff`: what another profile would have made of the messages there were."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(mapping: Any, common: argparse.ArgumentParser) -> None:
    """Add the parser of this command."""
    diff = mapping.add_parser(
        "diff",
        parents=[common],
        help="what another profile would have made of messages; exit code 1 when anything differs",
    )
    diff.add_argument(
        "files",
        nargs="*",
        type=Path,
        help="messages or folders of them; profiles (*.yaml) as --from and --to",
    )
    diff.add_argument("--against", choices=["journal"], help="the messages the journal holds")
    profile = "a profile's name, its YAML file, or a folder of profiles"
    diff.add_argument(
        "--from", dest="before", metavar="PROFILE", help=f"{profile}; as configured by default"
    )
    diff.add_argument("--to", "--profile", dest="after", metavar="PROFILE", help=profile)
    diff.add_argument("--since", help="2026-03-12, 2026-03-12T08:00 or 7d")
    diff.add_argument("--until", help="as --since; now by default")
    diff.add_argument("--limit", type=int, default=0, help="most messages that are compared")
    diff.add_argument("--show", action="store_true", help="show identifiers, names and free text")
    diff.set_defaults(run=_diff)


def _diff(options: argparse.Namespace) -> int:
    # It needs the database and all that messages are read with; no other mapping command does.
    from bridge.cli.mapping_comparison import diff  # noqa: PLC0415

    return diff(options)
