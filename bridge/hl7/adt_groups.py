"""ADT messages as their events need them (HL7 v2.5.1 3.3): who comes with which MRG and PV1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from bridge.domain.errors import RequiredFieldMissing
from bridge.domain.identifiers import NO_AUTHORITY, Authority, Identifier
from bridge.domain.patient import PatientDetails
from bridge.domain.visit import VisitDetails
from bridge.hl7.order_groups import ScopeOf
from bridge.hl7.orders import make_patient, make_visit
from bridge.hl7.reading import Sender
from bridge.hl7.segments import Message, Segment
from bridge.mapping.profiles import HEADER_SEGMENTS
from bridge.mapping.rows import Row, evaluate_rows
from bridge.mapping.source import Place, Run
from bridge.mapping.targets import Level
from bridge.mapping.times import TimeStamp, parse_time_stamp
from bridge.mapping.transforms import read_identifiers

_ADMISSION_ID: Final = "AdmissionID"
_LATEST: Final = "99991231235959"


@dataclass(frozen=True, slots=True)
class AdtGroup:
    """One PID with the segments that follow it, or one of its MRG segments with those."""

    scope: ScopeOf
    mrg: Segment | None = None

    @property
    def patient_location(self) -> str:
        """Where the patient stands in the message."""
        return f"PID^{self.scope['PID'][0].sequence if 'PID' in self.scope else 1}"

    @property
    def prior_location(self) -> str:
        """Where the prior information stands, or would."""
        return f"MRG^{self.mrg.sequence if self.mrg else 1}"


def groups_of(message: Message) -> Iterator[AdtGroup]:
    """Each MRG with the PID before it; a PID without any by itself (A39, A40, A45 repeat both).

    A visit (PV1) that follows an MRG is of that one; before the first, of all of the PID's.
    """
    head = _scope_of(each for each in message.segments if each.name in ("MSH", "EVN"))
    segments = [each for each in message.segments if each.name not in ("MSH", "EVN")]
    own: list[Segment] = []
    after: list[Segment] = []
    mrg: Segment | None = None
    for segment in segments:
        if segment.name in ("PID", "MRG") and mrg is not None:
            yield _group(head, own, mrg, after)
        if segment.name == "PID":
            if mrg is None and any(each.name == "PID" for each in own):
                yield _group(head, own, None, [])
            own, after, mrg = [segment], [], None
        elif segment.name == "MRG":
            mrg, after = segment, []
        else:
            (own if mrg is None else after).append(segment)
    yield _group(head, own, mrg, after)


def _group(
    head: ScopeOf, own: list[Segment], mrg: Segment | None, after: list[Segment]
) -> AdtGroup:
    later = {each.name for each in after}
    kept = [each for each in own if each.name not in later or each.name == "PID"]
    return AdtGroup({**head, **_scope_of((*kept, *after))}, mrg)


def _scope_of(segments: Any) -> ScopeOf:
    scope: ScopeOf = {}
    for segment in segments:
        scope.setdefault(segment.name, []).append(segment)
    return scope


class AdtReader:
    """Reads the groups of one message by the rows of a sender's profile."""

    def __init__(self, message: Message, sender: Sender) -> None:
        self.run = Run(sender.site)
        self.profile = sender.profile
        self._message = message
        self.moment, self.day = self._when()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was odd, once each."""
        return tuple(dict.fromkeys(self.run.warnings))

    def patient(self, group: AdtGroup) -> PatientDetails:
        """Whom a group is about.

        Raises:
            RequiredFieldMissing: there is no usable identifier (101 at PID-3).
        """
        patient = make_patient(evaluate_rows(self.profile.header, group.scope, self.run, {}))
        if not patient.identifiers:
            place = f"{group.patient_location}^3"
            raise RequiredFieldMissing("the patient has no identifier", location=place)
        return patient

    def visit(self, group: AdtGroup) -> VisitDetails:
        """What a group says of the visit: what of an order message would be its order's, too."""
        levels = self.profile.levels
        visit = make_visit(evaluate_rows(levels[Level.VISIT], group.scope, self.run, {}))
        said = evaluate_rows(filter(_is_of_visit, levels[Level.ORDER]), group.scope, self.run, {})
        if visit.numbers:
            said.pop(_ADMISSION_ID, None)  # the numbers tell, and may change
        return replace(visit, attributes=said)

    def prior(
        self, group: AdtGroup, numbers: tuple[int, ...], authority: Authority = NO_AUTHORITY
    ) -> tuple[Identifier, ...]:
        """Identifiers in the first of these fields of MRG that has some.

        One that names no authority was assigned by `authority`, that of its counterpart today.
        """
        if group.mrg is None:
            return ()
        for number in numbers:
            found = read_identifiers(group.mrg, Place("MRG", number), self.run, authority)
            if found:
                return found
        return ()

    def authority_of(self, patient: PatientDetails) -> Authority:
        """Who assigned the Patient ID of today, and so a prior one that does not say."""
        return patient.identifiers[0].authority or self.run.site.authority

    def legacy_prior(self, group: AdtGroup, like: PatientDetails) -> tuple[Identifier, ...]:
        """MRG-4 and MRG-2 beside MRG-1: prior numbers of PID-2 and PID-4, of nobody's authority."""
        if group.mrg is None or not group.mrg.field(1):
            return ()
        own = set(like.identifiers) | set(like.aliases)
        places = (Place("MRG", 4), Place("MRG", 2))
        found = [
            each
            for place in places
            for each in read_identifiers(group.mrg, place, self.run, NO_AUTHORITY)
        ]
        return tuple(dict.fromkeys(each for each in found if each not in own))

    def _when(self) -> tuple[str, str]:
        """When the event was recorded (EVN-2, which a repeat keeps), in UTC, and its local day.

        EVN-2 is often written to the minute only, or to the day; MSH-7 tells more where it may.
        """
        evn, zone = self._message.first("EVN"), self.run.site.zone
        texts = (evn.field(2) if evn else "", self._message.header.field(7))
        recorded, sent = (parse_time_stamp(text, zone) if text else None for text in texts)
        occurred = parse_time_stamp(evn.field(6), zone) if evn and evn.field(6) else None
        first = occurred or recorded or sent
        return _finer(recorded, sent), first.date if first else ""


def _finer(recorded: TimeStamp | None, sent: TimeStamp | None) -> str:
    if recorded is None or sent is None:
        known = recorded or sent
        return known.utc if known else ""
    missing = len(_LATEST) - len(recorded.digits)
    if not missing or sent.utc < recorded.utc:
        return recorded.utc
    if sent.digits.startswith(recorded.digits):
        return sent.utc
    return recorded.utc if missing > 2 else recorded.utc[:-2] + "59"  # noqa: PLR2004 - seconds


def _is_of_visit(row: Row) -> bool:
    """A row of the order's level that the patient's visit alone can fill."""
    return bool(row.reads) and row.reads <= HEADER_SEGMENTS - {"MSH", "EVN"}
