"""Events as CloudEvents 1.0 in structured JSON: what they say of an order or a study."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bridge.domain.alert import Alert, Moment
from bridge.domain.delivery import (
    FINER_STUDY_KINDS,
    ORDER_KINDS,
    STUDY_KINDS,
    Delivery,
    EventKind,
)
from bridge.domain.identifiers import Identifier
from bridge.domain.matching import BY_RULES, MatchDecision, Outcome, RankedCandidate
from bridge.domain.order import Order, Procedure, Step
from bridge.domain.order_state import state_of
from bridge.domain.publication import (
    ArrivingStudy,
    DecidedStudy,
    News,
    OrderNews,
    PublishedStudy,
    Rejected,
    Request,
    StudyNews,
    UnmatchedStudy,
    WithdrawnStudy,
)
from bridge.domain.rejection import REJECTIONS
from bridge.domain.resolution import person_of
from bridge.domain.study import Study

MEDIA_TYPE: Final = "application/cloudevents+json"
SIGNATURE: Final = "X-Bridge-Signature"


KINDS: Final = frozenset({*ORDER_KINDS, *STUDY_KINDS})
"""What is told to who asked for nothing in particular."""

SPEAKABLE: Final = KINDS | {*FINER_STUDY_KINDS}
"""What can be told."""

_REJECTIONS: Final = frozenset({EventKind.STUDY_REJECTED, EventKind.STUDY_EXPIRED})


def event_id(delivery: Delivery, destination: str) -> str:
    """What an event is known by, the same whenever it is sent again."""
    return f"{destination}-{delivery.pk}"


def write_event(delivery: Delivery, news: News, source: str, destination: str) -> bytes:
    """One event. Its `id` is the same whenever it is sent again: by it receivers know repetitions.

    `time` is when it happened; `data` is how the order or study stands when it is sent.
    """
    event = {
        "specversion": "1.0",
        "id": event_id(delivery, destination),
        "source": source,
        "type": f"bridge.{delivery.kind.value}",
        "subject": delivery.correlation or delivery.subject,
        "time": _time(delivery.created_at),
        "datacontenttype": "application/json",
        "data": {**_data(news), **_why(delivery.kind, news)},
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def write_alert(alert: Alert, moment: Moment, source: str) -> bytes:
    """One event of an alert: `bridge.alert.raised`, later `bridge.alert.over`."""
    happened = alert.seen_at if moment is Moment.RAISED else alert.over_at or alert.seen_at
    event = {
        "specversion": "1.0",
        "id": f"alert-{alert.pk}-{moment.value}",
        "source": source,
        "type": f"bridge.alert.{moment.value}",
        "subject": alert.key,
        "time": _time(happened),
        "datacontenttype": "application/json",
        "data": {"key": alert.key, "problem": alert.words, "since": _time(alert.seen_at)},
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def sign(payload: bytes, secret: str) -> str:
    """The value of the signature header: HMAC-SHA256 of the body, in hexadecimal."""
    digest = hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()
    return f"sha256={digest}"


def _data(news: News) -> Mapping[str, Any]:
    match news:
        case OrderNews(order=order):
            return _order(order)
        case PublishedStudy(study=study, requests=requests):
            return {**_study(study), "orders": _orders(requests)}
        case UnmatchedStudy(study=study):
            return {**_study(study), "orders": []}
        case ArrivingStudy(study=study, requests=requests):
            return {**_study(study), "orders": [], "expectedOrders": _orders(requests)}
        case WithdrawnStudy(study_instance_uid=uid):
            return {"studyInstanceUid": uid, "orders": []}
        case DecidedStudy(study=study, decision=decision, requests=requests):
            matched = decision.outcome is Outcome.MATCHED
            orders = {"orders": _orders(requests) if matched else []}
            decided_at = {"decidedAt": _time(news.decided_at)}
            return {**_study(study), **_decision(decision), **decided_at, **orders}
        case StudyNews():
            pass
    raise TypeError(f"{type(news).__name__} is no news of an order or a study")


def _why(kind: EventKind, news: News) -> Mapping[str, Any]:
    """Of a rejection: what was rejected of which orders' study, and for which reasons."""
    if kind not in _REJECTIONS or not isinstance(news, PublishedStudy | WithdrawnStudy):
        return {}
    rejected = news.rejected or Rejected(instances={})
    return {
        "rejected": {
            "whole": isinstance(news, WithdrawnStudy),
            "person": rejected.by,
            "reasons": [
                {"code": code, "meaning": REJECTIONS.get(code, ""), "numberOfInstances": count}
                for code, count in sorted(rejected.instances.items())
            ],
            "orders": _orders(news.requests),
        }
    }


def _decision(decision: MatchDecision) -> dict[str, Any]:
    """Which it is, by whom, and what led to it: field names and verdicts, no values.

    What a person gave as the reason may name the patient, and is not told.
    """
    by_rules = decision.decided_by == BY_RULES
    return {
        "decision": decision.outcome.value,
        "decidedBy": "rule" if by_rules else "person",
        "person": "" if by_rules else person_of(decision.decided_by),
        "reason": decision.reason if by_rules else "",
        "candidates": [_candidate(each) for each in decision.candidates],
    }


def _candidate(candidate: RankedCandidate) -> dict[str, Any]:
    return {
        "number": candidate.number,
        "score": candidate.score,
        "keys": [key.value for key in candidate.keys],
        "patient": candidate.agreement.value,
        "evidence": [
            {"field": each.field, "verdict": each.verdict.value} for each in candidate.evidence
        ],
    }


def _orders(requests: Iterable[Request]) -> list[dict[str, Any]]:
    orders = {request.order.pk: request.order for request in requests}
    return [_numbers(each) for each in orders.values()]


def _numbers(order: Order) -> dict[str, Any]:
    numbers = order.numbers
    return {
        "accessionNumber": _identifier(numbers.accession),
        "placerOrderNumber": _identifier(numbers.placer),
        "fillerOrderNumber": _identifier(numbers.filler),
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        **_numbers(order),
        "state": state_of(order).value,
        "heldReason": order.held_reason,
        "requestedProcedures": [_procedure(each) for each in order.procedures],
    }


def _procedure(procedure: Procedure) -> dict[str, Any]:
    return {
        "requestedProcedureId": procedure.rp_id,
        "studyInstanceUid": procedure.study_instance_uid,
        "code": procedure.code.value if procedure.code else "",
        "scheduledProcedureSteps": [_step(each) for each in procedure.steps],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "scheduledProcedureStepId": step.sps_id,
        "status": step.status.value,
        "modality": step.modality,
        "stationAeTitles": list(step.station_ae_titles),
        "start": step.start_date + step.start_time,
    }


def _study(study: Study) -> dict[str, Any]:
    series = study.whole_series
    return {
        "studyInstanceUid": study.study_instance_uid,
        "accessionNumber": _identifier(study.accession),
        "state": study.state.value,
        "modalities": sorted(_said(each.modality for each in series)),
        "numberOfSeries": len(series),
        "numberOfInstances": sum(each.count for each in series),
    }


def _said(texts: Iterable[str]) -> set[str]:
    return {text for text in texts if text}


def _identifier(identifier: Identifier | None) -> str:
    return identifier.value if identifier else ""
