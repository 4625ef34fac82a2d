"""Options that several commands have: alike wherever they stand."""

from __future__ import annotations

import argparse
import getpass


def add_limit(parser: argparse.ArgumentParser) -> None:
    """How many rows are listed."""
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many")


def add_decider(parser: argparse.ArgumentParser, help_text: str = "who decides") -> None:
    """Whose act it is; see `decider`."""
    parser.add_argument("--by", default="", metavar="NAME", help=help_text)


def add_reason(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Why it is done."""
    text = "why, for whoever asks later"
    if required:
        parser.add_argument("--reason", required=True, help=text)
    else:
        parser.add_argument("--reason", default="", help=text)


def decider(options: argparse.Namespace) -> str:
    """Who was named, else who runs the command."""
    return options.by or getpass.getuser()
