"""`bridge`: one command, many subcommands, exit code 0 when it went well."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bridge.cli import configuration, records, running, wire
from bridge.domain.errors import BridgeError
from bridge.mapping.errors import ProfileError
from bridge.settings import ConfigurationError, render

_GROUPS = (running, configuration, records, wire)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (2: command or configuration is wrong)."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough
        os.close(sys.stdout.fileno())
        return 0
    except (ConfigurationError, ProfileError, BridgeError, OSError) as error:
        print(_in_words(error), file=sys.stderr)
        return 2 if isinstance(error, ConfigurationError | ProfileError) else 1


def _in_words(error: Exception) -> str:
    if isinstance(error, ConfigurationError):
        return render(error.problems)
    return f"bridge: {error.message if isinstance(error, BridgeError) else error}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bridge", description="A bridge between hospital orders and imaging equipment."
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config", type=Path, default=None, metavar="FILE", help="configuration file (YAML)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in _GROUPS:
        group.add_commands(commands, common)
    return parser
