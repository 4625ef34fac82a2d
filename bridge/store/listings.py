"""What is kept, row by row, for reading only: studies and orders, the newest first."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, desc, func, select

from bridge.domain.matching import Outcome
from bridge.store import documents
from bridge.store.tables import imaging_service_request, match_decision, study

WAITING = ("", *(outcome.value for outcome in Outcome if outcome.waits))
"""Outcomes of studies that belong to no order so far; empty before the first decision."""

_ORDER = imaging_service_request.c
LATEST_REASON = func.coalesce(
    select(match_decision.c.reason)
    .where(match_decision.c.study_pk == study.c.pk)
    .order_by(desc(match_decision.c.pk))
    .limit(1)
    .scalar_subquery(),
    "",
).label("reason")
"""Why the newest decision on a study was taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedStudy:
    """A study and what was decided of it. `updated_at` is unix time in seconds."""

    study_instance_uid: str
    accession_number: str
    state: str
    outcome: str
    updated_at: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOrder:
    """An order by its numbers; `held_reason` says why it is on no worklist, empty when it is.

    `flag` is what somebody has to look at, though the order stands: its visit was cancelled.
    """

    accession: str
    placer: str
    filler: str
    updated_at: float
    held_reason: str
    flag: str = ""


class Listings:
    """The lists of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def studies(self, *, waiting: bool, limit: int) -> tuple[ListedStudy, ...]:
        """Studies, or with `waiting` only those that belong to no order so far."""
        names = ("study_instance_uid", "accession_number", "state", "outcome", "updated_at")
        query = (
            select(*(study.c[name] for name in names), LATEST_REASON)
            .order_by(desc(study.c.updated_at), desc(study.c.pk))
            .limit(limit)
        )
        if waiting:
            query = query.where(study.c.outcome.in_(WAITING))
        return tuple(ListedStudy(**row._mapping) for row in self._connection.execute(query).all())

    def orders(self, *, held: bool, limit: int) -> tuple[ListedOrder, ...]:
        """Orders, or with `held` only those that are on no worklist for want of something."""
        query = (
            select(_ORDER.numbers, _ORDER.updated_at, _ORDER.held_reason, _ORDER.flag)
            .order_by(desc(_ORDER.updated_at), desc(_ORDER.pk))
            .limit(limit)
        )
        if held:
            query = query.where(_ORDER.held_reason != "")
        return tuple(
            _order(numbers, updated_at, reason, flag)
            for numbers, updated_at, reason, flag in self._connection.execute(query).all()
        )


def _order(stored: object, updated_at: float, reason: str, flag: str) -> ListedOrder:
    numbers = documents.load_numbers(stored)
    return ListedOrder(
        accession=numbers.accession.value if numbers.accession else "",
        placer=numbers.placer.value if numbers.placer else "",
        filler=numbers.filler.value if numbers.filler else "",
        updated_at=updated_at,
        held_reason=reason,
        flag=flag,
    )
