"""ADT (HL7 v2.5.1 chapter 3; IHE RAD-1, RAD-12): demographics and merges → patient events."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bridge.domain.errors import RequiredFieldMissing
from bridge.domain.events import Noted
from bridge.domain.identifiers import Identifier
from bridge.domain.patient import PatientDetails
from bridge.domain.patient_events import PatientsMerged, PatientUpdated
from bridge.hl7.order_groups import ScopeOf
from bridge.hl7.orders import make_patient
from bridge.hl7.reading import Reading, Sender
from bridge.hl7.segments import Message, Segment
from bridge.mapping.rows import evaluate_rows
from bridge.mapping.source import Place, Run
from bridge.mapping.times import parse_time_stamp
from bridge.mapping.transforms import read_identifiers

UPDATES: Final = frozenset({"A01", "A04", "A05", "A08", "A28", "A31"})
MERGES: Final = frozenset({"A18", "A34", "A36", "A39", "A40"})

# MRG-1 is the prior list; MRG-4 and MRG-2 are what it was before v2.3 (3.4.10).
_PRIOR_IDENTIFIERS: Final = (Place("MRG", 1), Place("MRG", 4), Place("MRG", 2))


def event_of(message: Message) -> str:
    """The trigger event: MSH-9.2, else what MSH-9.3 or EVN-1 say of it."""
    if message.trigger_event:
        return message.trigger_event
    structure = message.header.field(9, component=3)
    evn = message.first("EVN")
    written = structure or (evn.field(1, component=2) or evn.field(1) if evn else "")
    return written.replace("ADT_", "")


def read_patients(message: Message, sender: Sender) -> Reading:
    """Read an ADT message.

    Raises:
        BridgeError: a patient has no identifier, or one that cannot be used; it says where.
    """
    event = event_of(message)
    run = Run(sender.site)
    if event in MERGES:
        merged = tuple(_read_merges(message, sender, run))
        return Reading(merged, tuple(run.warnings))
    if event in UPDATES:
        patient = _read_patient(_scope(message), sender, run)
        updated = PatientUpdated(event=event, patient=patient, occurred_at=_moment(message, run))
        return Reading((updated,), tuple(run.warnings))
    return Reading((Noted(reason=f"ADT^{event} changes nothing here"),))


def _read_merges(message: Message, sender: Sender, run: Run) -> list[PatientsMerged]:
    """Each MRG is about the PID before it; an A40 may hold several such pairs."""
    merges = []
    header: ScopeOf = {"MSH": [message.header]}
    scope = header
    for segment in message.segments:
        if segment.name == "PID":
            scope = {**header, "PID": [segment]}
        elif segment.name == "MRG":
            survivor = _read_patient(scope, sender, run)
            merges.append(
                PatientsMerged(
                    survivor=survivor,
                    retired=_read_prior(segment, survivor, run),
                    occurred_at=_moment(message, run),
                    location=f"MRG^{segment.sequence}^1",
                )
            )
    if not merges:
        raise RequiredFieldMissing("no prior patient identifier", location="MRG^1^1")
    return merges


def _read_prior(segment: Segment, survivor: PatientDetails, run: Run) -> tuple[Identifier, ...]:
    """Prior identifiers; one that names no authority was assigned by the survivor's."""
    site = replace(run.site, authority=survivor.identifiers[0].authority or run.site.authority)
    prior_run = replace(run, site=site)
    for place in _PRIOR_IDENTIFIERS:
        if found := read_identifiers(segment, place, prior_run):
            return found
    raise RequiredFieldMissing("no prior patient identifier", location=f"MRG^{segment.sequence}^1")


def _read_patient(scope: ScopeOf, sender: Sender, run: Run) -> PatientDetails:
    patient = make_patient(evaluate_rows(sender.profile.header, scope, run, {}))
    if not patient.identifiers:
        sequence = scope["PID"][0].sequence if "PID" in scope else 1
        raise RequiredFieldMissing("the patient has no identifier", location=f"PID^{sequence}^3")
    return patient


def _scope(message: Message) -> ScopeOf:
    scope: ScopeOf = {}
    for segment in message.segments:
        scope.setdefault(segment.name, []).append(segment)
    return scope


def _moment(message: Message, run: Run) -> str:
    """When the sender recorded the event (EVN-2), which a repeat keeps; else MSH-7. In UTC."""
    evn = message.first("EVN")
    for text in (evn.field(2) if evn else "", message.header.field(7)):
        stamp = parse_time_stamp(text, run.site.zone) if text else None
        if stamp:
            return stamp.utc
    return ""
