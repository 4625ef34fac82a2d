"""Events as CloudEvents 1.0 in structured JSON: what they say of an order or a study."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bridge.domain.alert import Alert, Moment
from bridge.domain.delivery import ORDER_KINDS, STUDY_KINDS, Delivery
from bridge.domain.identifiers import Identifier
from bridge.domain.order import Order, Procedure, Step
from bridge.domain.order_state import state_of
from bridge.domain.publication import (
    News,
    OrderNews,
    PublishedStudy,
    StudyNews,
    UnmatchedStudy,
    WithdrawnStudy,
)
from bridge.domain.study import Study

MEDIA_TYPE: Final = "application/cloudevents+json"
SIGNATURE: Final = "X-Bridge-Signature"


KINDS: Final = frozenset({*ORDER_KINDS, *STUDY_KINDS})


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
        "data": _data(news),
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
            orders = {request.order.pk: request.order for request in requests}
            return {**_study(study), "orders": [_numbers(each) for each in orders.values()]}
        case UnmatchedStudy(study=study):
            return {**_study(study), "orders": []}
        case WithdrawnStudy(study_instance_uid=uid):
            return {"studyInstanceUid": uid, "orders": []}
        case StudyNews():
            pass
    raise TypeError(f"{type(news).__name__} is no news of an order or a study")


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
