"""ORU^R01 (HL7 v2.5.1 7.3.1) and MDM^T01–T11 (9.6): notices that a report exists, and its state."""

from __future__ import annotations

from typing import Any, Final

from bridge.domain.errors import BridgeError
from bridge.domain.events import Event, Noted
from bridge.domain.order import OrderNumbers, ProcedureDetails
from bridge.domain.result import ResultReported
from bridge.hl7.order_groups import ScopeOf, find_orders
from bridge.hl7.orders import make_patient
from bridge.hl7.reading import Reading, Sender
from bridge.hl7.segments import Message
from bridge.mapping.rows import evaluate_rows
from bridge.mapping.source import Run
from bridge.mapping.targets import Level

_CANCELLED: Final = "T11"
_DELETED: Final = "X"
"""Table 0123: no results available; order canceled."""

_ORDER = {
    "accession": "AccessionNumber",
    "placer": "PlacerOrderNumberImagingServiceRequest",
    "filler": "FillerOrderNumberImagingServiceRequest",
}
_DOCUMENT = {"placer": "ResultPlacerOrderNumber", "filler": "ResultFillerOrderNumber"}


def read_results(message: Message, sender: Sender) -> Reading:
    """Read every report of a message. Nothing of a notice can refuse it."""
    reader = _ResultReader(message, sender)
    events = tuple(map(reader.read, _scopes(message)))
    return Reading(events, (), tuple(dict.fromkeys((*reader.remarks, *reader.run.warnings))))


class _ResultReader:
    """Reads the reports of one message."""

    def __init__(self, message: Message, sender: Sender) -> None:
        self.message = message
        self.profile = sender.profile
        self.run = Run(sender.site, lenient=True)
        self.remarks: list[str] = []

    def read(self, scope: ScopeOf) -> Event:
        levels = self.profile.levels
        order = evaluate_rows(levels[Level.ORDER], scope, self.run, {})
        procedure = evaluate_rows(levels[Level.PROCEDURE], scope, self.run, {})
        result = evaluate_rows(levels[Level.RESULT], scope, self.run, {})
        numbers = _numbers(order, result)
        uid = procedure.get("StudyInstanceUID") or result.get("ResultStudyInstanceUID") or ""
        if not numbers and not uid:
            return Noted(reason="a report that names no order")
        status = self._status(result)
        verdict = self.profile.imaging.judge(scope, order.get("OrderControl", ""))
        return ResultReported(
            numbers=numbers,
            study_instance_uid=uid,
            patient=make_patient(evaluate_rows(self.profile.header, scope, self.run, {})),
            status=status,
            completes=status in self.profile.options.results_complete,
            procedure=_procedure(procedure, uid),
            category=verdict.category,
            occurred_at=order.get("OccurredAt", ""),
            location=_location(scope),
        )

    def _status(self, result: dict[str, Any]) -> str:
        if self.message.trigger_event == _CANCELLED:
            return _DELETED
        return str(result.get("ResultStatus", ""))


def _scopes(message: Message) -> list[ScopeOf]:
    """The segments of each report; a document without an order is one report."""
    try:
        groups = find_orders(message).groups
    except BridgeError:  # segments stand where nothing says what they belong to
        groups = ()
    if groups:
        return [group.scope for group in groups]
    scope: ScopeOf = {}
    for segment in message.segments:
        scope.setdefault(segment.name, []).append(segment)
    return [scope]


def _numbers(order: dict[str, Any], result: dict[str, Any]) -> OrderNumbers:
    found = OrderNumbers(**{name: order.get(key) or None for name, key in _ORDER.items()})
    if found:
        return found
    return OrderNumbers(**{name: result.get(key) or None for name, key in _DOCUMENT.items()})


def _procedure(said: dict[str, Any], uid: str) -> ProcedureDetails:
    return ProcedureDetails(
        rp_id=said.get("RequestedProcedureID", ""),
        study_instance_uid=uid,
        code=said.get("RequestedProcedureCodeSequence") or None,
    )


def _location(scope: ScopeOf) -> str:
    for name in ("OBR", "TXA"):
        if name in scope:
            return f"{name}^{scope[name][0].sequence}"
    return "OBR^1"
