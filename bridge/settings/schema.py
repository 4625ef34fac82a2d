"""How a field of the settings tree says what it means, what it accepts, and what it is called."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from bridge.settings.terms import Term

_KEY = "setting"
FILE_SUFFIX = "_file"


@dataclass(frozen=True, slots=True)
class Value:
    """One scalar."""

    term: Term[Any]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Values:
    """A list of scalars."""

    term: Term[Any]


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping read into one dataclass."""

    type: type[Any]


@dataclass(frozen=True, slots=True)
class Items:
    """A list of mappings that are told apart by one of their keys (``named_by``).

    With several types, the key ``kind`` chooses the one by its name in ``kinds``.
    """

    kinds: Mapping[str, type[Any]]
    named_by: str

    @property
    def discriminated(self) -> bool:
        """Whether each item says its ``kind``."""
        return "" not in self.kinds


Shape: TypeAlias = Value | Values | Section | Items


@dataclass(frozen=True, slots=True)
class Setting:
    """One key: its shape, its meaning, and an example to show when it is missing."""

    name: str
    shape: Shape
    doc: str
    example: str = ""
    derived: str = ""
    default: object = None

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is dataclasses.MISSING

    @property
    def secret(self) -> bool:
        """Whether the value is masked and may come from a file named by ``<key>_file``."""
        return isinstance(self.shape, Value) and self.shape.term.secret


def described(
    shape: Shape | Term[Any], doc: str, *, example: str = "", derived: str = ""
) -> dict[str, object]:
    """Return dataclass field metadata; ``derived`` says in words what the default depends on."""
    actual = Value(shape) if isinstance(shape, Term) else shape
    return {_KEY: Setting("", actual, doc, example, derived)}


def settings_of(section: type[Any]) -> Mapping[str, Setting]:
    """Return the keys of a settings dataclass, in the order they are declared."""
    return {
        field.name: dataclasses.replace(
            field.metadata[_KEY], name=field.name, default=_default_of(field)
        )
        for field in dataclasses.fields(section)
        if _KEY in field.metadata
    }


def keys_of(shape: Shape) -> Mapping[str, Setting]:
    """Return the keys that can stand directly below a shape (for lists: inside an item)."""
    if isinstance(shape, Section):
        return settings_of(shape.type)
    if isinstance(shape, Items):
        return {
            key: each for kind in shape.kinds.values() for key, each in settings_of(kind).items()
        }
    return {}


def walk(shape: Shape, prefix: str = "") -> Iterator[tuple[str, Setting]]:
    """Yield every key below a shape with its documented path, such as ``dicom.peers[].port``."""
    for key, setting in keys_of(shape).items():
        path = f"{prefix}.{key}" if prefix else key
        yield path, setting
        yield from walk(setting.shape, f"{path}[]" if isinstance(setting.shape, Items) else path)


def _default_of(field: dataclasses.Field[Any]) -> object:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
