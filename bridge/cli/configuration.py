"""`bridge config check`: what a site has written, examined."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from bridge.settings import FILE_VARIABLE, ConfigurationError, load, render
from bridge.wiring.soundness import unsound


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this command."""
    config = commands.add_parser("config", help="configuration").add_subparsers(required=True)
    checking = config.add_parser(
        "check", parents=[common], help="examine a configuration file: every error, line and fix"
    )
    checking.add_argument("file", nargs="?", type=Path, help="as --config")
    checking.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    given = options.config or options.file or os.environ.get(FILE_VARIABLE)
    settings = load(Path(given) if given else None, os.environ)
    problems = unsound(settings)
    if problems:
        raise ConfigurationError(problems)
    if not given:
        print("No file is named: the defaults and the environment hold.")
    print(render(()))
    return 0
