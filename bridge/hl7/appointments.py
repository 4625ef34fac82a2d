"""SIU^S12–S17 and S26 (HL7 v2.5.1 chapter 10.4): appointments booked, moved, taken back, missed.

Which field means what is the profile's; what belongs together is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any, Final

from bridge.domain.appointment import AppointmentAction, AppointmentReceived
from bridge.domain.errors import RequiredFieldMissing
from bridge.domain.identifiers import Identifier
from bridge.domain.order import (
    Category,
    CodedConcept,
    OrderNumbers,
    OrderReceived,
    ProcedureDetails,
    StepDetails,
)
from bridge.domain.patient import PatientDetails
from bridge.hl7.order_groups import ScopeOf
from bridge.hl7.orders import make_patient
from bridge.hl7.reading import Reading, Sender
from bridge.hl7.segments import Message, Segment
from bridge.mapping.rows import evaluate_rows
from bridge.mapping.source import Run
from bridge.mapping.targets import Level

ACTIONS: Final = {
    "S12": AppointmentAction.BOOK,
    "S13": AppointmentAction.RESCHEDULE,
    "S14": AppointmentAction.MODIFY,
    "S15": AppointmentAction.CANCEL,
    "S17": AppointmentAction.DELETE,
    "S26": AppointmentAction.NO_SHOW,
}
_TAKES_BACK: Final = frozenset(
    {AppointmentAction.CANCEL, AppointmentAction.DELETE, AppointmentAction.NO_SHOW}
)
_PLACER, _FILLER = "PLAC", "FILL"
"""Table 0203: an identifier of who placed or of who filled."""

_RESOURCES: Final = frozenset({"AIG", "AIL", "AIP"})
_DELETED: Final = "D"
_NAMES_WHAT_IS_BOOKED = frozenset(
    {
        "PlacerAppointmentID",
        "FillerAppointmentID",
        "AppointmentPlacerOrderNumber",
        "AppointmentFillerOrderNumber",
        "AppointmentStatus",
        "AppointmentService",
    }
)
_START = "ScheduledProcedureStepStartDateTime"
_ORDER_NUMBERS = (
    "AccessionNumber",
    "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest",
    "OrderControl",
    "OrderStatus",
)


def read_appointment(message: Message, sender: Sender) -> Reading:
    """Read an SIU message: one event of one appointment.

    Raises:
        BridgeError: it has no number, or a value that the profile insists on cannot be used; it
            says where.
    """
    reader = _AppointmentReader(message, sender)
    event = reader.read()
    return Reading((event,), tuple(dict.fromkeys(reader.run.warnings)), tuple(reader.remarks))


class _AppointmentReader:
    """Reads one message."""

    def __init__(self, message: Message, sender: Sender) -> None:
        self.message = message
        self.profile = sender.profile
        self.run = Run(sender.site)
        self.remarks: list[str] = []
        self.header, self.services = _find_services(message)

    def read(self) -> AppointmentReceived:
        whole = self._whole_scope()
        category = self._category(whole)
        self.run.lenient = category is not Category.IMAGING
        said = self._evaluate(self.header)
        order = evaluate_rows(self.profile.levels[Level.ORDER], self.header, self.run, {})
        occurred_at = order.pop("OccurredAt", "")
        action = self._action(said)
        numbers = _appointment_numbers(said)
        orders = _order_numbers(said)
        self._check(numbers, orders)
        steps = tuple(self._steps())
        return AppointmentReceived(
            action=action,
            numbers=numbers,
            orders=orders,
            patient=self._patient(),
            steps=tuple(step for step, _ in steps if step != StepDetails()),
            order=self._order(action, numbers, orders, order, steps, occurred_at),
            category=category,
            occurred_at=occurred_at,
            location="SCH^1",
        )

    def _check(self, numbers: Sequence[Identifier], orders: Sequence[OrderNumbers]) -> None:
        """What has no number can neither be found nor ever be moved or cancelled."""
        found_otherwise = self.run.lenient or self.profile.options.siu_matches_by_service
        if not (numbers or orders or found_otherwise):
            raise RequiredFieldMissing("the appointment has no number", location="SCH^1^1")

    def _category(self, whole: ScopeOf) -> Category:
        """Imaging by the profile's rules; what only names an appointment may be for anything."""
        verdict = self.profile.imaging.judge(whole, "")
        takes_back = ACTIONS[self.message.trigger_event] in _TAKES_BACK
        says_what = "AIS" in whole or "AIG" in whole or (self.services and not takes_back)
        if verdict.category is Category.IMAGING or not says_what:
            return Category.IMAGING
        self.remarks.append(f"SCH^1: not imaging: {verdict.reason}")
        return verdict.category

    def _action(self, said: dict[str, Any]) -> AppointmentAction:
        """The event says what happens, unless the status says that more has happened."""
        action = ACTIONS[self.message.trigger_event]
        status = said.get("AppointmentStatus", "")
        return AppointmentAction(status) if status and action not in _TAKES_BACK else action

    def _steps(self) -> Iterable[tuple[StepDetails, CodedConcept | None]]:
        """What is booked, each with the code of its service."""
        for scope in self.services or [{}]:
            said = self._evaluate({**self.header, **scope})
            service = said.get("AppointmentService") or None
            start = said.pop(_START, None) or None
            codes = said.pop("ScheduledProtocolCodeSequence", ()) or ()
            step = StepDetails(
                modality=said.pop("Modality", ""),
                station_ae_titles=said.pop("ScheduledStationAETitle", ()) or (),
                start_date=start.date if start else "",
                start_time=start.time if start else "",
                protocol_codes=codes or ((service,) if service else ()),
                attributes={k: v for k, v in said.items() if k not in _NAMES_WHAT_IS_BOOKED},
            )
            yield step, service

    def _order(
        self,
        action: AppointmentAction,
        numbers: tuple[Identifier, ...],
        orders: tuple[OrderNumbers, ...],
        attributes: dict[str, Any],
        steps: Iterable[tuple[StepDetails, CodedConcept | None]],
        occurred_at: str,
    ) -> OrderReceived | None:
        """The order that the appointment amounts to, for senders that place no other.

        Where it names none, its own numbers are the order's.
        """
        allowed = self.profile.options.siu_creates_order and not self.run.lenient
        if not allowed or action in _TAKES_BACK:
            return None
        own = {number.type_code: Identifier(number.value, number.authority) for number in numbers}
        fallback = OrderNumbers(placer=own.get(_PLACER), filler=own.get(_FILLER))
        for keyword in _ORDER_NUMBERS:
            attributes.pop(keyword, None)
        return OrderReceived(
            control="NW",
            patient=self._patient(),
            numbers=orders[0] if orders else fallback,
            attributes=attributes,
            procedures=tuple(_procedure(step, service) for step, service in steps),
            occurred_at=occurred_at,
            location="SCH^1",
        )

    def _patient(self) -> PatientDetails:
        return make_patient(evaluate_rows(self.profile.header, self.header, self.run, {}))

    def _evaluate(self, scope: ScopeOf) -> dict[str, Any]:
        return evaluate_rows(self.profile.levels[Level.APPOINTMENT], scope, self.run, {})

    def _whole_scope(self) -> ScopeOf:
        scope: ScopeOf = {}
        for segment in self.message.segments:
            scope.setdefault(segment.name, []).append(segment)
        return scope


def _procedure(step: StepDetails, service: CodedConcept | None) -> ProcedureDetails:
    described = {"RequestedProcedureDescription": service.meaning} if service else {}
    return ProcedureDetails(code=service, attributes=described, steps=(step,))


def _find_services(message: Message) -> tuple[ScopeOf, list[ScopeOf]]:
    """What is said once, and for each service (AIS) of the message its own segments.

    Resources belong to all services of their group (RGS); notes to the segment before them. What
    is taken off the appointment (AIS-2, AIG-2, AIL-2, AIP-2: D) is not read.
    """
    header: ScopeOf = {}
    groups: list[tuple[list[ScopeOf], ScopeOf]] = []
    notes = header
    for segment in message.segments:
        if segment.name == "RGS" or (not groups and _is_booked(segment.name)):
            groups.append(([], {}))
        if segment.name == "RGS":
            notes = {}
        elif segment.name == "NTE":
            notes.setdefault("NTE", []).append(segment)
        elif _is_booked(segment.name):
            notes = _take(groups[-1], segment)
        else:
            header.setdefault(segment.name, []).append(segment)
    header.pop("NTE", None)
    return header, [scope for group in groups for scope in _scopes(*group)]


def _is_booked(name: str) -> bool:
    return name == "AIS" or name in _RESOURCES


def _take(group: tuple[list[ScopeOf], ScopeOf], segment: Segment) -> ScopeOf:
    """Put a segment to its group; returns where notes on it belong."""
    services, resources = group
    if segment.field(2).strip().upper() == _DELETED:
        return {}
    if segment.name == "AIS":
        services.append({"AIS": [segment]})
        return services[-1]
    resources.setdefault(segment.name, []).append(segment)
    return {}


def _scopes(services: list[ScopeOf], resources: ScopeOf) -> list[ScopeOf]:
    if not services:
        return [resources] if resources else []
    return [{**resources, **service} for service in services]


def _appointment_numbers(said: dict[str, Any]) -> tuple[Identifier, ...]:
    """SCH-1 and SCH-2, told apart by type: the two may have one value."""
    named = ((_PLACER, said.get("PlacerAppointmentID")), (_FILLER, said.get("FillerAppointmentID")))
    return tuple(Identifier(each.value, each.authority, kind) for kind, each in named if each)


def _order_numbers(said: dict[str, Any]) -> tuple[OrderNumbers, ...]:
    """SCH-26 and SCH-27: their repetitions name one order each, pair by pair."""
    placers = said.get("AppointmentPlacerOrderNumber") or ()
    fillers = said.get("AppointmentFillerOrderNumber") or ()
    return tuple(
        OrderNumbers(placer=placer, filler=filler)
        for placer, filler in zip_longest(placers, fillers)
    )
