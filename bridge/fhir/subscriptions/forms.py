"""Subscription as it is written in R4, R4 with the backport guide, and R5: read, and shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bridge.domain.offered_subscription import (
    Channel,
    NotificationForm,
    OfferedSubscription,
    PayloadContent,
    SubscriptionState,
)
from bridge.fhir.identifiers import Json
from bridge.fhir.releases import Release
from bridge.fhir.server.query import read_query
from bridge.fhir.server.refusals import FhirRefusal
from bridge.fhir.server.resource_types import TYPES
from bridge.fhir.subscriptions.topics import TOPICS, Topic, topic_named

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
FILTER = f"{BACKPORT}/backport-filter-criteria"
CONTENT = f"{BACKPORT}/backport-payload-content"
HEARTBEAT = f"{BACKPORT}/backport-heartbeat-period"
TIMEOUT = f"{BACKPORT}/backport-timeout"
MOST_EVENTS = f"{BACKPORT}/backport-max-count"

MASK = "***"
MEDIA_TYPE = "application/fhir+json"
_JSON = frozenset({MEDIA_TYPE, "application/json", "json"})
LONGEST_HEARTBEAT = 86_400
LONGEST_TIMEOUT = 60
MOST_EVENTS_AT_ONCE = 100
_MOST_FILTERS = 20
# Those would make of our request another one.
_FORBIDDEN_HEADERS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection"}
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an owner asks for."""

    topic: Topic
    channel: Channel
    filters: tuple[tuple[str, str], ...]
    state: SubscriptionState
    ends_at: float


def read_subscription(resource: Json, release: Release, base: str, now: float) -> Wish:
    """What a Subscription asks for.

    Raises:
        FhirRefusal: 422, naming the element, for what is not offered here.
    """
    reader = _read_r5 if release is Release.R5 else _read_r4
    topic, channel, filters = reader(resource, base)
    status = resource.get("status")
    if status not in ("requested", "active", "off"):
        text = "a client asks for `requested`, or turns it `off`"
        raise _refusal(text, "Subscription.status")
    _check_filters(topic, filters)
    ends_at = _moment(resource.get("end"))
    if resource.get("end") and ends_at <= now:
        raise _refusal("its end is over", "Subscription.end")
    state = SubscriptionState.OFF if status == "off" else SubscriptionState.REQUESTED
    return Wish(topic, channel, filters, state, ends_at)


def shown(held: OfferedSubscription) -> Json:
    """The Subscription as its owner wrote it, with how it stands; no header's value is shown."""
    resource: Json = masked(json.loads(held.document))
    said = {
        **resource,
        "id": held.id,
        "meta": {**resource.get("meta", {}), "versionId": str(held.version)},
        "status": held.state.value,
    }
    if held.error and Release(held.release) is Release.R4:
        said["error"] = held.error
    return said


def masked(resource: Json) -> Json:
    """A Subscription without what it signs in with: for answers, and for the journal."""
    channel, parameters = resource.get("channel"), resource.get("parameter")
    result = dict(resource)
    if isinstance(channel, dict) and isinstance(channel.get("header"), list):
        lines = [f"{str(each).partition(':')[0]}: {MASK}" for each in channel["header"]]
        result["channel"] = {**channel, "header": lines}
    if isinstance(parameters, list):
        result["parameter"] = [
            {**each, "value": MASK} if isinstance(each, dict) else each for each in parameters
        ]
    return result


def unmasked(channel: Channel, held: Channel | None) -> Channel:
    """A channel whose owner wrote back what it was shown: the values are those held."""
    before = held.headers if held else {}
    headers = {n: before.get(n, v) if v == MASK else v for n, v in channel.headers.items()}
    return replace(channel, headers=headers)


# --- R4


def _read_r4(resource: Json, base: str) -> tuple[Topic, Channel, tuple[tuple[str, str], ...]]:
    criteria = str(resource.get("criteria") or "")
    channel = resource.get("channel") or {}
    if channel.get("type") != "rest-hook":
        text = "notifications are sent by rest-hook"
        raise _refusal(text, "Subscription.channel.type", "not-supported")
    topic = topic_named(criteria, base)
    filters = tuple(_extension_filters(resource)) if topic else ()
    plain = topic is None
    if topic is None:
        topic, filters = _topic_of_criteria(criteria)
    payload = str(channel.get("payload") or "")
    if payload and payload.partition(";")[0].strip() not in _JSON:
        raise _refusal("payloads are JSON", "Subscription.channel.payload", "not-supported")
    content = _value(channel.get("_payload"), CONTENT) or (
        PayloadContent.FULL_RESOURCE if plain and payload else PayloadContent.EMPTY
    )
    return (
        topic,
        Channel(
            endpoint=_endpoint(channel.get("endpoint"), "Subscription.channel.endpoint"),
            form=NotificationForm.PLAIN if plain else NotificationForm.BACKPORT,
            content=_content(content, "Subscription.channel.payload.extension"),
            content_type=MEDIA_TYPE if payload or not plain else "",
            headers=_headers(channel.get("header"), "Subscription.channel.header"),
            heartbeat=_number(_value(channel, HEARTBEAT), LONGEST_HEARTBEAT),
            timeout=_number(_value(channel, TIMEOUT), LONGEST_TIMEOUT),
            most_events=1 if plain else _number(_value(channel, MOST_EVENTS), MOST_EVENTS_AT_ONCE),
        ),
        filters,
    )


def _extension_filters(resource: Json) -> Iterator[tuple[str, str]]:
    """`ImagingStudy?patient=Patient/1&modality=CT` of each filter extension."""
    for extension in _extensions(resource.get("_criteria")):
        if extension.get("url") == FILTER:
            text = str(extension.get("valueString") or "")
            yield from parse_qsl(text.partition("?")[2] or text, keep_blank_values=True)


def _topic_of_criteria(criteria: str) -> tuple[Topic, tuple[tuple[str, str], ...]]:
    """R4's own: a search, of a type that there is a topic for."""
    kind, _, query = criteria.partition("?")
    topic = next((each for each in TOPICS.values() if each.type == kind.strip("/")), None)
    if topic is None:
        offered = ", ".join(TOPICS)
        text = f"no such topic; offered are {offered}, and searches of their types"
        raise _refusal(text, "Subscription.criteria", "not-supported")
    return topic, tuple(parse_qsl(query, keep_blank_values=True))


def _headers(lines: Any, where: str) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for line in lines if isinstance(lines, list) else ():
        name, colon, value = str(line).partition(":")
        headers |= _header(name, value, where) if colon else _bad_header(where)
    return headers


def _header(name: str, value: str, where: str) -> dict[str, str]:
    name, value = name.strip(), value.strip()
    sound = name.replace("-", "").replace("_", "").isalnum() and value.isprintable()
    if not sound or not name.isascii() or name.lower() in _FORBIDDEN_HEADERS:
        return _bad_header(where)
    return {name: value}


def _bad_header(where: str) -> dict[str, str]:
    raise _refusal("a header is written `Name: value`, and none of the request's own", where)


# --- R5


def _read_r5(resource: Json, base: str) -> tuple[Topic, Channel, tuple[tuple[str, str], ...]]:
    topic = topic_named(str(resource.get("topic") or ""), base)
    if topic is None:
        text = f"no such topic; offered are {', '.join(TOPICS)}"
        raise _refusal(text, "Subscription.topic", "not-supported")
    if (resource.get("channelType") or {}).get("code") != "rest-hook":
        text = "notifications are sent by rest-hook"
        raise _refusal(text, "Subscription.channelType", "not-supported")
    media_type = str(resource.get("contentType") or MEDIA_TYPE)
    if media_type.partition(";")[0].strip() not in _JSON:
        raise _refusal("payloads are JSON", "Subscription.contentType", "not-supported")
    parameters = [p for p in resource.get("parameter") or () if isinstance(p, dict)]
    headers: dict[str, str] = {}
    for each in parameters:
        named = str(each.get("name", "")), str(each.get("value", ""))
        headers |= _header(*named, "Subscription.parameter")
    content = resource.get("content") or PayloadContent.EMPTY
    return (
        topic,
        Channel(
            endpoint=_endpoint(resource.get("endpoint"), "Subscription.endpoint"),
            form=NotificationForm.R5,
            content=_content(content, "Subscription.content"),
            content_type=MEDIA_TYPE,
            headers=headers,
            heartbeat=_number(resource.get("heartbeatPeriod"), LONGEST_HEARTBEAT),
            timeout=_number(resource.get("timeout"), LONGEST_TIMEOUT),
            most_events=_number(resource.get("maxCount"), MOST_EVENTS_AT_ONCE),
        ),
        tuple(_filters_r5(resource.get("filterBy"), topic)),
    )


def _filters_r5(filters: Any, topic: Topic) -> Iterator[tuple[str, str]]:
    for each in filters if isinstance(filters, list) else ():
        of = str(each.get("resourceType") or topic.type).rpartition("/")[2]
        if of != topic.type:
            text = f"{topic.name} is about {topic.type}"
            raise _refusal(text, "Subscription.filterBy.resourceType")
        modifier = f":{each['modifier']}" if each.get("modifier") else ""
        comparator = str(each.get("comparator") or "")
        prefix = "" if comparator == "eq" else comparator
        yield f"{each.get('filterParameter')}{modifier}", f"{prefix}{each.get('value', '')}"


# --- both


def _check_filters(topic: Topic, filters: Sequence[tuple[str, str]]) -> None:
    """Whether they can be evaluated: each event is compared by the server's own search."""
    for name, value in filters:
        if name.partition(":")[0] not in topic.filters or not value:
            offered = ", ".join(topic.filters)
            text = f"{topic.name} is filtered by {offered}, with a value"
            raise _refusal(text, "Subscription.filterBy", "not-supported")
    if len(filters) > _MOST_FILTERS:
        raise _refusal(f"more than {_MOST_FILTERS} filters", "Subscription.filterBy", "too-costly")
    try:
        read_query(TYPES[topic.type], [*filters], strict=True)
    except FhirRefusal as refusal:
        raise _refusal(refusal.message, "Subscription.filterBy", "not-supported") from None


def _content(code: Any, where: str) -> PayloadContent:
    known = [each.value for each in PayloadContent]
    if code not in known:
        raise _refusal(f"payloads are {', '.join(known)}", where, "not-supported")
    return PayloadContent(code)


def _endpoint(address: Any, where: str) -> str:
    try:
        parts = urlsplit(str(address or ""))
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.username is not None or parts.fragment:
        raise _refusal("an http or https address is needed to send notifications to", where)
    return str(address)


def _number(said: Any, most: int) -> int:
    return min(max(said, 0), most) if isinstance(said, int) and not isinstance(said, bool) else 0


def _moment(said: Any) -> float:
    if not said:
        return 0.0
    try:
        moment = datetime.fromisoformat(str(said))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _refusal("an instant has a date, a time and a zone", "Subscription.end", "value")
    return moment.timestamp()


def _value(element: Any, url: str) -> Any:
    for extension in _extensions(element):
        if extension.get("url") == url:
            return next((v for k, v in extension.items() if k.startswith("value")), None)
    return None


def _extensions(element: Any) -> Iterator[Json]:
    found = element.get("extension") if isinstance(element, dict) else None
    yield from (each for each in found or () if isinstance(each, dict))


def _refusal(text: str, where: str, code: str = "invalid") -> FhirRefusal:
    return FhirRefusal(422, text, code=code, expression=where)
