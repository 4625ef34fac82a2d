"""What a subscriber is sent: the status of its subscription, and what happened."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from enum import StrEnum

from bridge.domain.offered_subscription import (
    NotificationForm,
    OfferedSubscription,
    PayloadContent,
    SubscriptionEvent,
)
from bridge.fhir.identifiers import Json
from bridge.fhir.server.exchange import instant

_PROFILE = (
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
    "/backport-subscription-status-r4"
)

Fetch = Callable[[str], Json | None]
"""`Type/id` → the resource as it is now; None when there is none."""


class NotificationType(StrEnum):
    """SubscriptionStatus.type."""

    HANDSHAKE = "handshake"
    HEARTBEAT = "heartbeat"
    EVENT = "event-notification"
    QUERY_STATUS = "query-status"
    QUERY_EVENT = "query-event"


def notification(
    held: OfferedSubscription,
    kind: NotificationType,
    events: Sequence[SubscriptionEvent],
    base: str,
    fetch: Fetch,
    content: PayloadContent | None = None,
) -> Json:
    """The Bundle that tells of events; `content` where it is not that of the subscription."""
    how = held.channel.content if content is None else content
    said = status(held, kind, events if how is not PayloadContent.EMPTY else _bare(events), base)
    url = f"{base}/Subscription/{held.id}/$status"
    first = {
        "fullUrl": f"urn:uuid:{uuid.uuid4()}",
        "resource": said,
        "request": {"method": "GET", "url": url},
        "response": {"status": "200"},
    }
    bundle_type = (
        "subscription-notification" if held.channel.form is NotificationForm.R5 else "history"
    )
    return {
        "resourceType": "Bundle",
        "id": str(uuid.uuid4()),
        "type": bundle_type,
        "timestamp": instant(max((e.at for e in events), default=held.updated_at)),
        "entry": [first, *_entries(how, events, base, fetch)],
    }


def _entries(
    content: PayloadContent, events: Sequence[SubscriptionEvent], base: str, fetch: Fetch
) -> list[Json]:
    """Each resource once, however many events are about it."""
    if content is PayloadContent.EMPTY:
        return []
    names = dict.fromkeys(name for each in events for name in (each.focus, *each.context))
    full = content is PayloadContent.FULL_RESOURCE
    entries = []
    for name in names:
        resource = fetch(name) if full else None
        entries.append(
            {
                "fullUrl": f"{base}/{name}",
                **({"resource": resource} if resource else {}),
                "request": {"method": "PUT", "url": name},
                "response": {"status": "200"},
            }
        )
    return entries


def _bare(events: Sequence[SubscriptionEvent]) -> list[SubscriptionEvent]:
    """Events of which nothing is said but that they were."""
    return [
        SubscriptionEvent(
            number=e.number, at=e.at, subject="", said="", cause=e.cause, focus="", context=()
        )
        for e in events
    ]


def status(
    held: OfferedSubscription,
    kind: NotificationType,
    events: Sequence[SubscriptionEvent],
    base: str,
) -> Json:
    """How the subscription stands: Parameters in R4 (the guide's profile), SubscriptionStatus."""
    if held.channel.form is NotificationForm.R5:
        return _status_r5(held, kind, events, base)
    return _parameters(held, kind, events, base)


def _status_r5(
    held: OfferedSubscription,
    kind: NotificationType,
    events: Sequence[SubscriptionEvent],
    base: str,
) -> Json:
    told = [
        {
            "eventNumber": str(event.number),
            "timestamp": instant(event.at),
            **({"focus": {"reference": f"{base}/{event.focus}"}} if event.focus else {}),
            **(
                {"additionalContext": [{"reference": f"{base}/{name}"} for name in event.context]}
                if event.context
                else {}
            ),
        }
        for event in events
    ]
    return {
        "resourceType": "SubscriptionStatus",
        "id": str(uuid.uuid4()),
        "status": held.state.value,
        "type": kind.value,
        "eventsSinceSubscriptionStart": str(held.events),
        **({"notificationEvent": told} if told else {}),
        "subscription": {"reference": f"{base}/Subscription/{held.id}"},
        "topic": held.topic,
        **({"error": [{"text": held.error}]} if held.error else {}),
    }


def _parameters(
    held: OfferedSubscription,
    kind: NotificationType,
    events: Sequence[SubscriptionEvent],
    base: str,
) -> Json:
    subscription = {"reference": f"{base}/Subscription/{held.id}"}
    return {
        "resourceType": "Parameters",
        "id": str(uuid.uuid4()),
        "meta": {"profile": [_PROFILE]},
        "parameter": [
            {"name": "subscription", "valueReference": subscription},
            {"name": "topic", "valueCanonical": held.topic},
            {"name": "status", "valueCode": held.state.value},
            {"name": "type", "valueCode": kind.value},
            {"name": "events-since-subscription-start", "valueString": str(held.events)},
            *({"name": "notification-event", "part": _parts(e, base)} for e in events),
            *(
                [{"name": "error", "valueCodeableConcept": {"text": held.error}}]
                if held.error
                else []
            ),
        ],
    }


def _parts(event: SubscriptionEvent, base: str) -> list[Json]:
    focus = {"reference": f"{base}/{event.focus}"}
    return [
        {"name": "event-number", "valueString": str(event.number)},
        {"name": "timestamp", "valueInstant": instant(event.at)},
        *([{"name": "focus", "valueReference": focus}] if event.focus else []),
        *(
            {"name": "additional-context", "valueReference": {"reference": f"{base}/{name}"}}
            for name in event.context
        ),
    ]
