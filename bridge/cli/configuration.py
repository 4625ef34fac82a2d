"""`bridge config check` and `bridge mapping …`: what a site has written, examined."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from bridge.hl7.explanation import explain, run_tests
from bridge.mapping.profiles import DEFAULT, check_profiles, default_directory, load_profile
from bridge.settings import FILE_VARIABLE, check, load, render


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this group."""
    config = commands.add_parser("config", help="configuration").add_subparsers(required=True)
    checking = config.add_parser(
        "check", parents=[common], help="examine a configuration file: every error, line and fix"
    )
    checking.add_argument("file", nargs="?", type=Path, help="as --config")
    checking.set_defaults(run=_check)
    mapping = commands.add_parser("mapping", help="mapping profiles").add_subparsers(required=True)
    testing = mapping.add_parser("test", help="run the golden tests beside the profiles")
    testing.add_argument("files", nargs="*", type=Path, help="*.tests.yaml; all when none is named")
    testing.set_defaults(run=_test_mappings)
    explaining = mapping.add_parser("explain", help="what a profile makes of a message, and why")
    explaining.add_argument("file", type=Path, help="one HL7 v2 message")
    explaining.add_argument("--profile", default=DEFAULT)
    explaining.set_defaults(run=_explain)


def _check(options: argparse.Namespace) -> int:
    given = options.config or options.file
    file = given or (Path(os.environ[FILE_VARIABLE]) if os.environ.get(FILE_VARIABLE) else None)
    problems = check(file, os.environ)
    print(render(problems), file=sys.stderr if problems else sys.stdout)
    if problems:
        return 2
    return _check_profiles({each.profile for each in load(file, os.environ).hl7.listeners})


def _check_profiles(names: set[str]) -> int:
    problems = check_profiles()
    for problem in problems:
        print(problem, file=sys.stderr)
    return 2 if problems else 0


def _test_mappings(options: argparse.Namespace) -> int:
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
