"""Patients for a person to look at: found by number or name, with what hangs on each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bridge.domain.identifiers import Identifier
from bridge.domain.order import Order
from bridge.domain.order_state import state_of
from bridge.domain.patient_merge import PatientMerge
from bridge.domain.ranking import number_of
from bridge.domain.visit import Visit
from bridge.services.find_anything import name_words
from bridge.services.transaction import Store, Transaction

T = TypeVar("T")
LISTED = 50
"""How many patients a search gives at most."""

MERGES_LISTED = 100
"""How many merges a list gives at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPatient:
    """A row of the answer; `merged_into` is the pk of whoever holds what was this record's."""

    pk: int
    name: str
    birth_date: str
    sex: str
    identifiers: tuple[str, ...]
    orders: int
    updated_at: float
    removed: bool
    merged_into: int | None


class PatientLists(Protocol):
    """Finds patients for a person."""

    def numbered(self, value: str, limit: int) -> Sequence[FoundPatient]:
        """Those who are, or once were, called by this value."""

    def named(self, words: Sequence[str], limit: int) -> Sequence[FoundPatient]:
        """Those whose name has words that begin with each of these (folded), in any order."""

    def newest(self, limit: int) -> Sequence[FoundPatient]:
        """Those who changed last."""

    def merges(self, limit: int) -> Sequence[PatientMerge]:
        """Merges of anybody, the newest first."""

    def merged_into(self, pk: int) -> int | None:
        """Who holds what this record held; None while it stands for itself."""

    def is_there(self, pk: int) -> bool:
        """Whether there is a record of this number."""


class PatientListsTransaction(Protocol):
    """A transaction in which this can be asked."""

    @property
    def patient_lists(self) -> PatientLists:
        """The questions."""


class PatientListsStore(Protocol):
    """Runs work that only reads."""

    def read(self, work: Callable[[PatientListsTransaction], T]) -> T:
        """Run it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPatients:
    """The answer to a search, or without one those who changed last. `more`: there are others."""

    sought: str
    rows: Sequence[FoundPatient]
    more: bool


@dataclass(frozen=True, slots=True)
class ShownIdentifier:
    """One identifier; an alias is one that was merged away or that nobody assigned."""

    value: str
    authority: str
    type_code: str
    is_alias: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMerge:
    """A merge: what was retired, into whom, who said so and when (unix time).

    `undone_at` is None while it stands.
    """

    pk: int
    identifiers: tuple[str, ...]
    retired_pk: int
    survivor_pk: int
    survivor: str
    source: str
    occurred_at: str
    merged_at: float
    undone_at: float | None
    undone_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedPatient:
    """Another record that a sender says is of the same person (ADT^A24)."""

    pk: int
    patient_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownVisit:
    """A visit by its numbers, with where the patient is."""

    number: str
    account: str
    patient_class: str
    status: str
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownOrder:
    """An order by its number, and the studies it is matched to."""

    number: str
    description: str
    status: str
    start: str
    held_reason: str
    flag: str
    study_instance_uids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedPatient:
    """One record with everything that hangs on it. `merged_into` is None while it stands."""

    pk: int
    name: str
    identifiers: Sequence[ShownIdentifier]
    attributes: Mapping[str, str]
    removed: bool
    merged_into: int | None
    links: Sequence[LinkedPatient]
    merges: Sequence[ShownMerge]
    visits: Sequence[ShownVisit]
    orders: Sequence[ShownOrder]

    @property
    def patient_id(self) -> str:
        """The identifier that images carry; empty when nobody is called by it any more."""
        return next((each.value for each in self.identifiers if not each.is_alias), "")


class ReviewPatients:
    """Reads only. `store` runs the domain's own questions, `lists` those of pages."""

    def __init__(self, *, store: Store, lists: PatientListsStore) -> None:
        self._store = store
        self._lists = lists

    def find(self, sought: str) -> FoundPatients:
        """Who is called by a number, exactly, or by words of a name, folded."""
        text = sought.strip()
        rows = self._lists.read(lambda tx: _found(tx.patient_lists, text))
        return FoundPatients(sought=text, rows=rows[:LISTED], more=len(rows) > LISTED)

    def merges(self) -> Sequence[ShownMerge]:
        """The newest merges of anybody."""
        merges = self._lists.read(lambda tx: tx.patient_lists.merges(MERGES_LISTED))
        return self._store.read(lambda tx: tuple(_merge(tx, each) for each in merges))

    def patient(self, pk: int) -> ReviewedPatient | None:
        """One record; None when there is none of this number."""
        if not self._lists.read(lambda tx: tx.patient_lists.is_there(pk)):
            return None
        merged_into = self._lists.read(lambda tx: tx.patient_lists.merged_into(pk))
        return self._store.read(lambda tx: _reviewed(tx, pk, merged_into))


def _found(lists: PatientLists, text: str) -> list[FoundPatient]:
    if not text:
        return list(lists.newest(LISTED))
    words = name_words(text)
    rows = [*lists.numbered(text, LISTED + 1)]
    known = {each.pk for each in rows}
    named = lists.named(words, LISTED + 1) if words else ()
    return [*rows, *(each for each in named if each.pk not in known)]


def _reviewed(tx: Transaction, pk: int, merged_into: int | None) -> ReviewedPatient:
    patient = tx.patients.get(pk)
    return ReviewedPatient(
        pk=pk,
        name=patient.attributes.get("PatientName", ""),
        identifiers=(
            *_identifiers(patient.identifiers, is_alias=False),
            *_identifiers(patient.aliases, is_alias=True),
        ),
        attributes=patient.attributes,
        removed=patient.removed,
        merged_into=merged_into,
        links=tuple(_linked(tx, each) for each in tx.merges.linked_to(pk)),
        merges=tuple(_merge(tx, each) for each in reversed(tx.merges.of_patient(pk))),
        visits=tuple(map(_visit, tx.visits.of_patient(pk))),
        orders=tuple(_order(tx, each) for each in reversed(tx.orders.of_patient(pk))),
    )


def _identifiers(
    identifiers: Iterable[Identifier], *, is_alias: bool
) -> tuple[ShownIdentifier, ...]:
    return tuple(
        ShownIdentifier(each.value, each.authority.key, each.type_code, is_alias)
        for each in identifiers
    )


def _linked(tx: Transaction, pk: int) -> LinkedPatient:
    other = tx.patients.get(pk)
    return LinkedPatient(
        pk=pk, patient_id=_called(tx, pk), name=other.attributes.get("PatientName", "")
    )


def _called(tx: Transaction, pk: int) -> str:
    identifiers = tx.patients.get(pk).identifiers
    return identifiers[0].value if identifiers else ""


def _merge(tx: Transaction, merge: PatientMerge) -> ShownMerge:
    holder = tx.merges.holder_of(merge.survivor_pk)
    return ShownMerge(
        pk=merge.pk,
        identifiers=tuple(each.value for each in merge.identifiers),
        retired_pk=merge.retired_pk,
        survivor_pk=holder,
        survivor=_called(tx, holder),
        source=merge.source,
        occurred_at=merge.occurred_at,
        merged_at=merge.merged_at,
        undone_at=merge.undone_at,
        undone_by=merge.undone_by,
    )


def _visit(visit: Visit) -> ShownVisit:
    number, account = visit.numbers.number, visit.numbers.account
    return ShownVisit(
        number=number.value if number else "",
        account=account.value if account else "",
        patient_class=visit.patient_class,
        status=visit.status.value,
        location=visit.attributes.get("CurrentPatientLocation", ""),
    )


def _order(tx: Transaction, order: Order) -> ShownOrder:
    steps = [step for procedure in order.procedures for step in procedure.steps]
    described = (p.attributes.get("RequestedProcedureDescription", "") for p in order.procedures)
    return ShownOrder(
        number=number_of(order),
        description="; ".join(dict.fromkeys(each for each in described if each)),
        status=state_of(order).value,
        start=next((s.start_date + s.start_time for s in steps if s.start_date), ""),
        held_reason=order.held_reason,
        flag=order.flag,
        study_instance_uids=tx.studies.of_procedures([p.pk for p in order.procedures]),
    )
