"""Rows of a FHIR profile: target, paths by preference, transforms; the targets are HL7 v2's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bridge.domain.identifiers import Authority
from bridge.mapping.documents import Node
from bridge.mapping.element_readers import (
    ELEMENT_READERS,
    Context,
    ElementTransform,
    designator_of,
)
from bridge.mapping.elements import Element, ElementPath, ElementScope
from bridge.mapping.errors import ProfileError, instead
from bridge.mapping.source import Encoding, Place, Run
from bridge.mapping.targets import TARGETS, Kind, Level, Target
from bridge.mapping.transforms import MAPPERS, Tables, Transform, Use

_ROW_KEYS = ("to", "from", "as", "constant")
_SOURCE_KEYS = ("path", "as")
_SCHEME = 3
"""Where HL7 v2 has the coding system of a code: the mappers ask for it there."""

Found = tuple[Any, str]
_Source = Callable[[ElementScope, Run], Any]


@dataclass(frozen=True, slots=True)
class ElementRow:
    """One compiled row: `evaluate` gives the value and its origin, None when nothing is said."""

    target: Target
    evaluate: Callable[[ElementScope, Run], Found | None]


@dataclass(frozen=True, slots=True)
class Compiler:
    """What the rows of one profile are compiled with."""

    profile: str
    tables: Tables
    systems: Mapping[str, Authority]

    def rows(self, node: Node, level: Level, first: int) -> list[ElementRow]:
        """Compile the rows of one level; `first` is the number of the first of them.

        Raises:
            ProfileError: naming file, line, row and the fix.
        """
        found = []
        for number, item in enumerate(node.items, start=first):
            try:
                found.append(self._row(item, level, number))
            except ProfileError as error:
                problem = f"row {number}: {error.problem}"
                raise ProfileError(error.file, error.line, problem, error.fix) from None
        return found

    def _row(self, node: Node, level: Level, number: int) -> ElementRow:
        entries = node.entries(_ROW_KEYS)
        if "to" not in entries:
            raise node.error("a row without `to`", "say which attribute it fills")
        target = TARGETS[level].get(entries["to"].text)
        if target is None:
            fix = instead(entries["to"].text, TARGETS[level])
            raise entries["to"].error(f"unknown target {entries['to'].text!r}", fix)
        where = f"({self.profile} row {number})"
        if "constant" in entries:
            constant = (entries["constant"].text, f"constant {where}")
            return ElementRow(target, lambda _scope, _run: constant)
        if "from" not in entries:
            raise node.error("a row without `from`", "name a path or write `constant`")
        sources = [
            self._source(item, entries.get("as"), target, where) for item in entries["from"].items
        ]
        return ElementRow(target, partial(_first_that_yields, sources))

    def _source(
        self, item: Node, common: Node | None, target: Target, where: str
    ) -> tuple[_Source, str]:
        own = item.entries(_SOURCE_KEYS) if isinstance(item.content, dict) else {"path": item}
        if "path" not in own:
            raise item.error("a source without `path`", "name the element it is read from")
        path = parse_path(own["path"])
        chain = own.get("as") or common
        known = ELEMENT_READERS | MAPPERS
        uses = [Use.parse(each, known) for each in chain.items] if chain else []
        named = bool(uses) and uses[0].name in ELEMENT_READERS
        reader = uses.pop(0) if named else Use("text", item, None, {})
        transform = ELEMENT_READERS[reader.name]
        shapes = self._shapes(uses, transform, target, item)
        read = transform.make(reader)
        make = _whole if transform.whole else _every if target.joined else _first
        return partial(make, path, read, shapes, target, self.systems), f"{path.text} {where}"

    def _shapes(
        self, uses: Iterable[Use], transform: ElementTransform, target: Target, at: Node
    ) -> Sequence[Callable[..., Any]]:
        kind, shapes = transform.makes, []
        for use in uses:
            if use.name not in MAPPERS:
                raise use.node.error(f"{use.name} comes after another transform", "put it first")
            if kind is not Kind.TEXT:
                raise use.node.error(f"{use.name} takes text, not {kind}", "remove it")
            mapper: Transform = MAPPERS[use.name]
            shapes.append(mapper.make(use, PLACE, self.tables))
            kind = mapper.makes
        if kind is not target.kind:
            fix = "name a transform in `as` that makes one"
            raise at.error(f"{target.keyword} takes {target.kind}, not {kind}", fix)
        if target.shape is not None:
            shapes.append(target.shape)
        return shapes


def parse_path(node: Node) -> ElementPath:
    """Read a path.

    Raises:
        ProfileError: it is none.
    """
    try:
        return ElementPath.parse(node.text)
    except ValueError as error:
        raise node.error(str(error), "write RESOURCE.ELEMENT[FILTER].ELEMENT") from None


def evaluate_element_rows(
    rows: Iterable[ElementRow], scope: ElementScope, run: Run, sources: dict[str, str]
) -> dict[str, Any]:
    """Fill the targets of `rows`; of several rows for one target the first that yields counts."""
    values: dict[str, Any] = {}
    for row in rows:
        keyword = row.target.keyword
        if keyword not in values and (found := row.evaluate(scope, run)) is not None:
            values[keyword], sources[keyword] = found
    return values


def _first_that_yields(
    sources: Sequence[tuple[_Source, str]], scope: ElementScope, run: Run
) -> Found | None:
    for source, label in sources:
        value = source(scope, run)
        if value is not None and value != "":
            return value, label
    return None


def _values(
    path: ElementPath,
    read: Any,
    shapes: Sequence[Callable[..., Any]],
    systems: Mapping[str, Authority],
    scope: ElementScope,
    run: Run,
) -> Iterator[Any]:
    context = Context(run, scope, systems)
    for element in path.find(scope):
        value = _shaped(read(element, context), shapes, element, scope, run)
        if value is not None and value != "":
            yield value


def _first(
    path: ElementPath,
    read: Any,
    shapes: Sequence[Callable[..., Any]],
    _target: Target,
    systems: Mapping[str, Authority],
    scope: ElementScope,
    run: Run,
) -> Any:
    return next(_values(path, read, shapes, systems, scope, run), None)


def _every(
    path: ElementPath,
    read: Any,
    shapes: Sequence[Callable[..., Any]],
    target: Target,
    systems: Mapping[str, Authority],
    scope: ElementScope,
    run: Run,
) -> Any:
    found = list(_values(path, read, shapes, systems, scope, run))
    assert target.joined is not None  # noqa: S101 - the caller chose this function because of it
    return target.joined(found) if found else None


def _whole(
    path: ElementPath,
    read: Any,
    shapes: Sequence[Callable[..., Any]],
    target: Target,
    systems: Mapping[str, Authority],
    scope: ElementScope,
    run: Run,
) -> Any:
    """For readers that look at all elements together, such as those of names."""
    found = read(list(path.find(scope)), Context(run, scope, systems))
    if found is None:
        return None
    value = _shaped(found[0], shapes, found[1], scope, run)
    return target.joined([value]) if value is not None and target.joined else value


def _shaped(
    value: Any,
    shapes: Sequence[Callable[..., Any]],
    element: Element,
    scope: ElementScope,
    run: Run,
) -> Any:
    seen = _Seen(element, scope)
    for shape in shapes:
        if value is None or value == "":
            return value
        value = shape(value, seen, PLACE, run)
    return value


class _Seen:
    """An element as the transforms of HL7 v2 see a segment: they ask for its coding system."""

    sequence = 1
    fields: Sequence[str] = ()

    def __init__(self, element: Element, scope: ElementScope) -> None:
        self.name = element.path
        self._element = element
        self._scope = scope

    @property
    def encoding(self) -> Encoding:
        raise NotImplementedError("elements of FHIR have no encoding of their own")

    def field(self, n: int, rep: int = 0, component: int = 1, subcomponent: int = 1) -> str:
        if component != _SCHEME:
            return self.text(n)
        value = self._element.value
        coding = value if isinstance(value, dict) else getattr(self._element.parent, "value", {})
        return designator_of(coding, self._scope)

    def raw(self, n: int, rep: int = 0) -> str:
        return self.text(n, rep)

    def text(self, n: int, rep: int = 0) -> str:
        return str(self._element.value)

    def count(self, n: int) -> int:
        return 1


class _ElementPlace(Place):
    """Where an element stands: its path."""

    def location(self, segment: Any, repetition: int = 0) -> str:
        return str(segment.name)


PLACE = _ElementPlace("", 1)
