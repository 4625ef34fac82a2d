"""The interactions of Subscription and SubscriptionTopic, with $status and $events."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bridge.domain.delivery import EventKind
from bridge.domain.offered_subscription import (
    OfferedSubscription,
    PayloadContent,
    SubscriptionState,
)
from bridge.fhir.identifiers import Json
from bridge.fhir.outcome import read_object
from bridge.fhir.reading import check_resource, parse_body
from bridge.fhir.releases import Release
from bridge.fhir.server.exchange import Answer, Request, etag, tags_of
from bridge.fhir.server.library import House, Library
from bridge.fhir.server.operations import ID
from bridge.fhir.server.refusals import FhirRefusal, Problem
from bridge.fhir.subscriptions.forms import masked, read_subscription, shown, unmasked
from bridge.fhir.subscriptions.notification import NotificationType, notification, status
from bridge.fhir.subscriptions.topics import TOPICS, topic_resource
from bridge.services.offer_subscriptions import DESTINATION, Subscribers, subject_of
from bridge.services.transaction import Transaction

SUBSCRIPTION, TOPIC = "Subscription", "SubscriptionTopic"
OPERATIONS = ("$status", "$events")
MOST_EVENTS = 100
"""Events of one answer to $events."""

_ELSEWHERE = "notifications do not go to such addresses (fhir.subscription_endpoints)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms subscriptions are offered.

    `endpoints` are beginnings of the addresses that notifications may go to, empty for any.
    `wait` is how many seconds pass before a new one is answered, so that every process knows of it.
    """

    endpoints: tuple[str, ...] = ()
    wait: float = 0.0
    most: int = 1000


class SubscriptionDesk:
    """Answers in one transaction. Subscriptions are their owner's: others do not see them."""

    def __init__(self, house: House, terms: Terms, subscribers: Subscribers) -> None:
        self._house = house
        self._terms = terms
        self._subscribers = subscribers

    # --- reads

    def read(self, tx: Transaction, request: Request, release: Release) -> Answer:
        """A subscription or topic, a search for them, or an operation on them.

        Raises:
            FhirRefusal: there is no such thing.
        """
        parts = request.path.strip("/").split("/")
        if parts[0] == TOPIC:
            return self._topic(parts[1:], release)
        match parts[1:]:
            case []:
                return self._search(tx, request, release)
            case ["$status"]:
                return self._statuses(tx, request)
            case [id_]:
                held = self._mine(tx, request, id_)
                if held.release != release.value:
                    raise FhirRefusal(406, f"it was written in {held.release}")
                return Answer(status=200, content=shown(held), headers=_headers(held))
            case [id_, "$status"]:
                held = self._mine(tx, request, id_)
                return self._bundle([self._status_entry(held)])
            case [id_, "$events"]:
                return self._events(tx, self._mine(tx, request, id_), request)
        raise FhirRefusal(404, "nothing is served here", code="not-supported")

    def _topic(self, parts: Sequence[str], release: Release) -> Answer:
        if release is not Release.R5:
            text = "topics are resources of R5; in R4 the CapabilityStatement names them"
            raise FhirRefusal(404, text, code="not-supported")
        base = self._house.base
        if not parts:
            found = [topic_resource(each, base) for each in TOPICS.values()]
            entries = [
                {
                    "fullUrl": f"{base}/{TOPIC}/{each['id']}",
                    "resource": each,
                    "search": {"mode": "match"},
                }
                for each in found
            ]
            return self._bundle(entries)
        topic = TOPICS.get(parts[0]) if len(parts) == 1 else None
        if topic is None:
            raise FhirRefusal(404, f"no such topic; there are {', '.join(TOPICS)}")
        return Answer(status=200, content=topic_resource(topic, base))

    def _search(self, tx: Transaction, request: Request, release: Release) -> Answer:
        asked = dict(request.parameters)
        wanted = {each for each in asked.get("status", "").split(",") if each}
        ids = {each for each in asked.get("_id", "").split(",") if each}
        found = [
            each
            for each in tx.subscriptions.of_owner(request.user)
            if each.release == release.value
            and (not wanted or each.state.value in wanted)
            and (not ids or each.id in ids)
        ]
        entries = [
            {
                "fullUrl": f"{self._house.base}/{SUBSCRIPTION}/{each.id}",
                "resource": shown(each),
                "search": {"mode": "match"},
            }
            for each in found
        ]
        return self._bundle(entries)

    def _statuses(self, tx: Transaction, request: Request) -> Answer:
        asked = _asked(request)
        ids, states = asked.get("id", []), asked.get("status", [])
        found = [
            each
            for each in tx.subscriptions.of_owner(request.user)
            if (not ids or each.id in ids) and (not states or each.state.value in states)
        ]
        return self._bundle([self._status_entry(each) for each in found])

    def _status_entry(self, held: OfferedSubscription) -> Json:
        said = status(held, NotificationType.QUERY_STATUS, (), self._house.base)
        return {
            "fullUrl": f"urn:uuid:{uuid.uuid4()}",
            "resource": said,
            "search": {"mode": "match"},
        }

    def _events(self, tx: Transaction, held: OfferedSubscription, request: Request) -> Answer:
        """Events again, by their numbers: for who missed some."""
        asked = _asked(request)
        since = _number(asked, "eventsSinceNumber", 1)
        until = _number(asked, "eventsUntilNumber", held.events)
        content = asked.get("content", [""])[0]
        if content and content not in {each.value for each in PayloadContent}:
            raise FhirRefusal(400, "content is empty, id-only or full-resource", code="value")
        events = tx.subscriptions.recorded(held.pk, since - 1, until, MOST_EVENTS)
        library = Library(tx, self._house, Release(held.release))
        return Answer(
            status=200,
            content=notification(
                held,
                NotificationType.QUERY_EVENT,
                events,
                self._house.base,
                lambda name: content_of(library, name),
                PayloadContent(content) if content else None,
            ),
        )

    def _bundle(self, entries: Sequence[Json]) -> Answer:
        content: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
        if entries:
            content["entry"] = [*entries]
        return Answer(status=200, content=content)

    # --- writes

    def write(self, tx: Transaction, request: Request, release: Release, now: float) -> Answer:
        """Create, update or delete one.

        Raises:
            FhirRefusal: that cannot be.
        """
        parts = request.path.strip("/").split("/")
        if parts[0] != SUBSCRIPTION or len(parts) > 2:  # noqa: PLR2004 - type and id
            text = "topics are the server's" if parts[0] == TOPIC else "nothing is done here"
            raise FhirRefusal(405, text, headers={"Allow": "GET, HEAD"})
        match request.method, parts[1:]:
            case "POST", []:
                return self._create(tx, str(uuid.uuid4()), request, release, now)
            case "PUT", [id_]:
                return self._update(tx, id_, request, release, now)
            case "DELETE", [id_]:
                held = self._mine(tx, request, id_)
                tx.subscriptions.remove(held.pk)
                return Answer(status=204)
        allowed = "GET, HEAD, POST" if len(parts) == 1 else "GET, HEAD, PUT, DELETE"
        raise FhirRefusal(
            405, f"{request.method[:20]} is not done here", headers={"Allow": allowed}
        )

    def _create(
        self, tx: Transaction, id_: str, request: Request, release: Release, now: float
    ) -> Answer:
        if len(tx.subscriptions.of_owner(request.user)) >= self._terms.most:
            text = f"nobody has more than {self._terms.most} subscriptions"
            raise FhirRefusal(422, text, code="too-costly")
        new = self._read(request, release, now, None)
        held = replace(new, id=id_, owner=request.user, started_at=now)
        held = replace(held, pk=tx.subscriptions.add(held))
        self._begin(tx, held, now)
        headers = {**_headers(held), "Location": f"{self._house.base}/{SUBSCRIPTION}/{id_}"}
        return Answer(status=201, content=shown(held), headers=headers)

    def _update(
        self, tx: Transaction, id_: str, request: Request, release: Release, now: float
    ) -> Answer:
        found = tx.subscriptions.find(id_)
        if found is None and ID.fullmatch(id_):
            return self._create(tx, id_, request, release, now)
        held = self._mine(tx, request, id_)
        wanted = tags_of(request.header("if-match"))
        if wanted and not {str(held.version), "*"} & {*wanted}:
            raise FhirRefusal(412, "somebody changed it meanwhile", headers=_headers(held))
        new = self._read(request, release, now, held)
        changed = replace(
            new,
            pk=held.pk,
            id=held.id,
            owner=held.owner,
            version=held.version + 1,
            events=held.events,
            sent=held.sent,
            started_at=held.started_at,
            sent_at=held.sent_at,
        )
        tx.subscriptions.change(changed)
        self._begin(tx, changed, now)
        return Answer(status=200, content=shown(changed), headers=_headers(changed))

    def _read(
        self, request: Request, release: Release, now: float, held: OfferedSubscription | None
    ) -> OfferedSubscription:
        resource = parse_body(request.body)
        if resource.get("resourceType") != SUBSCRIPTION:
            raise FhirRefusal(422, f"a {SUBSCRIPTION} is needed", expression="Resource")
        if faults := [each for each in check_resource(resource, release) if each.is_error]:
            problems = [Problem(each.code, each.text, each.expression) for each in faults]
            raise FhirRefusal(422, "not a valid resource", problems=problems)
        wish = read_subscription(resource, release, self._house.base, now)
        allowed = self._terms.endpoints
        if allowed and not any(wish.channel.endpoint.startswith(each) for each in allowed):
            raise FhirRefusal(422, _ELSEWHERE, code="forbidden", expression="Subscription.channel")
        return OfferedSubscription(
            id="",
            topic=wish.topic.url(self._house.base),
            kinds=wish.topic.kinds,
            filters=wish.filters,
            channel=unmasked(wish.channel, held.channel if held else None),
            document=_document(resource),
            release=release.value,
            state=wish.state,
            updated_at=now,
            ends_at=wish.ends_at,
        )

    def _begin(self, tx: Transaction, held: OfferedSubscription, now: float) -> None:
        """Ask the receiver whether it is there, before anything else is told to it."""
        self._subscribers.forget()
        if held.state is SubscriptionState.REQUESTED:
            kind, due = EventKind.SUBSCRIPTION_HANDSHAKE, now + self._terms.wait
            tx.deliveries.enqueue(DESTINATION, subject_of(held.pk), kind, held.id, due)

    def _mine(self, tx: Transaction, request: Request, id_: str) -> OfferedSubscription:
        held = tx.subscriptions.find(id_)
        if held is None or held.owner != request.user:
            raise FhirRefusal(404, "there is no such subscription")
        return held


def journaled(body: bytes) -> bytes:
    """A Subscription as the journal keeps it: without what it signs in with."""
    resource = read_object(body)
    if resource is None:
        return body
    return json.dumps(masked(resource), ensure_ascii=False).encode("utf-8", "backslashreplace")


def content_of(library: Library, name: str) -> Json | None:
    """A resource as it is now, by `Type/id`."""
    type_, _, id_ = name.partition("/")
    entity = library.read(type_, id_)
    return None if entity is None or entity.gone else entity.content


def _document(resource: Json) -> str:
    """What the owner wrote; it is masked when it is shown."""
    kept = {name: value for name, value in resource.items() if name not in ("id", "status")}
    return json.dumps(kept, ensure_ascii=False)


def _headers(held: OfferedSubscription) -> Mapping[str, str]:
    return {"ETag": etag(str(held.version))}


def _asked(request: Request) -> Mapping[str, list[str]]:
    """The parameters of an operation: of the query, or of Parameters that were posted."""
    asked: dict[str, list[str]] = {}
    for name, value in request.parameters:
        asked.setdefault(name, []).append(value)
    if request.method == "POST" and request.body:
        parameters: Any = parse_body(request.body).get("parameter")
        for each in parameters if isinstance(parameters, list) else ():
            said = next((v for k, v in each.items() if k.startswith("value")), None)
            asked.setdefault(str(each.get("name")), []).append(str(said))
    return asked


def _number(asked: Mapping[str, list[str]], name: str, default: int) -> int:
    text = asked.get(name, [str(default)])[0]
    if not text.isdecimal():
        raise FhirRefusal(400, f"{name} is a number", code="value")
    return int(text)
