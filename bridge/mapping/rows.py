"""Rows of a profile, compiled once into closures: target, sources by preference, transforms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from bridge.domain.errors import DataTypeError
from bridge.mapping.conditions import (
    Condition,
    SegmentCondition,
    parse_place,
    parse_when,
    parse_where,
)
from bridge.mapping.documents import Node
from bridge.mapping.errors import ProfileError, instead
from bridge.mapping.mappers import give_nothing
from bridge.mapping.source import FIELDS_TOLD, NULL, Place, Run, Scope, Segment
from bridge.mapping.targets import TARGETS, Kind, Level, Target
from bridge.mapping.transforms import MAPPERS, READERS, Reader, Tables, Transform, Use

Value: TypeAlias = Any
"""What a row yields: None is not said, "" is said to be deleted."""

Evaluate: TypeAlias = Callable[[Scope, Run], "tuple[Value, str] | None"]
_Source: TypeAlias = Callable[[Scope, Run], Value]

ROW_KEYS = {
    "to": "The target that is filled.",
    "from": "Paths in order of preference; the first that gives a value counts. Each may be a"
    " mapping with `as` and `where` of its own: `{path: OBR-3, as: ei, where: {OBR-3.2: [ACCN]}}`.",
    "as": "A transform or a list of them: first a reader of the field (text, unless named), then"
    " mappers of the text.",
    "where": "Paths of the same segment and the texts they may hold; one that agrees is enough. A"
    " path into the field itself chooses the repetition.",
    "when": "Conditions on the message, which must all hold: see below.",
    "constant": "A text instead of `from`.",
    "unfit": "`refuse` the message when all that was there could not be used; else `skip` it.",
}
"""The keys of a row, and what each says."""

_SOURCE_KEYS = ("path", "as", "where")


Filled: TypeAlias = Callable[[str, int], bool]
"""Whether a field, by segment name and number, holds anything in any of the segments."""

Narrow: TypeAlias = Callable[[Filled], "Evaluate | None"]

_SHAPES_KEPT = 512
_MOST_OF_A_NAME = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One compiled row: `evaluate` gives the value and its origin; `reads` names its segments.

    `narrow` gives an `evaluate` that looks only at fields that are filled, None when none is.
    """

    target: Target
    number: int
    profile: str
    line: int
    reads: frozenset[str]
    evaluate: Evaluate
    narrow: Narrow


class Rows(tuple[Row, ...]):
    """Rows that are evaluated together, which learn from the messages that they read.

    Most rows are about fields that a given sender never fills, and its messages are filled alike:
    what can yield anything is found once for each such shape. Half of reading an order was that.
    """

    def __init__(self, _rows: Iterable[Row] = ()) -> None:
        """Take the rows, in their order."""
        self._names = tuple(sorted({name for row in self for name in row.reads}))
        self._plans: dict[tuple[Any, ...], tuple[tuple[str, Evaluate], ...]] = {}

    def plan(self, scope: Scope) -> tuple[tuple[str, Evaluate], ...]:
        """The targets that segments filled like these can fill, each with what evaluates it."""
        shape = tuple([_shape(scope.get(name)) for name in self._names])
        plan = self._plans.get(shape)
        if plan is None:
            if len(self._plans) >= _SHAPES_KEPT:
                self._plans.clear()
            plan = self._plans[shape] = self._make_plan(dict(zip(self._names, shape, strict=True)))
        return plan

    def _make_plan(self, shapes: dict[str, Any]) -> tuple[tuple[str, Evaluate], ...]:
        def filled(name: str, number: int) -> bool:
            shape = shapes[name]
            if shape is None or shape is True:
                return bool(shape)
            if number >= FIELDS_TOLD:
                return True
            several = (shape,) if isinstance(shape, bytes) else shape
            return any(each[number : number + 1] == b"\1" for each in several)

        narrowed = ((row.target.keyword, row.narrow(filled)) for row in self)
        return tuple((keyword, evaluate) for keyword, evaluate in narrowed if evaluate)


def _shape(segments: Sequence[Segment] | None) -> bytes | tuple[bytes, ...] | bool | None:
    """Which fields of some segments are filled: None without segments, True when all may be."""
    if not segments:
        return None
    if len(segments) == 1:
        return segments[0].filled
    if len(segments) > _MOST_OF_A_NAME:
        return True
    return tuple([segment.filled for segment in segments])


def compile_rows(node: Node, level: Level, profile: str, first: int, tables: Tables) -> list[Row]:
    """Compile the rows of one level; `first` is the number of the first of them in the profile.

    Raises:
        ProfileError: naming file, line, row and the fix.
    """
    rows = []
    for number, item in enumerate(node.items, start=first):
        try:
            rows.append(_compile_row(item, level, profile, number, tables))
        except ProfileError as error:
            if error.file != item.file:  # a table's own fault is not of this row
                raise
            problem = f"row {number}: {error.problem}"
            raise ProfileError(error.file, error.line, problem, error.fix) from None
    return rows


def evaluate_rows(
    rows: Rows | Iterable[Row], scope: Scope, run: Run, sources: dict[str, str]
) -> dict[str, Value]:
    """Fill the targets of `rows`; of several rows for one target the first that yields counts."""
    values: dict[str, Value] = {}
    if isinstance(rows, Rows):
        plan: Iterable[tuple[str, Evaluate]] = rows.plan(scope)
    else:
        plan = [(row.target.keyword, row.evaluate) for row in rows]
    for keyword, evaluate in plan:
        if keyword in values:
            continue
        found = evaluate(scope, run)
        if found is not None:
            values[keyword], sources[keyword] = found
    return values


def _compile_row(node: Node, level: Level, profile: str, number: int, tables: Tables) -> Row:
    entries = node.entries(ROW_KEYS)
    if "to" not in entries:
        raise node.error("a row without `to`", "say which attribute it fills")
    target = _parse_target(entries["to"], level)
    when = parse_when(entries["when"]) if "when" in entries else None
    where = f"({profile} row {number})"
    if "constant" in entries:
        constant = (entries["constant"].text, f"constant {where}")
        evaluate = _guard(lambda _scope, _run: constant, when)
        always: Narrow = lambda _filled: evaluate  # noqa: E731
        return Row(target, number, profile, node.line, frozenset(), evaluate, always)
    sources = _parse_sources(node, entries, target, tables)
    refuse = _parse_unfit(entries.get("unfit"))

    def finish(chosen: Sequence[_Labelled]) -> Evaluate:
        evaluate = _first_that_yields([(each.source, f"{each.label} {where}") for each in chosen])
        return _guard(_refuse_unfit(evaluate) if refuse else evaluate, when)

    def narrow(filled: Filled) -> Evaluate | None:
        chosen = [
            each
            for each in sources
            if each.may_yield and filled(each.place.segment, each.place.field)
        ]
        return finish(chosen) if chosen else None

    reads = frozenset(each.place.segment for each in sources)
    return Row(target, number, profile, node.line, reads, finish(sources), narrow)


def _parse_target(node: Node, level: Level) -> Target:
    target = TARGETS[level].get(node.text)
    if target is not None:
        return target
    for other, targets in TARGETS.items():
        if node.text in targets:
            raise node.error(f"{node.text} is not of the {level}", f"move the row to `{other}`")
    raise node.error(f"unknown target {node.text!r}", instead(node.text, TARGETS[level]))


def _parse_unfit(node: Node | None) -> bool:
    if node is None:
        return False
    if node.text not in ("skip", "refuse"):
        raise node.error(f"unknown {node.text!r}", instead(node.text, ("skip", "refuse")))
    return node.text == "refuse"


class _Labelled(NamedTuple):
    place: Place
    label: str
    source: _Source
    may_yield: bool


def _parse_sources(
    node: Node, entries: dict[str, Node], target: Target, tables: Tables
) -> list[_Labelled]:
    if "from" not in entries:
        raise node.error("a row without `from`", "name a path or write `constant`")
    sources = []
    for item in entries["from"].items:
        own = item.entries(_SOURCE_KEYS) if isinstance(item.content, dict) else {"path": item}
        if "path" not in own:
            raise item.error("a source without `path`", "name the field it is read from")
        place = parse_place(own["path"])
        chain = own.get("as") or entries.get("as")
        where_node = own.get("where") or entries.get("where")
        where = parse_where(where_node, place.segment) if where_node else None
        read, whole, may_yield = _compile_chain(chain, place, target, tables, item)
        make = _every if target.joined else _first
        label = own["path"].text + _by_what(chain)
        source = make(place, read, where, target, whole)
        sources.append(_Labelled(place, label, source, may_yield))
    return sources


def _by_what(chain: Node | None) -> str:
    """Which tables a value went through, for who asks where it came from."""
    said = ""
    for item in chain.items if chain else ():
        for name, argument in item.content.items() if isinstance(item.content, dict) else ():
            if name in _LOOK_UP:
                options = argument.content
                table = options.get("name") if isinstance(options, dict) else argument
                said += f" {_LOOK_UP[name]} {table.text}" if table else ""
    return said


_LOOK_UP = {"table": "by table", "words": "by words of"}


def _compile_chain(
    chain: Node | None, place: Place, target: Target, tables: Tables, at: Node
) -> tuple[Reader, bool, bool]:
    """Compile `as`: a reader (text unless named), then mappers, then the target's own form.

    Also says whether the reader takes all repetitions, and whether anything can come of it.
    """
    known = READERS | MAPPERS
    uses = [Use.parse(item, known) for item in chain.items] if chain else []
    reader_use = uses.pop(0) if uses and uses[0].name in READERS else Use("text", at, None, {})
    transform = READERS[reader_use.name]
    reader: Reader = transform.make(reader_use, place, tables)
    steps, kind = [], transform.makes
    for use in uses:
        if use.name in READERS:
            raise use.node.error(f"{use.name} comes after another transform", "put it first")
        _expect(use, kind, Kind.TEXT)
        mapper: Transform = MAPPERS[use.name]
        steps.append(mapper.make(use, place, tables))
        kind = mapper.makes
    _expect_target(chain or at, kind, target)
    if target.shape is not None:
        steps.append(target.shape)
    return _pipe(reader, steps, place), transform.whole, give_nothing not in steps


def _expect(use: Use, given: Kind, wanted: Kind) -> None:
    if given is not wanted:
        raise use.node.error(f"{use.name} takes {wanted}, not {given}", "remove it")


_MADE_BY = {
    Kind.NAME: "xpn, xcn or ndl",
    Kind.DATE: "date",
    Kind.START: "datetime",
    Kind.MOMENT: "moment",
    Kind.IDENTIFIER: "ei",
    Kind.IDENTIFIERS: "cx",
    Kind.CODE: "ce, or a table and code",
    Kind.TEXT: "text, free_text or a table",
}


def _expect_target(node: Node, given: Kind, target: Target) -> None:
    if given is not target.kind:
        fix = f"write `as:` with {_MADE_BY[target.kind]}"
        raise node.error(f"{target.keyword} takes {target.kind}, not {given}", fix)


def _pipe(reader: Reader, steps: Sequence[Callable[..., Any]], place: Place) -> Reader:
    if not steps:
        return reader
    if len(steps) == 1:
        step = steps[0]

        def read_one(segment: Segment, run: Run, repetition: int) -> Value:
            value = reader(segment, run, repetition)
            return value if value is None else step(value, segment, place, run)

        return read_one

    def read(segment: Segment, run: Run, repetition: int) -> Value:
        value = reader(segment, run, repetition)
        for step in steps:
            if value is None or value == "":
                return value
            value = step(value, segment, place, run)
        return value

    return read


def _first(
    place: Place, read: Reader, where: SegmentCondition | None, _target: Target, _whole: bool
) -> _Source:
    """The value of the first segment that has one."""
    name, number = place.segment, place.field
    repetition = (place.repetition or 1) - 1
    if where is not None:
        return _first_where(place, read, where)

    def source(scope: Scope, run: Run) -> Value:
        for segment in scope.get(name, ()):
            fields = segment.fields
            if number < len(fields) and fields[number]:
                if fields[number] == NULL:
                    return ""
                value = read(segment, run, repetition)
                if value is not None:
                    return value
        return None

    return source


def _first_where(place: Place, read: Reader, where: SegmentCondition) -> _Source:
    """The value of the first repetition that is as said, in the first segment that has one."""
    name, number = place.segment, place.field

    def source(scope: Scope, run: Run) -> Value:
        for segment in scope.get(name, ()):
            fields = segment.fields
            if number >= len(fields) or not fields[number]:
                continue
            for repetition in _repetitions(place, segment, False):
                if not where(segment, number, repetition):
                    continue
                if fields[number] == NULL:
                    return ""
                value = read(segment, run, repetition)
                if value is not None:
                    return value
        return None

    return source


def _every(
    place: Place, read: Reader, where: SegmentCondition | None, target: Target, whole: bool
) -> _Source:
    """The values of every segment and repetition, joined as the target has it."""
    name, number = place.segment, place.field
    join = target.joined
    assert join is not None  # noqa: S101 - the caller chose this function because of it

    def source(scope: Scope, run: Run) -> Value:
        found: list[Value] = []
        deleted = False
        for segment in scope.get(name, ()):
            fields = segment.fields
            if number >= len(fields) or not fields[number]:
                continue
            if fields[number] == NULL:
                deleted = deleted or where is None or where(segment)
                continue
            for repetition in _repetitions(place, segment, whole):
                if where is not None and not where(segment, number, repetition):
                    continue
                value = read(segment, run, repetition)
                if value == "":
                    deleted = True
                elif value is not None:
                    found.append(value)
        if found:
            return join(found)
        return "" if deleted else None

    return source


def _repetitions(place: Place, segment: Segment, whole: bool) -> Iterable[int]:
    if place.repetition:
        return (place.repetition - 1,)
    return (0,) if whole else range(segment.count(place.field))


def _first_that_yields(sources: Sequence[tuple[_Source, str]]) -> Evaluate:
    """The first source with a value; a null counts only when none has one."""
    if len(sources) == 1:
        return _the_only_one(*sources[0])

    def evaluate(scope: Scope, run: Run) -> tuple[Value, str] | None:
        deleted: tuple[Value, str] | None = None
        for source, label in sources:
            value = source(scope, run)
            if value is None:
                continue
            if value != "":
                return value, label
            deleted = deleted or (value, label)
        return deleted

    return evaluate


def _the_only_one(source: _Source, label: str) -> Evaluate:
    def evaluate(scope: Scope, run: Run) -> tuple[Value, str] | None:
        value = source(scope, run)
        return None if value is None else (value, label)

    return evaluate


def _refuse_unfit(evaluate: Evaluate) -> Evaluate:
    """Refuse the message when all that was there could not be used (`unfit: refuse`)."""

    def strict(scope: Scope, run: Run) -> tuple[Value, str] | None:
        before = len(run.unfit)
        found = evaluate(scope, run)
        if found is None and len(run.unfit) > before:
            location, text = run.unfit[before]
            run.refuse(DataTypeError(text, location=location))
        return found

    return strict


def _guard(evaluate: Evaluate, when: Condition | None) -> Evaluate:
    if when is None:
        return evaluate
    return lambda scope, run: evaluate(scope, run) if when(scope) else None
