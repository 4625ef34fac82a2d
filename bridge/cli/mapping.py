"""`bridge mapping`: what the profiles make of messages, tested and explained."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bridge.hl7.explanation import explain, run_tests
from bridge.mapping.profiles import DEFAULT, load_profile
from bridge.mapping.shelf import default_directory


def add_commands(commands: Any, _common: argparse.ArgumentParser) -> None:
    """Add the parsers of this command."""
    mapping = commands.add_parser("mapping", help="mapping profiles").add_subparsers(required=True)
    testing = mapping.add_parser("test", help="run the golden tests beside the profiles")
    testing.add_argument("files", nargs="*", type=Path, help="*.tests.yaml; all when none is named")
    testing.set_defaults(run=_test)
    explaining = mapping.add_parser("explain", help="what a profile makes of a message, and why")
    explaining.add_argument("file", type=Path, help="one HL7 v2 message")
    explaining.add_argument("--profile", default=DEFAULT)
    explaining.set_defaults(run=_explain)


def _test(options: argparse.Namespace) -> int:
    files = options.files or sorted(default_directory().glob("*.tests.yaml"))
    failed = count = 0
    for file in files:
        for result in run_tests(file):
            count += 1
            failed += not result.passed
            if not result.passed:
                print(f"FAILED {result.place} {result.name}")
                print("\n".join(f"  {line}" for line in result.differences))
    print(f"{count - failed} of {count} golden tests passed")
    return 1 if failed else 0


def _explain(options: argparse.Namespace) -> int:
    print(explain(load_profile(options.profile), options.file.read_bytes()), end="")
    return 0
