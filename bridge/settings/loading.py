"""From a file and an environment to settings, or to the problems that prevent them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from bridge.settings.document import Document, Scalar, at_line, parse
from bridge.settings.environment import overlay
from bridge.settings.inheritance import inherit
from bridge.settings.problems import (
    DEFAULT,
    ConfigurationError,
    Origin,
    Problem,
    Source,
    in_reading_order,
)
from bridge.settings.reader import Reader
from bridge.settings.rules import check_rules
from bridge.settings.tree import Settings

FILE_VARIABLE = "BRIDGE_CONFIG"
_LARGEST_FILE = 1_048_576  # bytes
_FILE_FIX = "name a readable YAML file with --config or BRIDGE_CONFIG"


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a file and an environment.

    Without a path, ``BRIDGE_CONFIG`` names the file; without that too, the defaults hold.
    Raises ConfigurationError with every problem found.
    """
    settings, problems = _read(path, environ)
    if problems:
        raise ConfigurationError(problems)
    return settings


def check(path: Path | None, environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return every problem of a file and an environment, in the order of the file."""
    return _read(path, environ)[1]


def _read(path: Path | None, environ: Mapping[str, str]) -> tuple[Settings, tuple[Problem, ...]]:
    document = _open(path or _named_file(environ))
    root, misplaced = overlay(document.root, environ)
    reader = Reader()
    settings = reader.read_settings(root)
    between = check_rules(reader.found)
    problems = in_reading_order([*document.problems, *misplaced, *reader.problems, *between])
    if problems:
        return settings, problems
    provenance = MappingProxyType({each.path: each.origin for each in reader.found})
    return replace(inherit(settings), provenance=provenance), ()


def _named_file(environ: Mapping[str, str]) -> Path | None:
    name = environ.get(FILE_VARIABLE)
    return Path(name) if name else None


def _open(path: Path | None) -> Document:
    if path is None:
        return Document(Scalar(DEFAULT, "", null=True), ())
    place = Origin(Source.FILE, str(path))
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return _unreadable(place, f"cannot be read: {reason}", _FILE_FIX)
    if len(content) > _LARGEST_FILE:
        return _unreadable(place, "is larger than 1 MiB", _FILE_FIX)
    try:
        return parse(content.decode("utf-8-sig"), place)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _unreadable(at_line(place, line), "is not UTF-8 text", "save the file as UTF-8")


def _unreadable(place: Origin, what: str, fix: str) -> Document:
    return Document(Scalar(place, "", null=True), (Problem(place, "", what, fix),))
