"""Optional matching keys that the worklist has no column for, matched on the stored answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.datadict import keyword_for_tag

from bridge.dicom.elements import DataSet, read
from bridge.dicom.matching_keys import date_range, time_range
from bridge.dicom.worklist_keys import BY_TAG, STEPS, Level, Matching
from bridge.domain.attribute_matching import matches_name, matches_text
from bridge.domain.phonetics import sounds_like
from bridge.domain.worklist import DateTimeRange, Mismatch, Rule

_PARAGRAPHS = frozenset({"LT", "ST", "UT"})  # a backslash is a letter of theirs


@dataclass(frozen=True, slots=True)
class Term:
    """One key with a value: `asked` as it was sent; for a sequence the terms of its item."""

    tag: int
    vr: str
    matching: Matching
    asked: tuple[str, ...] = ()
    inner: tuple[Term, ...] = ()

    @property
    def in_words(self) -> str:
        """What was asked for."""
        inner = ", ".join(f"{_name(each.tag)} {each.in_words}" for each in self.inner)
        return inner or "\\".join(self.asked)


@dataclass(frozen=True, slots=True)
class ItemTerms:
    """The domain's `FurtherKeys`: terms of the root and of the step."""

    root: tuple[Term, ...] = ()
    step: tuple[Term, ...] = ()
    fuzzy: bool = False

    def __bool__(self) -> bool:
        return bool(self.root or self.step)

    def mismatches(self, encoded: bytes) -> tuple[Mismatch, ...]:
        """The keys that an item does not match."""
        return tuple(self._mismatches(read(encoded)))

    def _mismatches(self, item: DataSet) -> Iterator[Mismatch]:
        for term in self.root:
            if not _matches(term, item, self.fuzzy):
                yield _mismatch(term, item)
        if self.step:
            (step,) = item.items(STEPS)
            for term in self.step:
                if not _matches(term, step, self.fuzzy):
                    yield _mismatch(term, step)


def read_terms(root: DataSet, step: DataSet, ignored: frozenset[int]) -> ItemTerms:
    """The keys of a query that are matched on the stored answer.

    Raises:
        DataTypeError: a date or a time is none, or a sequence cannot be read.
    """
    return ItemTerms(
        root=tuple(_terms(root, Level.ROOT, ignored)), step=tuple(_terms(step, Level.STEP, ignored))
    )


def _terms(level: DataSet, where: Level, ignored: frozenset[int]) -> Iterator[Term]:
    for tag in sorted(level):
        key = BY_TAG.get(tag)
        if key is None or key.level is not where or key.indexed or tag in ignored:
            continue
        if key.matching is Matching.SEQUENCE:
            inner = tuple(_inner(level, tag))
            if inner:
                yield Term(tag, "SQ", key.matching, inner=inner)
        elif key.matching is not Matching.NONE:
            yield from _term(level, tag, key.matching)


def _inner(level: DataSet, tag: int) -> Iterator[Term]:
    """The keys of the one item of a sequence, at any depth."""
    for item in level.items(tag)[:1]:
        for inner in sorted(item):
            if item.vr(inner) == "SQ":
                terms = tuple(_inner(item, inner))
                if terms:
                    yield Term(inner, "SQ", Matching.SEQUENCE, inner=terms)
            else:
                yield from _term(item, inner, Matching.WILDCARD)


def _term(level: DataSet, tag: int, matching: Matching) -> Iterator[Term]:
    vr = level.vr(tag)
    values = _values(level, tag, vr)
    if matching is Matching.RANGE:
        values = values if values and _range(vr, values[0]) else ()
    elif any(not value.strip("*^= ") for value in values):
        values = ()
    if values:
        yield Term(tag, vr, matching, values)


def _matches(term: Term, level: DataSet, fuzzy: bool) -> bool:
    if term.matching is Matching.SEQUENCE:
        return any(
            all(_matches(each, item, fuzzy) for each in term.inner)
            for item in (level.items(term.tag) if term.tag in level else ())
        )
    held = _values(level, term.tag, term.vr)
    return any(_meets(term, asked, value, fuzzy) for asked in term.asked for value in held)


def _meets(term: Term, asked: str, value: str, fuzzy: bool) -> bool:
    if term.matching is Matching.NAME:
        return matches_name(asked, value) or (fuzzy and sounds_like(asked, value))
    if term.matching is Matching.RANGE:
        bounds = _range(term.vr, asked)
        value = value[:6].ljust(6, "0") if term.vr == "TM" else value
        return bounds.first <= value and (not bounds.last or value <= bounds.last)
    return matches_text(asked.upper() if term.vr == "CS" else asked, value)


def _range(vr: str, asked: str) -> DateTimeRange:
    return date_range(asked) if vr == "DA" else time_range(asked)


def _values(level: DataSet, tag: int, vr: str) -> tuple[str, ...]:
    if vr in _PARAGRAPHS:
        text = level.text(tag)
        return (text,) if text else ()
    return tuple(value for value in level.texts(tag) if value)


def _mismatch(term: Term, level: DataSet) -> Mismatch:
    if term.matching is Matching.SEQUENCE:
        items = level.items(term.tag) if term.tag in level else ()
        held = "; ".join(_shown(item) for item in items)
    else:
        held = level.text(term.tag)
    return Mismatch(Rule.KEY, _name(term.tag), term.in_words, held)


def _shown(item: DataSet) -> str:
    """An item in words."""
    return ", ".join(
        f"{_name(tag)} {item.text(tag)}" for tag in sorted(item) if item.vr(tag) != "SQ"
    )


def _name(tag: int) -> str:
    return keyword_for_tag(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
