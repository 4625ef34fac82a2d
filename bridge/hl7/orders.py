"""ORM^O01, OMG^O19 and OMI^O23 (HL7 v2.5.1 4.4; IHE RAD-2, RAD-3, RAD-4, RAD-13) → orders received.

Which field means what is the profile's; what belongs together is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bridge.domain.errors import BridgeError, RequiredFieldMissing, together
from bridge.domain.identifiers import Identifier
from bridge.domain.order import (
    Category,
    OrderNumbers,
    OrderReceived,
    ProcedureDetails,
    StepDetails,
)
from bridge.domain.patient import PatientDetails
from bridge.domain.visit import VisitDetails, VisitNumbers
from bridge.hl7.order_groups import OrderGroup, ScopeOf, find_orders
from bridge.hl7.reading import Reading, Sender
from bridge.hl7.segments import Message, Segment
from bridge.mapping.rows import evaluate_rows
from bridge.mapping.source import Run
from bridge.mapping.targets import Level

# Orders that exist already are known by their numbers; messages on them may leave the patient out.
_NAMES_BY_NUMBER = frozenset(
    {"CA", "DC", "HD", "NA", "OC", "OD", "OE", "OH", "RL", "RP", "RU", "SC"}
)
_CREATES = frozenset({"NW", "RO", "CH", "SN"})
_REPLACED = frozenset({"RP", "RU"})
_IDENTIFIERS = ("PatientID", "ExternalPatientID", "AlternatePatientID")
_START = "ScheduledProcedureStepStartDateTime"
_PLACER = "PlacerOrderNumberImagingServiceRequest"
_FILLER = "FillerOrderNumberImagingServiceRequest"


def read_orders(message: Message, sender: Sender) -> Reading:
    """Read every order of a message.

    ORC/OBR groups that carry the same order numbers become one order with several procedures.

    Raises:
        BridgeError: something an order cannot do without is missing or unusable; it says where, and
            what further orders of the message lack stands beside it.
    """
    found = find_orders(message)
    if not found.groups:
        raise RequiredFieldMissing("the message holds no order", location="ORC^1^1")
    reader = _OrderReader(sender)
    drafts: list[_Draft] = []
    errors: list[BridgeError] = []
    for group in found.groups:
        try:
            for draft in reader.read(group):
                _add(drafts, draft)
        except BridgeError as error:
            errors.append(error)
    if errors:
        raise together(errors)
    _link_replacements(drafts)
    events = tuple(draft.finish() for draft in drafts)
    return Reading(events, reader.warnings, (*found.warnings, *reader.remarks))


@dataclass(slots=True, kw_only=True)
class _Draft:
    """An order in the making: further groups of the message may still belong to it."""

    control: str
    status: str
    category: Category
    patient: PatientDetails
    numbers: OrderNumbers
    visit: VisitNumbers
    attributes: dict[str, str]
    occurred_at: str
    location: str
    sources: dict[str, str]
    procedures: list[ProcedureDetails] = field(default_factory=list)
    replaces: tuple[OrderNumbers, ...] = ()

    def finish(self) -> OrderReceived:
        return OrderReceived(
            control=self.control,
            status=self.status,
            category=self.category,
            patient=self.patient,
            numbers=self.numbers,
            visit=self.visit,
            attributes=self.attributes,
            procedures=tuple(self.procedures),
            occurred_at=self.occurred_at,
            location=self.location,
            sources=self.sources,
            replaces=self.replaces,
        )


class _OrderReader:
    """Reads the groups of one message."""

    def __init__(self, sender: Sender) -> None:
        self.profile = sender.profile
        self.run = Run(sender.site)
        self.remarks: list[str] = []
        self._headers: dict[int, tuple[dict[str, Any], dict[str, str]]] = {}
        self._visits: dict[int, VisitNumbers] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.run.warnings))

    def read(self, group: OrderGroup) -> Iterable[_Draft]:
        """Read one group: one order, or several when its steps name different accession numbers."""
        scope = group.scope
        control = self._control(scope)
        verdict = self.profile.imaging.judge(scope, control)
        imaging = verdict.category is Category.IMAGING
        # What is no imaging order is noted, however its fields are used: nothing of it can refuse.
        self.run.lenient = not imaging
        if imaging and not control:
            raise RequiredFieldMissing("order control is empty", location=_orc(group, 1))
        for part in _by_accession(scope):
            draft = self._read_part(group, part, control, verdict.category)
            if imaging:
                self._check(group, draft)
            else:
                self.remarks.append(f"{group.location}: not imaging: {verdict.reason}")
            # What is no imaging order may still change or end one that it names by number.
            if imaging or (control and control not in _CREATES):
                draft.procedures = self._procedures(part, draft, verdict.modality_believed)
            yield draft

    def _control(self, scope: ScopeOf) -> str:
        found = evaluate_rows(self.profile.control, scope, self.run, {})
        if not found and "ORC" in scope:
            return ""
        return str(found.get("OrderControl") or self.profile.order_control)

    def _read_part(
        self, group: OrderGroup, scope: ScopeOf, control: str, category: Category
    ) -> _Draft:
        header, header_sources = self._header(group.header)
        sources = dict(header_sources)
        levels = self.profile.levels
        patient = header | evaluate_rows(levels[Level.PATIENT], scope, self.run, sources)
        order = evaluate_rows(levels[Level.ORDER], scope, self.run, sources)
        numbers = OrderNumbers(
            accession=order.pop("AccessionNumber", None) or None,
            placer=order.pop(_PLACER, None) or None,
            filler=order.pop(_FILLER, None) or None,
        )
        return _Draft(
            control=control,
            status=order.pop("OrderStatus", ""),
            category=category,
            patient=make_patient(patient),
            numbers=numbers,
            visit=self._visit(group.header),
            occurred_at=order.pop("OccurredAt", ""),
            attributes=order,
            location=group.location,
            sources=sources,
        )

    def _header(self, header: ScopeOf) -> tuple[dict[str, Any], dict[str, str]]:
        """The patient's rows that no order can change: evaluated once, unless leniently."""
        known = self._headers.get(id(header))
        if known is None:
            sources: dict[str, str] = {}
            known = (evaluate_rows(self.profile.header, header, self.run, sources), sources)
            if not self.run.lenient:
                self._headers[id(header)] = known
        return known

    def _visit(self, header: ScopeOf) -> VisitNumbers:
        """What the visit is known by: said once for all orders of a message."""
        known = self._visits.get(id(header))
        if known is None:
            rows = self.profile.levels[Level.VISIT]
            known = make_visit(evaluate_rows(rows, header, self.run, {})).numbers
            if not self.run.lenient:
                self._visits[id(header)] = known
        return known

    def _check(self, group: OrderGroup, draft: _Draft) -> None:
        nameless = not draft.patient.identifiers
        if nameless and ("PID" in group.header or draft.control not in _NAMES_BY_NUMBER):
            raise RequiredFieldMissing("the patient has no identifier", location="PID^1^3")
        if not draft.numbers:
            raise RequiredFieldMissing("the order has no number", location=_orc(group, 2))

    def _procedures(
        self, scope: ScopeOf, draft: _Draft, modality_believed: bool
    ) -> list[ProcedureDetails]:
        """One procedure, or several when the steps (IPC) name several; none without OBR and IPC."""
        if "OBR" not in scope and "IPC" not in scope:
            return []
        sources = draft.sources
        procedures = []
        for steps in _by_procedure(scope):
            said = evaluate_rows(
                self.profile.levels[Level.PROCEDURE], steps[0], self.run, _unless_said(sources)
            )
            details = [self._step(step, sources, modality_believed) for step in steps]
            procedures.append(
                ProcedureDetails(
                    rp_id=said.pop("RequestedProcedureID", ""),
                    study_instance_uid=said.pop("StudyInstanceUID", ""),
                    code=said.pop("RequestedProcedureCodeSequence", None) or None,
                    attributes=said,
                    steps=tuple(details),
                )
            )
        return procedures

    def _step(
        self, scope: ScopeOf, sources: dict[str, str], modality_believed: bool
    ) -> StepDetails:
        rows = self.profile.levels[Level.STEP]
        said = evaluate_rows(rows, scope, self.run, _unless_said(sources))
        start = said.pop(_START, None) or None
        modality = said.pop("Modality", "")
        return StepDetails(
            sps_id=said.pop("ScheduledProcedureStepID", ""),
            modality=modality if modality_believed else "",
            station_ae_titles=said.pop("ScheduledStationAETitle", ()) or (),
            start_date=start.date if start else "",
            start_time=start.time if start else "",
            protocol_codes=said.pop("ScheduledProtocolCodeSequence", ()) or (),
            attributes=said,
        )


def make_patient(said: dict[str, Any]) -> PatientDetails:
    """Tell the identifiers of a patient from the attributes."""
    attributes = {keyword: value for keyword, value in said.items() if keyword not in _IDENTIFIERS}
    identifiers, external, alternate = (said.get(keyword) or () for keyword in _IDENTIFIERS)
    if not (external or alternate):
        return PatientDetails(identifiers=identifiers, attributes=attributes)
    aliases = tuple(dict.fromkeys((*external, *alternate)))
    return PatientDetails(identifiers=identifiers, attributes=attributes, aliases=aliases)


def make_visit(said: dict[str, Any]) -> VisitDetails:
    """What a visit is known by, and its class (rows of the visit's level)."""
    number, alternate, account = (
        next(iter(said.get(keyword) or ()), None)
        for keyword in ("VisitNumber", "AlternateVisitNumber", "AccountNumber")
    )
    return VisitDetails(
        number=number,
        account=account,
        alternate=alternate,
        patient_class=said.get("PatientClass", ""),
    )


def _unless_said(sources: dict[str, str]) -> dict[str, str]:
    """Provenance is told of the first procedure and step; further ones are read alike."""
    return {} if _START in sources or "Modality" in sources else sources


def _orc(group: OrderGroup, number: int) -> str:
    """A field of the group's ORC, whether or not there is one."""
    return f"ORC^{group.own['ORC'][0].sequence if 'ORC' in group.own else 1}^{number}"


def _by_accession(scope: ScopeOf) -> list[ScopeOf]:
    """One part for each accession number (IPC-1) among the steps; one part is the rule."""
    steps = scope.get("IPC", [])
    if len(steps) < 2 or len({step.field(1) for step in steps}) == 1:  # noqa: PLR2004
        return [scope]
    return [{**scope, "IPC": part} for part in _partition(steps, (1,))]


def _by_procedure(scope: ScopeOf) -> list[list[ScopeOf]]:
    """For each requested procedure (IPC-2, IPC-3) the scopes of its steps."""
    steps = scope.get("IPC")
    if not steps:
        return [[scope]]
    if len(steps) == 1:
        return [[scope]]
    return [[{**scope, "IPC": [step]} for step in part] for part in _partition(steps, (2, 3))]


def _partition(steps: Iterable[Segment], fields: Sequence[int]) -> list[list[Segment]]:
    parts: dict[tuple[str, ...], list[Segment]] = {}
    for step in steps:
        parts.setdefault(tuple(step.field(number) for number in fields), []).append(step)
    return list(parts.values())


def _link_replacements(drafts: list[_Draft]) -> None:
    """Every RO takes the place of the orders of RP or RU before it (v2.5.1 4.4.1, table 0119)."""
    replaced: list[OrderNumbers] = []
    before = ""
    for draft in drafts:
        if draft.control in _REPLACED:
            replaced = [*(replaced if before in _REPLACED else ()), draft.numbers]
        elif draft.control == "RO":
            draft.replaces = tuple(replaced)
        before = draft.control


def _add(drafts: list[_Draft], new: _Draft) -> None:
    """Put a draft to the one of the same order, else beside the others."""
    for draft in drafts:
        if _same_order(draft, new):
            _join(draft, new)
            for procedure in new.procedures:
                _add_procedure(draft.procedures, procedure)
            return
    drafts.append(new)


def _same_order(one: _Draft, other: _Draft) -> bool:
    asked = (one.control, one.status, one.category, one.patient.identifiers[:1])
    if asked != (other.control, other.status, other.category, other.patient.identifiers[:1]):
        return False
    shared = False
    for mine, yours in _pairs(one.numbers, other.numbers):
        if mine and yours:
            if not mine.agrees_with(yours):
                return False
            shared = True
    return shared


def _pairs(
    one: OrderNumbers, other: OrderNumbers
) -> tuple[tuple[Identifier | None, Identifier | None], ...]:
    return (
        (one.accession, other.accession),
        (one.placer, other.placer),
        (one.filler, other.filler),
    )


def _join(one: _Draft, other: _Draft) -> None:
    """Lay what the later group says under what the first one said."""
    accession, placer, filler = (
        mine or yours for mine, yours in _pairs(one.numbers, other.numbers)
    )
    one.numbers = OrderNumbers(accession=accession, placer=placer, filler=filler)
    one.attributes = {**other.attributes, **one.attributes}
    attributes = {**other.patient.attributes, **one.patient.attributes}
    one.patient = replace(one.patient, attributes=attributes)
    one.sources = {**other.sources, **one.sources}
    one.occurred_at = max(one.occurred_at, other.occurred_at)


def _add_procedure(procedures: list[ProcedureDetails], new: ProcedureDetails) -> None:
    """OBRs of one Study Instance UID, or of one ID within the order, are steps of one procedure."""
    for index, held in enumerate(procedures):
        uids = {held.study_instance_uid, new.study_instance_uid} - {""}
        same_uid = len(uids) == 1 and held.study_instance_uid == new.study_instance_uid
        same_id = len(uids) < 2 and bool(held.rp_id) and held.rp_id == new.rp_id  # noqa: PLR2004
        if same_uid or same_id:
            procedures[index] = replace(
                held,
                rp_id=held.rp_id or new.rp_id,
                study_instance_uid=held.study_instance_uid or new.study_instance_uid,
                code=held.code or new.code,
                attributes={**new.attributes, **held.attributes},
                steps=held.steps + new.steps,
            )
            return
    procedures.append(new)
