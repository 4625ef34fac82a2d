"""`bridge config check` and `bridge mapping …`: what a site has written, examined."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from bridge.mapping.profiles import check_profiles
from bridge.settings import FILE_VARIABLE, check, load, render


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this group."""
    config = commands.add_parser("config", help="configuration").add_subparsers(required=True)
    checking = config.add_parser(
        "check", parents=[common], help="examine a configuration file: every error, line and fix"
    )
    checking.add_argument("file", nargs="?", type=Path, help="as --config")
    checking.set_defaults(run=_check)


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
