"""Settings as rows for a page or a terminal: path, value, origin and meaning, secrets masked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any
from zoneinfo import ZoneInfo

from bridge.settings.problems import DEFAULT, Origin
from bridge.settings.schema import Items, Setting, Value, Values, settings_of
from bridge.settings.tree import Settings
from bridge.settings.values import DatabaseUrl

_DISPLAYS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (NoneType, lambda _: ""),
    (bool, lambda value: str(value).lower()),
    (float, lambda value: f"{value:g}"),
    (DatabaseUrl, DatabaseUrl.masked),
    (ZoneInfo, lambda value: value.key),
    (Path, Path.as_posix),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One value in force; ``text`` never holds a secret."""

    path: str
    text: str
    origin: Origin
    doc: str


def rows(settings: Settings) -> tuple[Row, ...]:
    """Return every value in force, in the order of the documentation."""
    return tuple(_rows_of(settings, "", settings))


def _rows_of(section: Any, prefix: str, root: Settings) -> Iterator[Row]:
    for key, setting in settings_of(type(section)).items():
        yield from _rows_at(setting, getattr(section, key), prefix + key, root)


def _rows_at(setting: Setting, value: object, path: str, root: Settings) -> Iterator[Row]:
    if isinstance(setting.shape, Value | Values):
        yield Row(path, display(value), root.provenance.get(path, DEFAULT), setting.doc)
    elif isinstance(setting.shape, Items) and isinstance(value, tuple):
        for at, item in enumerate(value):
            if setting.shape.discriminated:
                kind = f"{path}[{at}].kind"
                yield Row(kind, item.kind, root.provenance.get(kind, DEFAULT), "Kind of the item.")
            yield from _rows_of(item, f"{path}[{at}].", root)
    else:
        yield from _rows_of(value, f"{path}.", root)


def display(value: object) -> str:
    """Return a value as it would be written in YAML, a secret as its mask."""
    if isinstance(value, tuple):
        return "[" + ", ".join(display(each) for each in value) + "]"
    for kind, show in _DISPLAYS:
        if isinstance(value, kind):
            return show(value)
    return str(value)
