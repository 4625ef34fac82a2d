"""`bridge conformance dicom`: what this bridge implements, as PS3.2 wants it written down."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from bridge.conformance.statement import write_statement
from bridge.settings import FILE_VARIABLE, load


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this command."""
    kinds = commands.add_parser("conformance", help="conformance statements")
    dicom = kinds.add_subparsers(required=True).add_parser(
        "dicom", parents=[common], help="write the DICOM conformance statement (Markdown)"
    )
    dicom.set_defaults(run=_write)


def _write(options: argparse.Namespace) -> int:
    given = options.config or os.environ.get(FILE_VARIABLE)
    print(write_statement(load(Path(given) if given else None, os.environ)), end="")
    return 0
