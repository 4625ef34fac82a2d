"""The port by which records are found: which of what kind, in which order, from where on.

Edges that answer searches (FHIR) say what they want in these values; the store turns them into
SQL. Fields are the domain's words, not those of a protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bridge.domain.identifiers import Identifier


class RecordKind(StrEnum):
    """What can be found. `RESOURCE`: resources as received that stand for no row of the domain."""

    PATIENT = "patient"
    ORDER = "order"
    STEP = "step"
    STUDY = "study"
    VISIT = "visit"
    APPOINTMENT = "appointment"
    RESOURCE = "resource"


Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Exactly:
    """The field has this value, or (`other`) any but this."""

    value: Scalar
    other: bool = False


@dataclass(frozen=True, slots=True)
class Between:
    """The field is at least `low` and below `high`, or (`outside`) not. None leaves an end open."""

    low: str | float | None = None
    high: str | float | None = None
    outside: bool = False


class Where(StrEnum):
    """Which part of a text is to begin with what is asked for; a caret or space begins a word."""

    START = "start"
    WORD = "word"
    LATER_WORD = "later word"
    ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True)
class Like:
    """The text has this in it."""

    text: str
    where: Where = Where.WORD


@dataclass(frozen=True, slots=True)
class Absent:
    """The field has no value, or (`present`) has one."""

    present: bool = False


Test = Exactly | Between | Like | Absent


@dataclass(frozen=True, slots=True)
class Criterion:
    """Any of the tests holds of the field, or the record is one of `or_records`."""

    field: str
    tests: tuple[Test, ...]
    or_records: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The records of a kind for which every criterion holds."""

    kind: RecordKind
    criteria: tuple[Criterion, ...] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record stands in the order: after all that are smaller."""

    updated_at: float
    pk: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which part of what was selected, in which order.

    By pk, or with `by_update` by when a record changed last; `backwards` turns the order round.
    Only records beyond `beyond` (in that order), at most `limit`.
    """

    limit: int
    by_update: bool = False
    backwards: bool = False
    beyond: Position | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A record, when it changed last and, where that is kept, when it came (unix time)."""

    pk: int
    updated_at: float
    received_at: float = 0.0


class Records(Protocol):
    """Finds records."""

    def find(self, selection: Selection, window: Window) -> Sequence[Found]:
        """Records in the window's order."""

    def count(self, selection: Selection, at_most: int | None = None) -> int:
        """How many there are; counted no further than `at_most`."""

    def found(self, kind: RecordKind, pk: int) -> Found | None:
        """One record; None when there is none of this pk."""

    def is_shown(self, kind: RecordKind, pk: int) -> bool:
        """Whether searches find a record: it is not merged, removed or deleted."""

    def newest(self, kind: RecordKind) -> int:
        """The pk of the newest row of this kind; 0 when there is none."""

    def survivor(self, patient_pk: int) -> int | None:
        """Who a patient was merged into; None when nobody."""

    def numbered(self, kind: RecordKind, value: str) -> Sequence[tuple[int, Identifier]]:
        """Every record known by a number of this value, with the number and its authority."""
