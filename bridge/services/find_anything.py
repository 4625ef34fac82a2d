"""One box: orders, studies, patients and messages by any number, UID or part of a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bridge.domain.access import SignedIn
from bridge.domain.audit import AuditAction, AuditEventId, AuditObject
from bridge.domain.names import fold
from bridge.services.audit import AuditTransaction, audit_event
from bridge.services.overview import ListedMessage
from bridge.services.transaction import Clock

T = TypeVar("T")
LISTED = 20
"""How many of a kind are listed."""

LONGEST = 200
_MOST_WORDS = 6
_LEAST_PREFIX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundOrder:
    """An order. `steps` are the statuses of its scheduled steps; `start` is DICOM date and time."""

    pk: int
    accession: str
    placer: str
    filler: str
    patient_name: str
    patient_id: str
    birth_date: str
    description: str
    modality: str
    start: str
    held_reason: str
    created_at: float
    study_instance_uids: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """What it is called by."""
        return self.accession or self.filler or self.placer or f"#{self.pk}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundStudy:
    """A study as received; `outcome` is empty before anything was decided."""

    study_instance_uid: str
    accession: str
    patient_name: str
    patient_id: str
    study_date: str
    description: str
    outcome: str
    updated_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPerson:
    """A patient, by the identifiers now in use."""

    pk: int
    name: str
    birth_date: str
    sex: str
    identifiers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a text led to; `beginnings` are identifiers that begin with it, when it is none."""

    sought: str
    orders: Sequence[FoundOrder] = ()
    studies: Sequence[FoundStudy] = ()
    persons: Sequence[FoundPerson] = ()
    messages: Sequence[ListedMessage] = ()
    beginnings: Sequence[tuple[str, str]] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return not (self.orders or self.studies or self.persons or self.messages or self.beginnings)

    @property
    def only_order(self) -> FoundOrder | None:
        """The one order whose number or study this is; nothing when there is any doubt."""
        named = [each for each in self.orders if self.sought in _names(each)]
        return named[0] if len(named) == 1 and len(self.orders) == 1 else None

    @property
    def only_study(self) -> FoundStudy | None:
        """The one study of this UID or accession number that belongs to no order."""
        if self.orders or len(self.studies) != 1:
            return None
        (study,) = self.studies
        return study if self.sought in (study.study_instance_uid, study.accession) else None


def _names(order: FoundOrder) -> tuple[str, ...]:
    return (order.accession, order.placer, order.filler, *order.study_instance_uids)


class Searches(Protocol):
    """The questions to what is kept; each is served by an index."""

    def meant_by(self, value: str) -> str:
        """The identifier that modalities are shown this one in place of."""

    def orders(self, value: str, limit: int) -> Sequence[FoundOrder]:
        """By accession, order number, Study Instance UID or patient ID, the newest first."""

    def studies(self, value: str, limit: int) -> Sequence[FoundStudy]:
        """By Study Instance UID, accession number or patient ID, the newest first."""

    def persons(self, value: str, limit: int) -> Sequence[FoundPerson]:
        """Who is, or once was, called by this number."""

    def messages(self, value: str, limit: int) -> Sequence[ListedMessage]:
        """That mention this identifier, the newest first."""

    def beginning(self, value: str, limit: int) -> Sequence[tuple[str, str]]:
        """Identifiers that begin so, with their kind."""

    def persons_named(self, words: Sequence[str], limit: int) -> Sequence[FoundPerson]:
        """Whose name has a word that begins with each of these, in any order, newest first."""

    def studies_named(self, words: Sequence[str], limit: int) -> Sequence[FoundStudy]:
        """Whose images carry such a name."""

    def orders_of(self, patient_pks: Sequence[int], limit: int) -> Sequence[FoundOrder]:
        """The newest orders of these patients."""


class SearchTransaction(Protocol):
    """A transaction in which one can search."""

    @property
    def searches(self) -> Searches:
        """The questions."""


class SearchStore(Protocol):
    """Reads, and writes down that somebody searched."""

    def read(self, work: Callable[[SearchTransaction], T]) -> T:
        """Run what only reads."""

    def transact(self, work: Callable[[AuditTransaction], T]) -> T:
        """Run and commit."""


class FindAnything:
    """The one search box. Each search is in the audit trail before its answer is given."""

    def __init__(self, store: SearchStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def find(self, text: str, user: SignedIn) -> Found:
        """Everything that a text leads to."""
        sought = " ".join(text.replace("\0", "").split())[:LONGEST]
        if not sought:
            return Found(sought="")
        event = audit_event(
            user,
            AuditEventId.QUERY,
            AuditAction.EXECUTE,
            self._clock(),
            about=(AuditObject.PATIENT, ""),
            detail=sought,
        )
        self._store.transact(lambda tx: tx.audit.add(event))
        return self._store.read(lambda tx: self._find(tx.searches, sought))

    def _find(self, asked: Searches, sought: str) -> Found:
        value = asked.meant_by(sought)
        found = Found(
            sought=value,
            orders=asked.orders(value, LISTED),
            studies=asked.studies(value, LISTED),
            persons=asked.persons(value, LISTED),
            messages=asked.messages(value, LISTED),
        )
        if not found.is_empty:
            return found
        words = name_words(sought)[:_MOST_WORDS]
        persons = asked.persons_named(words, LISTED) if _may_be_name(words) else ()
        return Found(
            sought=value,
            orders=asked.orders_of([each.pk for each in persons], LISTED) if persons else (),
            studies=asked.studies_named(words, LISTED) if _may_be_name(words) else (),
            persons=persons,
            beginnings=asked.beginning(value, LISTED) if len(value) >= _LEAST_PREFIX else (),
        )


def name_words(text: str) -> tuple[str, ...]:
    """The words of a name, folded as they are indexed: no accents, upper case, each once."""
    parts = fold(text).replace("^", " ").replace("=", " ").replace(",", " ").split()
    return tuple(dict.fromkeys(parts))


def _may_be_name(words: Sequence[str]) -> bool:
    return bool(words) and any(any(c.isalpha() for c in word) for word in words)
