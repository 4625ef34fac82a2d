"""Order responses ORR^O02, ORG^O20 and ORI^O24 (HL7 v2.5.1 4.4.2, 4.4.4, 4.4.9; IHE RAD-2 to 4).

One group for each order group of the message: what became of it, and the numbers it now has. What
the bridge minted goes home this way: accession number, procedure and step IDs, Study Instance UID.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bridge.domain.errors import BridgeError
from bridge.domain.identifiers import Identifier
from bridge.domain.journal import Disposition
from bridge.domain.order import CodedConcept, Order, OrderNumbers, Procedure, Step
from bridge.hl7.answer_writer import AnswerWriter
from bridge.hl7.order_groups import OrderGroup, find_orders
from bridge.hl7.order_status import STATUSES
from bridge.hl7.segments import Message, Segment
from bridge.services.order_outcomes import OrderOutcome
from bridge.services.receive_message import Receipt

_TYPES: Final[Mapping[str, str]] = {
    "ORM": "ORR^O02^ORR_O02",
    "OMG": "ORG^O20^ORG_O20",
    "OMI": "ORI^O24^ORI_O24",
}
# Table 0119: what answers a request, when it was done and when it could not be. What is a notice
# rather than a request is answered like a new order.
_ANSWERS: Final[Mapping[str, tuple[str, str]]] = {
    "CA": ("CR", "UC"),
    "DC": ("DR", "UD"),
    "HD": ("HR", "UH"),
    "RL": ("OR", "UR"),
    "RP": ("RQ", "UM"),
    "SN": ("NA", "UA"),
    "SS": ("SR", "UA"),
    "XO": ("XR", "UX"),
}
_USUAL: Final = ("OK", "UA")
_REASONS: Final[Mapping[Disposition, str]] = {
    Disposition.NOTED: "noted, nothing was scheduled",
    Disposition.STALE: "older than what is on record, nothing was changed",
    Disposition.PARKED: "kept until the order it is about comes",
}
_OTHER_REFUSED: Final = "not applied, since another order of the message was refused"
_OF_AN_ORDER: Final = frozenset({"ORC", "OBR", "IPC", "TQ1", "ZDS"})
_STATUS_REQUEST: Final = "SS"
_UID_TYPE: Final = ("Application", "DICOM")


def response_type(message: Message) -> str:
    """MSH-9 of the response to a message; empty when its type has none."""
    return _TYPES.get(message.message_code, "")


def write_orders(message: Message, receipt: Receipt) -> list[str]:
    """The order groups of the response, in the order of the message's own."""
    try:
        groups = find_orders(message).groups
    except BridgeError:  # which says so in its ERR
        return []
    return list(_Response(message, receipt).write(groups))


@dataclass(frozen=True, slots=True)
class _Scheduled:
    """A step of an order with the procedure it belongs to."""

    procedure: Procedure
    step: Step


class _Response:
    """Writes the groups of one response."""

    def __init__(self, message: Message, receipt: Receipt) -> None:
        self._writer = AnswerWriter(message)
        self._with_steps = message.message_code == "OMI"
        self._with_study = message.message_code == "ORM"
        self._error = receipt.error
        self._outcomes = receipt.orders()
        self._taken: dict[int, int] = {}

    def write(self, groups: Iterable[OrderGroup]) -> Iterator[str]:
        for group in groups:
            outcome = self._outcome(group)
            order = outcome.order if outcome else None
            steps = self._steps(group, order) if order else []
            yield self._write_orc(group, outcome, order)
            if "OBR" in group.own or self._with_steps or self._with_study:
                yield self._write_obr(group, order, steps)
            if self._with_steps:
                yield from self._write_ipcs(group, order, steps)
            elif self._with_study and steps and steps[0].procedure.study_instance_uid:
                uid = self._writer.components(steps[0].procedure.study_instance_uid, "", *_UID_TYPE)
                yield self._writer.segment("ZDS", uid)

    def _outcome(self, group: OrderGroup) -> OrderOutcome | None:
        """By its place; groups that were joined to an earlier one are known by their numbers."""
        for outcome in self._outcomes:
            if outcome.location == group.location:
                return outcome
        numbers = {
            value
            for name, field in (("ORC", 2), ("ORC", 3), ("OBR", 2), ("OBR", 3), ("OBR", 18))
            if (value := _first(group, name, field))
        }
        for outcome in self._outcomes:
            if numbers & set(_values(outcome.numbers)):
                return outcome
        return None

    def _steps(self, group: OrderGroup, order: Order) -> list[_Scheduled]:
        """The steps a group is about: those it names, else the next ones of its order."""
        scheduled = [_Scheduled(p, step) for p in order.procedures for step in p.steps]
        count = max(1, len(group.own.get("IPC", ())))
        begin = self._taken.get(order.pk, 0)
        self._taken[order.pk] = begin + count
        procedures, steps = _named(group)
        named = [
            each
            for each in scheduled
            if each.procedure.rp_id in procedures
            or each.procedure.study_instance_uid in procedures
            or each.step.sps_id in steps
        ]
        return named or scheduled[begin : begin + count] or scheduled[-1:]

    def _write_orc(
        self, group: OrderGroup, outcome: OrderOutcome | None, order: Order | None
    ) -> str:
        control = _first(group, "ORC", 1)
        done, refused = _ANSWERS.get(control, _USUAL)
        reason = self._reason(group, outcome)
        unable = self._error is not None
        if control == _STATUS_REQUEST and not unable:  # which changes nothing, and asks for ORC-5
            unable, reason = order is None, "" if order else "no such order"
        return self._writer.segment(
            "ORC",
            refused if unable else done,
            self._placer(group),
            self._filler(group, order),
            _raw(group, "ORC", 4),
            _status(order) if order else "",
            *[""] * 10,
            self._writer.components("", reason) if reason else "",
        )

    def _reason(self, group: OrderGroup, outcome: OrderOutcome | None) -> str:
        if self._error is None:
            return _REASONS.get(outcome.disposition, "") if outcome else ""
        for error in (self._error, *self._error.further):
            segment, _, rest = (error.location or "").partition("^")
            sequence = rest.partition("^")[0]
            if segment not in _OF_AN_ORDER or _stands_at(group, segment, sequence):
                return error.message
        return _OTHER_REFUSED

    def _write_obr(self, group: OrderGroup, order: Order | None, steps: list[_Scheduled]) -> str:
        fields = _fields(group, "OBR", 20)
        fields[1] = fields[1] or "1"
        fields[2], fields[3] = self._placer(group), self._filler(group, order)
        if steps and not fields[4]:
            fields[4] = self._code(steps[0].procedure.code)
        if order and order.numbers.accession:
            self._fill(fields, 18, self._writer.escape(order.numbers.accession.value))
        if steps:
            self._fill(fields, 19, self._writer.escape(steps[0].procedure.rp_id))
            self._fill(fields, 20, self._writer.escape(steps[0].step.sps_id))
        return self._writer.segment("OBR", *fields[1:])

    def _write_ipcs(
        self, group: OrderGroup, order: Order | None, steps: list[_Scheduled]
    ) -> Iterator[str]:
        said: list[Segment | None] = list(group.own.get("IPC", ()))
        known = {each.step.sps_id: each for each in steps}
        for index, segment in enumerate(said or [None] * max(1, len(steps))):
            named = known.get(segment.field(4)) if segment else None
            each = named or (steps[index] if index < len(steps) else None)
            yield self._write_ipc(segment, order, each)

    def _write_ipc(
        self, segment: Segment | None, order: Order | None, each: _Scheduled | None
    ) -> str:
        """IPC-1 to 5 as held, where the sender left them empty."""
        fields = list(segment.fields) if segment else []
        fields += [""] * (6 - len(fields))
        if order and order.numbers.accession:
            self._fill(fields, 1, self._identifier(order.numbers.accession))
        if each:
            self._fill(fields, 2, self._writer.escape(each.procedure.rp_id))
            if uid := each.procedure.study_instance_uid:
                self._fill(fields, 3, self._writer.components(uid, "", *_UID_TYPE))
            self._fill(fields, 4, self._writer.escape(each.step.sps_id))
            self._fill(fields, 5, self._writer.escape(each.step.modality))
        return self._writer.segment("IPC", *fields[1:])

    def _placer(self, group: OrderGroup) -> str:
        return _raw(group, "ORC", 2) or _raw(group, "OBR", 2)

    def _filler(self, group: OrderGroup, order: Order | None) -> str:
        """Who fills an order and has no number for it but the accession number, is known by it."""
        fields = [_raw(group, "ORC", 3) or _raw(group, "OBR", 3)]
        number = (order.numbers.filler or order.numbers.accession) if order else None
        if number:
            self._fill(fields, 0, self._identifier(number))
        return fields[0]

    def _fill(self, fields: list[str], index: int, value: str) -> None:
        """Put a value into a field that has none, were there an authority or not."""
        mark = self._writer.marks.component
        said, _, rest = fields[index].partition(mark)
        if not said and value:
            fields[index] = value.partition(mark)[0] + mark + rest if rest else value

    def _identifier(self, number: Identifier) -> str:
        authority = number.authority
        return self._writer.components(
            number.value,
            authority.namespace,
            authority.universal_id,
            authority.universal_id_type,
        )

    def _code(self, code: CodedConcept | None) -> str:
        return self._writer.components(code.value, code.meaning, code.scheme) if code else ""


def _status(order: Order) -> str:
    """ORC-5: that of its steps, when they agree."""
    found = {STATUSES[step.status] for each in order.procedures for step in each.steps}
    if order.held_reason and found <= {"SC", "HD"}:
        return "HD"
    return found.pop() if len(found) == 1 else ""


def _named(group: OrderGroup) -> tuple[set[str], set[str]]:
    """The procedures (by ID or Study Instance UID) and the steps that a group names."""
    procedures = {_first(group, "OBR", 19), _first(group, "ZDS", 1)}
    steps = {_first(group, "OBR", 20)}
    for segment in group.own.get("IPC", ()):
        procedures |= {segment.field(2), segment.field(3)}
        steps.add(segment.field(4))
    if procedures - {""}:  # step IDs are unique within a procedure only
        steps = set()
    return procedures - {""}, steps - {""}


def _stands_at(group: OrderGroup, name: str, sequence: str) -> bool:
    return any(str(segment.sequence) == sequence for segment in group.own.get(name, ()))


def _values(numbers: OrderNumbers) -> Iterator[str]:
    for number in (numbers.placer, numbers.filler, numbers.accession):
        if number:
            yield number.value


def _fields(group: OrderGroup, name: str, last: int) -> list[str]:
    """The fields of a segment as written, as far as `last`; empty ones when it is not there."""
    segments = group.own.get(name)
    fields = [field.replace("\n", " ") for field in segments[0].fields] if segments else [name]
    fields += [""] * (last + 1 - len(fields))
    return fields[: last + 1]


def _raw(group: OrderGroup, name: str, number: int) -> str:
    return _fields(group, name, number)[number]


def _first(group: OrderGroup, name: str, number: int) -> str:
    segments = group.own.get(name)
    return segments[0].field(number) if segments else ""
