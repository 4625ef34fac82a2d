"""Events as JSON documents, and back: every kind there is, by the types of its fields.

What equals its default is left out, and what a document does not say is the default again; so a
document outlives fields that are added to its kind.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from bridge.domain.events import Event
from bridge.store.documents import Document

T = TypeVar("T")
_KIND = "kind"
_KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}


def dump_event(event: Event) -> Document:
    """An event with the name of its kind."""
    return {_KIND: type(event).__name__, **dump(event)}


def load_event(document: Document) -> Event:
    """The inverse of `dump_event`."""
    return load(_KINDS[document[_KIND]], document)


def dump(value: Any) -> Document:
    """A dataclass, or what its fields may hold."""
    if dataclasses.is_dataclass(value):
        said = ((each, getattr(value, each.name)) for each in dataclasses.fields(value))
        return {each.name: _dump(held) for each, held in said if held != _default(each)}
    if isinstance(value, Mapping):
        return {key: dump(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [dump(each) for each in value]
    return value.value if isinstance(value, Enum) else value


def _dump(value: Any) -> Document:
    """A value of a field; one of the kinds of events among other types keeps its name."""
    return dump_event(value) if type(value).__name__ in _KINDS else dump(value)


def load(kind: type[T], document: Document) -> T:
    """A dataclass from its document."""
    fields = _fields(cast("Any", kind))
    return kind(
        **{name: _load(fields[name], each) for name, each in document.items() if name in fields}
    )


def _load(kind: Any, document: Document) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _load_choice(get_args(kind), document)
    if origin is tuple:
        return _load_items(get_args(kind), document)
    if dataclasses.is_dataclass(kind):
        return load(cast("type[Any]", kind), document)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(document)
    return document


def _load_choice(kinds: tuple[Any, ...], document: Document) -> Any:
    """A value of one of several types: an event by the name of its kind, else the one there is."""
    if document is None:
        return None
    if isinstance(document, dict) and _KIND in document:
        return load_event(document)
    (kind,) = (each for each in kinds if each is not type(None))
    return _load(kind, document)


def _load_items(kinds: tuple[Any, ...], document: Document) -> tuple[Any, ...]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:  # noqa: PLR2004 - a tuple of any length
        return tuple(_load(kinds[0], each) for each in document)
    return tuple(_load(kind, each) for kind, each in zip(kinds, document, strict=True))


@cache
def _fields(kind: Hashable) -> dict[str, Any]:
    return {
        name: hint
        for name, hint in get_type_hints(kind).items()
        if name in {each.name for each in dataclasses.fields(cast("Any", kind))}
    }


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
