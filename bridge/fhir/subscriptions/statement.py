"""What the CapabilityStatement says of subscriptions, and the tables of the conformance page."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.fhir.identifiers import Json
from bridge.fhir.releases import Release
from bridge.fhir.subscriptions.topics import TOPICS

_GUIDE = "http://hl7.org/fhir/uv/subscriptions-backport"
_TOPIC = f"{_GUIDE}/StructureDefinition/capabilitystatement-subscriptiontopic-canonical"
_PROFILE = f"{_GUIDE}/StructureDefinition/backport-subscription"
INTERACTIONS = ("read", "search-type", "create", "update", "delete")


def subscription_resources(base: str, release: Release) -> Iterator[Json]:
    """The entries of `rest.resource`."""
    r5 = release is Release.R5
    operations = (
        "http://hl7.org/fhir/OperationDefinition/Subscription-"
        if r5
        else f"{_GUIDE}/OperationDefinition/backport-subscription-"
    )
    topics = [{"url": _TOPIC, "valueCanonical": each.url(base)} for each in TOPICS.values()]
    yield {
        **({} if r5 else {"extension": topics}),
        "type": "Subscription",
        **(
            {}
            if r5
            else {"supportedProfile": [f"{_GUIDE}/StructureDefinition/backport-subscription"]}
        ),
        "documentation": "rest-hook; a subscription is seen by its owner alone",
        "interaction": [{"code": code} for code in INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": False,
        "updateCreate": True,
        "searchParam": [
            {"name": "_id", "type": "token", "documentation": "The logical id"},
            {"name": "status", "type": "token", "documentation": "How it stands"},
        ],
        "operation": [
            {"name": name, "definition": f"{operations}{name}"} for name in ("status", "events")
        ],
    }
    if r5:
        yield {
            "type": "SubscriptionTopic",
            "documentation": "What can be subscribed to",
            "interaction": [{"code": "read"}, {"code": "search-type"}],
        }


def topic_rows() -> Iterator[tuple[str, ...]]:
    """Each topic as a row: its name, what it is about, when, and its filters."""
    for each in TOPICS.values():
        filters = ", ".join(f"`{name}`" for name in each.filters)
        yield f"`{each.name}`", each.type, each.doc, filters
