"""What can be subscribed to: the topics, as a table, and as SubscriptionTopic (FHIR R5 2.1.25)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bridge.domain.delivery import ORDER_KINDS, EventKind
from bridge.fhir.identifiers import Json
from bridge.services.find_records import RecordKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic: the type it is about, what brings it about, and by what it can be narrowed.

    `said` is what of the resource, and of those told of with it, makes the same state the same:
    only another one is an event.
    """

    name: str
    title: str
    doc: str
    type: str
    kind: RecordKind
    kinds: frozenset[EventKind]
    filters: tuple[str, ...]
    trigger: str
    said: Callable[[Json, Sequence[Json]], str]
    begins_with: str = ""

    def begins(self, said: str) -> bool:
        """Whether a subscriber is told of this who was told nothing of the resource before."""
        return said.startswith(self.begins_with)

    def url(self, base: str) -> str:
        """Its canonical address."""
        return f"{base}/SubscriptionTopic/{self.name}"


def _of_study(study: Json, _context: Sequence[Json]) -> str:
    subject = study.get("subject", {}).get("reference", "")
    counts = f"{study.get('numberOfSeries', 0)} {study.get('numberOfInstances', 0)}"
    return f"{study.get('status', '')} {counts} {subject}"


def _of_order(request: Json, steps: Sequence[Json]) -> str:
    return " ".join(str(each.get("status", "")) for each in (request, *steps))


TOPICS: Mapping[str, Topic] = {
    each.name: each
    for each in (
        Topic(
            name="imagingstudy-available",
            title="Images of a study are available",
            doc="A study has become available, or its series, its images or its patient changed",
            type="ImagingStudy",
            kind=RecordKind.STUDY,
            kinds=frozenset({EventKind.STUDY_AVAILABLE, EventKind.STUDY_CHANGED}),
            filters=("patient", "identifier", "accession", "modality", "status"),
            trigger="status = 'available'",
            said=_of_study,
            begins_with="available",
        ),
        Topic(
            name="order-status",
            title="The status of an order changed",
            doc="An imaging order was scheduled, held, completed or revoked, or one of its steps"
            " came to another status",
            type="ServiceRequest",
            kind=RecordKind.ORDER,
            kinds=frozenset(ORDER_KINDS),
            filters=("patient", "identifier", "accession", "status"),
            trigger="%previous.empty() or (%previous.status != %current.status)",
            said=_of_order,
        ),
    )
}


def topic_named(canonical: str, base: str) -> Topic | None:
    """The topic of a canonical address, with or without a version; None when it is none of ours.

    The server has several addresses; the path tells which topic is meant.
    """
    address = canonical.partition("|")[0]
    name = address.rpartition("/SubscriptionTopic/")[2]
    topic = TOPICS.get(name)
    return topic if topic and (address in (name, topic.url(base)) or "/" in address) else None


def topic_resource(topic: Topic, base: str) -> Json:
    """The SubscriptionTopic (R5)."""
    return {
        "resourceType": "SubscriptionTopic",
        "id": topic.name,
        "url": topic.url(base),
        "version": "1",
        "title": topic.title,
        "status": "active",
        "description": topic.doc,
        "resourceTrigger": [
            {
                "description": topic.doc,
                "resource": topic.type,
                "supportedInteraction": ["create", "update"],
                "fhirPathCriteria": topic.trigger,
            }
        ],
        "canFilterBy": [
            {"resource": topic.type, "filterParameter": name} for name in topic.filters
        ],
        "notificationShape": [
            {
                "resource": topic.type,
                **({"revInclude": ["Task:focus"]} if topic.kind is RecordKind.ORDER else {}),
            }
        ],
    }
