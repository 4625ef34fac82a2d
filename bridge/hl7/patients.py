"""ADT (HL7 v2.5.1 chapter 3; IHE RAD-1, RAD-12, PAM): who is who, and in which visit → events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from bridge.domain.errors import RequiredFieldMissing
from bridge.domain.events import Event, Noted
from bridge.domain.identifiers import Identifier
from bridge.domain.patient import PatientDetails
from bridge.domain.patient_events import (
    IdentifierChanged,
    IdentifiersMoved,
    PatientRemoved,
    PatientsLinked,
    PatientsMerged,
    PatientUpdated,
)
from bridge.domain.visit import VisitNumbers
from bridge.hl7.adt_groups import AdtGroup, AdtReader, groups_of
from bridge.hl7.reading import Reading, Sender
from bridge.hl7.segments import Message
from bridge.hl7.visits import (
    CHANGES,
    RENUMBERINGS,
    read_account_merge,
    read_renumbering,
    read_visit,
    read_visits_moved,
)

Read = Callable[[str, list[AdtGroup], AdtReader], Iterator[Event]]

# MRG-1 is the prior list; MRG-4 and MRG-2 are what it was before v2.3 (3.4.10).
_PRIOR_PATIENT: Final = (1, 4, 2)


def event_of(message: Message) -> str:
    """The trigger event: MSH-9.2, else EVN-1, else what the structure in MSH-9 tells.

    A structure comes last: A01, A04, A08 and A13 have the same one.
    """
    if event := message.header.field(9, component=2).strip().upper():
        return event
    evn = message.first("EVN")
    written = (evn.field(1, component=2) or evn.field(1)).strip().upper() if evn else ""
    structure = message.header.field(9, component=3).strip().upper()
    return (written or message.trigger_event or structure).replace("ADT_", "")


def read_patients(message: Message, sender: Sender) -> Reading:
    """Read an ADT message.

    Raises:
        BridgeError: a patient has no identifier, or one that cannot be used; it says where.
    """
    event = event_of(message)
    read = _READERS.get(event)
    if read is None:
        return Reading((Noted(reason=f"ADT^{event} changes nothing here"),))
    reader = AdtReader(message, sender)
    events = tuple(read(event, list(groups_of(message)), reader))
    return Reading(events, reader.warnings)


def _read_update(event: str, groups: list[AdtGroup], reader: AdtReader) -> Iterator[Event]:
    """A28 and A31 are about the person, A08 about a visit as well."""
    patient = reader.patient(groups[0])
    yield PatientUpdated(event=event, patient=patient, occurred_at=reader.moment)
    if event in CHANGES and reader.visit(groups[0]):
        yield from read_visit(event, groups, reader)


def _read_merges(event: str, groups: list[AdtGroup], reader: AdtReader) -> Iterator[Event]:
    """Each MRG is about the PID before it; an A40 may hold several such pairs."""
    for group in groups:
        if group.mrg is None and len(groups) > 1:
            continue  # a PID whose MRG was left out says nothing
        survivor = reader.patient(group)
        retired = _prior_patient(group, reader, survivor)
        merge = PatientsMerged(
            survivor=survivor,
            retired=retired,
            retired_aliases=reader.legacy_prior(group, survivor),
            occurred_at=reader.moment,
            location=f"{group.prior_location}^1",
        )
        swapped = reader.profile.options.merge_is_swapped
        yield _swapped(merge) if swapped else merge
        if event in _WITH_ACCOUNT:
            yield from read_account_merge(event, group, reader)


def _swapped(merge: PatientsMerged) -> PatientsMerged:
    """The sender puts who is retired into PID, and what it says of him with it."""
    return PatientsMerged(
        survivor=PatientDetails(identifiers=merge.retired, aliases=merge.retired_aliases),
        retired=merge.survivor.identifiers,
        retired_aliases=merge.survivor.aliases,
        occurred_at=merge.occurred_at,
        location="PID^1^3",
    )


def _prior_patient(
    group: AdtGroup, reader: AdtReader, today: PatientDetails
) -> tuple[Identifier, ...]:
    """Prior identifiers; one that names no authority was assigned by that of the first today."""
    found = reader.prior(group, _PRIOR_PATIENT, reader.authority_of(today))
    if not found:
        place = f"{group.prior_location}^1"
        raise RequiredFieldMissing("no prior patient identifier", location=place)
    return found


def _read_links(event: str, groups: list[AdtGroup], reader: AdtReader) -> Iterator[Event]:
    """A24 links the patients of two PIDs, A37 takes that back; of more, each to the first."""
    first, *others = groups
    one = reader.patient(first)
    if not others:
        raise RequiredFieldMissing("there is no second patient", location="PID^2^3")
    for group in others:
        yield PatientsLinked(
            patients=(one, reader.patient(group)),
            linked=event == "A24",
            occurred_at=reader.moment,
            location=f"{group.patient_location}^3",
        )


def _read_removal(event: str, groups: list[AdtGroup], reader: AdtReader) -> Iterator[Event]:
    """A23 is about an episode where it names one, A29 about the person."""
    named = reader.visit(groups[0]).number if event == "A23" else None
    yield PatientRemoved(
        event=event,
        patient=reader.patient(groups[0]),
        visit=VisitNumbers(number=named),
        occurred_at=reader.moment,
        location=f"{groups[0].patient_location}^3",
    )


def _read_identifiers_moved(
    _event: str, groups: list[AdtGroup], reader: AdtReader
) -> Iterator[Event]:
    for group in groups:
        patient = reader.patient(group)
        yield IdentifiersMoved(
            patient=patient,
            moved=_prior_patient(group, reader, patient),
            occurred_at=reader.moment,
            location=f"{group.prior_location}^1",
        )


def _read_identifier_changed(
    fields: tuple[int, ...], _event: str, groups: list[AdtGroup], reader: AdtReader
) -> Iterator[Event]:
    """A47 changes PID-3, A46 PID-2 and A48 PID-4: the number before is in MRG-1, 4 or 2."""
    for group in groups:
        patient = reader.patient(group)
        previous = reader.prior(group, fields, reader.authority_of(patient))
        if not previous:
            place = f"{group.prior_location}^{fields[0]}"
            raise RequiredFieldMissing("no prior patient identifier", location=place)
        yield IdentifierChanged(
            patient=patient,
            previous=previous,
            occurred_at=reader.moment,
            location=f"{group.prior_location}^{fields[0]}",
        )


_WITH_ACCOUNT: Final = frozenset({"A36"})

_READERS: Final[Mapping[str, Read]] = {
    **dict.fromkeys(CHANGES, read_visit),
    **dict.fromkeys(("A08", "A28", "A31"), _read_update),
    **dict.fromkeys(("A18", "A30", "A34", "A36", "A39", "A40"), _read_merges),
    **dict.fromkeys(("A24", "A37"), _read_links),
    **dict.fromkeys(("A23", "A29"), _read_removal),
    **dict.fromkeys(RENUMBERINGS, read_renumbering),
    **dict.fromkeys(("A44", "A45"), read_visits_moved),
    "A43": _read_identifiers_moved,
    "A46": partial(_read_identifier_changed, (4, 1)),
    "A47": partial(_read_identifier_changed, (1, 4, 2)),
    "A48": partial(_read_identifier_changed, (2, 1)),
}
"""Every event that changes something here; of the others nothing is known that they would."""
