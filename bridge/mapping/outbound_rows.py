"""Rows of an outbound profile, compiled once: a field of a message, and the values it is made of.

They are the rows of inbound profiles turned round: `to` is a path of HL7 v2, `from` names values as
DICOM names them (PS3.6). How a value is written follows from the data type of the field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from bridge.domain.identifiers import Identifier
from bridge.domain.order import CodedConcept
from bridge.mapping.documents import Node
from bridge.mapping.errors import ProfileError, instead
from bridge.mapping.outbound_values import check_value
from bridge.mapping.source import Encoding, Place, Run
from bridge.mapping.transforms import MAPPERS, Tables, Use

ROW_KEYS: Final = {
    "to": "The field or component that is written.",
    "from": "Values in order of preference; the first that is known counts. Each may be a mapping"
    " with an `as` of its own: `{value: StudyDescription, as: upper}`.",
    "as": "A transform or a list of them: `value`, `meaning`, `scheme` or `namespace` of what has"
    " such, then the mappers of inbound profiles.",
    "constant": "A text instead of `from`.",
    "when": "Conditions, which must all hold: see below.",
}
WHEN_KEYS: Final = {
    "message": "What is told of: `order`, `study`.",
    "event": "Kinds of event, such as `[order.scheduled, order.held]`.",
    "since": "The first version of HL7 v2 it is for.",
    "before": "The first version it is not for any more.",
    "present": "Values, one of which must be known.",
    "absent": "Values that must not be known.",
    "is": "Values and the texts they may have; one that agrees is enough.",
}
NULL: Final = '""'
"""Said for `constant`, it deletes what the receiver has on record (v2.5.1 2.5.3)."""

Value = Any
"""A text, an Identifier, a CodedConcept, or a tuple of these."""
Condition = Callable[["Telling"], bool]
_Mapper = Callable[..., Any]
_SLOT: Final = re.compile(r"([A-Z][A-Z0-9]{2})-([1-9]\d*)(?:\.([1-9]\d*)(?:\.([1-9]\d*))?)?")
_SCHEME_PLACE: Final = 3
"""Where mappers ask for the coding system of a code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What one message tells: of what, which event, in which version, and every value known.

    `steps` are the values of each step, where they differ from those of the procedure.
    """

    message: str
    event: str = ""
    version: tuple[int, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)
    steps: tuple[Mapping[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """What a row writes: a field, or with a number of its own a component, or a part of that."""

    segment: str
    field: int
    component: int = 0
    subcomponent: int = 0

    @property
    def text(self) -> str:
        """The slot as profiles write it."""
        parts = filter(None, (self.field, self.component, self.subcomponent))
        return f"{self.segment}-{'.'.join(map(str, parts))}"


@dataclass(frozen=True, slots=True)
class OutboundRow:
    """One compiled row. `evaluate` gives the value, None when there is nothing to say."""

    slot: Slot
    node: Node
    is_constant: bool
    evaluate: Callable[[Telling, Run], Value]


def compile_outbound_rows(node: Node, segment: str, tables: Tables) -> list[OutboundRow]:
    """Compile the rows of one segment.

    Raises:
        ProfileError: naming file, line, row and the fix.
    """
    rows = []
    for number, item in enumerate(node.items, start=1):
        try:
            rows.append(_compile(item, segment, tables))
        except ProfileError as error:
            if error.file != item.file:
                raise
            problem = f"{segment} row {number}: {error.problem}"
            raise ProfileError(error.file, error.line, problem, error.fix) from None
    return rows


def parse_version(text: str) -> tuple[int, ...]:
    """`2.5.1` as numbers that compare.

    Raises:
        ValueError: it is no version.
    """
    return tuple(int(part) for part in text.split("."))


def _compile(node: Node, segment: str, tables: Tables) -> OutboundRow:
    entries = node.entries(ROW_KEYS)
    if "to" not in entries:
        raise node.error("a row without `to`", "say which field it writes")
    slot = _parse_slot(entries["to"], segment)
    place = Place(segment, slot.field)
    when = parse_outbound_when(entries["when"]) if "when" in entries else None
    if "constant" in entries:
        text = entries["constant"].text
        return OutboundRow(slot, node, True, partial(_constant, text, when))
    if "from" not in entries:
        raise node.error("a row without `from`", "name a value or write `constant`")
    sources = [
        _compile_source(item, entries.get("as"), place, tables) for item in entries["from"].items
    ]
    return OutboundRow(slot, node, False, partial(_first_known, sources, when))


def _constant(text: str, when: Condition | None, telling: Telling, _run: Run) -> Value:
    return text if when is None or when(telling) else None


def _first_known(
    sources: Sequence[Callable[[Telling, Run], Value]],
    when: Condition | None,
    telling: Telling,
    run: Run,
) -> Value:
    if when is not None and not when(telling):
        return None
    for source in sources:
        value = source(telling, run)
        if value not in (None, "", ()):
            return value
    return None


def _parse_slot(node: Node, segment: str) -> Slot:
    found = _SLOT.fullmatch(node.text)
    if found is None:
        raise node.error(f"{node.text!r} is not a field", "write it like OBR-4 or ORC-7.6")
    if found[1] != segment:
        raise node.error(f"{node.text} is not of {segment}", f"name a field of {segment}")
    return Slot(segment, *(int(number or 0) for number in found.groups()[1:]))


def _compile_source(
    item: Node, common: Node | None, place: Place, tables: Tables
) -> Callable[[Telling, Run], Value]:
    own = item.entries(("value", "as")) if isinstance(item.content, dict) else {"value": item}
    if "value" not in own:
        raise item.error("a source without `value`", "name the value it is")
    keyword, chain = check_value(own["value"]), own.get("as") or common
    known: Mapping[str, Any] = {**PARTS, **MAPPERS}
    uses = [Use.parse(each, known) for each in chain.items] if chain else []
    steps = [_compile_use(use, place, tables) for use in uses]
    return partial(_evaluate, keyword, steps, place)


def _compile_use(use: Use, place: Place, tables: Tables) -> _Mapper:
    if use.name in PARTS:
        return PARTS[use.name]
    mapper = MAPPERS[use.name].make(use, place, tables)

    def on_text(value: Value, seen: _Seen, at: Place, run: Run) -> Value:
        return mapper(text_of(value), seen, at, run)

    return on_text


def _evaluate(
    keyword: str, steps: Sequence[_Mapper], place: Place, telling: Telling, run: Run
) -> Value:
    value = telling.values.get(keyword)
    for step in steps:
        if value in (None, "", ()):
            return None
        first = value[0] if isinstance(value, tuple) else value
        value = step(value, _Seen(place.segment, first), place, run)
    return value


def text_of(value: Value) -> str:
    """A value as one text: the number of an identifier, the code of a concept."""
    if isinstance(value, tuple):
        return text_of(value[0]) if value else ""
    if isinstance(value, Identifier | CodedConcept):
        return value.value
    return str(value)


def _part(name: str) -> _Mapper:
    def take(value: Value, _seen: _Seen, _place: Place, _run: Run) -> Value:
        if isinstance(value, tuple):
            return tuple(filter(None, (take(each, _seen, _place, _run) for each in value)))
        if name == "value":
            return text_of(value)
        if isinstance(value, CodedConcept) and name in ("meaning", "scheme"):
            return value.meaning if name == "meaning" else value.scheme
        if isinstance(value, Identifier) and name == "namespace":
            return value.authority.key
        return None

    return take


PARTS: Final[Mapping[str, _Mapper]] = {
    name: _part(name) for name in ("value", "meaning", "scheme", "namespace")
}


def parse_outbound_when(node: Node) -> Condition:
    """Read `when`; all that it gives must hold.

    Raises:
        ProfileError: a key is unknown, or a version is none.
    """
    entries = node.entries(WHEN_KEYS)
    tests = [test for key, entry in entries.items() for test in _TESTS[key](entry)]
    return lambda telling: all(test(telling) for test in tests)


def _test_message(node: Node) -> Iterable[Condition]:
    allowed = ("order", "study")
    for item in node.items:
        if item.text not in allowed:
            raise item.error(f"unknown {item.text!r}", instead(item.text, allowed))
    texts = frozenset(node.texts)
    return (lambda telling: telling.message in texts,)


def _test_event(node: Node) -> Iterable[Condition]:
    texts = frozenset(node.texts)
    return (lambda telling: telling.event in texts,)


def _test_version(node: Node, *, before: bool) -> Iterable[Condition]:
    try:
        version = parse_version(node.text)
    except ValueError:
        raise node.error(f"{node.text!r} is no version", "write one such as 2.5.1") from None
    return (lambda telling: (telling.version < version) is before,)


def _test_known(node: Node, *, known: bool) -> Iterable[Condition]:
    keywords = tuple(map(check_value, node.items))
    return (
        lambda telling: (
            any(telling.values.get(each) not in (None, "", ()) for each in keywords) is known
        ),
    )


def _test_is(node: Node) -> Iterable[Condition]:
    wanted = {check_value(each, key): frozenset(each.texts) for key, each in node.entries().items()}
    return (
        lambda telling: any(
            text_of(telling.values.get(key, "")) in texts for key, texts in wanted.items()
        ),
    )


_TESTS: Final[Mapping[str, Callable[[Node], Iterable[Condition]]]] = {
    "message": _test_message,
    "event": _test_event,
    "since": partial(_test_version, before=False),
    "before": partial(_test_version, before=True),
    "present": partial(_test_known, known=True),
    "absent": partial(_test_known, known=False),
    "is": _test_is,
}


class _Seen:
    """A value as the mappers of inbound profiles see a segment: they ask for its coding system."""

    sequence = 1
    fields: Sequence[str] = ()
    filled = b""

    def __init__(self, name: str, value: Value) -> None:
        self.name = name
        self._value = value

    @property
    def encoding(self) -> Encoding:
        raise NotImplementedError("values have no encoding")

    def field(self, n: int, rep: int = 0, component: int = 1, subcomponent: int = 1) -> str:
        if component >= _SCHEME_PLACE and isinstance(self._value, CodedConcept):
            return self._value.scheme
        return text_of(self._value)

    def raw(self, n: int, rep: int = 0) -> str:
        return text_of(self._value)

    def text(self, n: int, rep: int = 0) -> str:
        return text_of(self._value)

    def count(self, n: int) -> int:
        return 1
