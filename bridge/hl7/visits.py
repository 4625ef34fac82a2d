"""ADT events of visits and accounts (HL7 v2.5.1 3.3; STANDARDS 3.3) → events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bridge.domain.errors import RequiredFieldMissing
from bridge.domain.events import Event
from bridge.domain.identifiers import Identifier
from bridge.domain.visit import (
    VisitAction,
    VisitChanged,
    VisitNumbers,
    VisitRenumbered,
    VisitsMoved,
)
from bridge.hl7.adt_groups import AdtGroup, AdtReader

_A = VisitAction

CHANGES: Final[Mapping[str, VisitAction]] = {
    "A01": _A.ADMIT,
    "A02": _A.TRANSFER,
    "A03": _A.DISCHARGE,
    "A04": _A.ADMIT,
    "A05": _A.PREADMIT,
    "A06": _A.CHANGE_CLASS,
    "A07": _A.CHANGE_CLASS,
    "A08": _A.UPDATE,
    "A09": _A.DEPART,
    "A10": _A.ARRIVE,
    "A11": _A.CANCEL,
    "A12": _A.TRANSFER,
    "A13": _A.REOPEN,
    "A14": _A.PREADMIT,
    "A27": _A.CANCEL,
    "A38": _A.CANCEL,
}
"""What each event does to a visit. A12 and A13 tell where the patient is after the cancel."""


@dataclass(frozen=True, slots=True)
class _Renumbering:
    """Which number changes, where it stood before (MRG) and stands now, and if two are joined."""

    is_account: bool
    was: int
    place: str
    merges: bool
    is_alternate: bool = False


_ACCOUNT_MERGE: Final = _Renumbering(True, 3, "PID^1^18", merges=True)
RENUMBERINGS: Final[Mapping[str, _Renumbering]] = {
    "A35": _ACCOUNT_MERGE,
    "A41": _ACCOUNT_MERGE,
    "A42": _Renumbering(False, 5, "PV1^1^19", merges=True),
    "A49": _Renumbering(True, 3, "PID^1^18", merges=False),
    "A50": _Renumbering(False, 5, "PV1^1^19", merges=False),
    "A51": _Renumbering(False, 6, "PV1^1^50", merges=False, is_alternate=True),
}


def read_visit(event: str, groups: list[AdtGroup], reader: AdtReader) -> Iterator[Event]:
    """A01–A14 and their kin. A06 and A07 may name the account and the visit there were before."""
    group = next((each for each in groups if each.mrg is not None), groups[0])
    visit = reader.visit(group)
    yield VisitChanged(
        event=event,
        action=CHANGES[event],
        patient=reader.patient(group),
        visit=visit,
        previous=VisitNumbers(
            number=_first(reader.prior(group, (5,))),
            account=_first(reader.prior(group, (3,))),
        ),
        occurred_at=reader.moment,
        day=reader.day,
    )


def read_renumbering(event: str, groups: list[AdtGroup], reader: AdtReader) -> Iterator[Event]:
    """A35, A41, A42 join two accounts or visits; A49, A50, A51 give one another number."""
    for group in groups:
        if group.mrg is not None or len(groups) == 1:
            yield _read_renumbering(event, RENUMBERINGS[event], group, reader)


def read_account_merge(event: str, group: AdtGroup, reader: AdtReader) -> Iterator[Event]:
    """A36 merges the accounts with the patients, where both are given and differ."""
    current = reader.visit(group).account
    previous = _first(reader.prior(group, (3,)))
    if current and previous and not current.agrees_with(previous):
        yield _read_renumbering(event, _ACCOUNT_MERGE, group, reader)


def _read_renumbering(
    event: str, what: _Renumbering, group: AdtGroup, reader: AdtReader
) -> VisitRenumbered:
    visit = reader.visit(group)
    current = visit.account if what.is_account else visit.number
    if what.is_alternate:
        current = visit.alternate
    if current is None:
        raise RequiredFieldMissing("there is no number to change to", location=what.place)
    place = f"{group.prior_location}^{what.was}"
    previous = _first(reader.prior(group, (what.was,)))
    if previous is None:
        raise RequiredFieldMissing("there is no prior number", location=place)
    return VisitRenumbered(
        event=event,
        patient=reader.patient(group),
        previous=previous,
        current=current,
        is_account=what.is_account,
        is_alternate=what.is_alternate,
        merges=what.merges,
        occurred_at=reader.moment,
        location=place,
    )


def read_visits_moved(event: str, groups: list[AdtGroup], reader: AdtReader) -> Iterator[Event]:
    """A44 moves an account (MRG-3), A45 visits (MRG-5, else MRG-6), from whom MRG-1 names.

    The standard repeats the number in PID-18 or PV1-19; there it is looked for, too.
    """
    for group in groups:
        patient, visit = reader.patient(group), reader.visit(group)
        previous = reader.prior(group, (1, 4, 2), reader.authority_of(patient))
        account = number = None
        if event == "A44":
            account = _first(reader.prior(group, (3,))) or visit.account
        else:
            number = _first(reader.prior(group, (5, 6))) or visit.number
        if account is None and number is None:
            field = 3 if event == "A44" else 5
            place = f"{group.prior_location}^{field}"
            raise RequiredFieldMissing("there is nothing named to move", location=place)
        if event == "A44" and not previous:
            place = f"{group.prior_location}^1"
            raise RequiredFieldMissing("no prior patient identifier", location=place)
        yield VisitsMoved(
            event=event,
            patient=patient,
            previous=previous,
            account=account,
            visit=number,
            numbers=visit.numbers,
            occurred_at=reader.moment,
            location=f"{group.prior_location}^1",
        )


def _first(found: tuple[Identifier, ...]) -> Identifier | None:
    return next(iter(found), None)
