"""`bridge config check` and `bridge mapping …`: what a site has written, examined."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from bridge.hl7.explanation import explain, run_tests
from bridge.mapping.errors import ProfileError
from bridge.mapping.profiles import DEFAULT, check_profiles, default_directory, load_profile
from bridge.settings import FILE_VARIABLE, check, load, render
from bridge.wiring.destinations import not_delivered


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
    if problems:
        print(render(problems), file=sys.stderr)
        return 2
    settings = load(file, os.environ)
    unsound = _profile_problems({each.profile for each in settings.hl7.listeners})
    if unsound:
        print("\n".join(unsound), file=sys.stderr)
        return 2
    print(render(()))
    for each in not_delivered(settings):
        print(f"note: destination {each.name}: this version does not deliver to kind {each.kind}")
    return 0


def _profile_problems(names: set[str]) -> list[str]:
    """Every profile there is must be sound, and those the listeners name must be there."""
    problems = [str(each) for each in check_profiles()]
    for name in sorted(names):
        try:
            load_profile(name)
        except ProfileError as error:
            problems.append(str(error))
    return list(dict.fromkeys(problems))


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
