"""Bundles that are posted: transaction, batch, and such as tell (message, collection and kin)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from bridge.fhir.identifiers import Json
from bridge.fhir.server.binding import known_by_identifier
from bridge.fhir.server.exchange import Answer, Request, instant
from bridge.fhir.server.library import Library
from bridge.fhir.server.operations import Operation, entries_of
from bridge.fhir.server.refusals import FhirRefusal
from bridge.fhir.server.resource_types import TYPES

TELLING = frozenset({"message", "collection", "searchset", "history"})


@dataclass(frozen=True, slots=True)
class Told:
    """What a telling Bundle amounts to: its operations, and how its resources name each other."""

    operations: list[Operation]
    names: dict[str, str]


def told_in(bundle: Json, library: Library) -> Told:
    """Each resource of a served type is an update of what has its identifier, or else a create.

    The ids in it are its sender's own and mean nothing here.
    """
    operations: list[Operation] = []
    names: dict[str, str] = {}
    for index, entry in entries_of(bundle):
        resource = entry.get("resource")
        kind = str(resource.get("resourceType")) if isinstance(resource, dict) else ""
        if not isinstance(resource, dict) or kind not in TYPES:
            continue
        full_url = str(entry.get("fullUrl") or f"urn:uuid:{uuid.uuid4()}")
        name = resource.get("id")
        if isinstance(name, str) and name:
            names[f"{kind}/{name}"] = full_url
        present = known_by_identifier(library, resource)
        operations.append(
            Operation(
                method="PUT" if present else "POST",
                type=kind,
                id=present,
                resource={**resource, "id": present} if present else resource,
                full_url=full_url,
                index=index,
                expression=f"Bundle.entry[{index}].resource",
            )
        )
    return Told(operations, names)


def response_entry(answer: Answer) -> Json:
    """The entry of a transaction-response or batch-response."""
    status = HTTPStatus(answer.status)
    response: Json = {"status": f"{status.value} {status.phrase}"}
    for header, element in (("Location", "location"), ("ETag", "etag")):
        if header in answer.headers:
            response[element] = answer.headers[header]
    if answer.updated_at:
        response["lastModified"] = instant(answer.updated_at)
    content = answer.content
    if content is None:
        return {"response": response}
    if content.get("resourceType") == "OperationOutcome":
        return {"response": {**response, "outcome": content}}
    return {"resource": content, "response": response}


def batch_requests(bundle: Json, whole: Request, base: str) -> Iterator[Request]:
    """Each entry of a batch as a request of its own."""
    for index, entry in entries_of(bundle):
        yield _request(index, entry, whole, base)


def _request(index: int, entry: Json, whole: Request, base: str) -> Request:
    request = entry.get("request")
    said = request if isinstance(request, dict) else {}
    path, _, query = str(said.get("url") or "").removeprefix(f"{base}/").partition("?")
    headers = {
        name: str(said[element])
        for name, element in (
            ("if-match", "ifMatch"),
            ("if-none-match", "ifNoneMatch"),
            ("if-none-exist", "ifNoneExist"),
        )
        if said.get(element)
    }
    for name in ("content-type", "prefer"):
        if name in whole.headers:
            headers[name] = whole.headers[name]
    if whole.header("x-request-id"):
        headers["x-request-id"] = f"{whole.header('x-request-id')}#{index}"
    body = json.dumps(entry["resource"]).encode() if "resource" in entry else b""
    return Request(
        method=str(said.get("method") or ""),
        path=path.strip("/"),
        query=query,
        headers=headers,
        body=body,
        client=whole.client,
        user=whole.user,
    )


def message_response(bundle: Json, base: str, outcome: Json | None, *, passing: bool) -> Json:
    """The message that answers a message (R4 2.4.3); `outcome` tells what went wrong, if it did."""
    header = _header(bundle)
    code = "ok" if outcome is None else "transient-error" if passing else "fatal-error"
    response: Json = {"identifier": str(header.get("id") or bundle.get("id") or "unknown")}
    response["code"] = code
    contained: list[Json] = []
    if outcome is not None:
        contained = [{**outcome, "id": "details"}]
        response["details"] = {"reference": "#details"}
    names = ("eventCoding", "eventUri", "eventCanonical")
    event: Json = {name: header[name] for name in names if name in header}
    answer: Json = {
        "resourceType": "MessageHeader",
        "id": str(uuid.uuid4()),
        **(event or {"eventUri": "urn:bridge:message"}),
        "source": {"endpoint": base},
        "response": response,
    }
    if contained:
        answer["contained"] = contained
    return {
        "resourceType": "Bundle",
        "type": "message",
        "entry": [{"fullUrl": f"urn:uuid:{answer['id']}", "resource": answer}],
    }


def demand_message(bundle: Json) -> None:
    """Raise FhirRefusal unless a Bundle is a message: its first resource is a MessageHeader."""
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "message":
        text = "what is to be processed is a Bundle of type message"
        raise FhirRefusal(400, text, code="invalid", expression="Bundle.type")
    if not _header(bundle):
        text = "the first resource of a message is its MessageHeader"
        raise FhirRefusal(422, text, code="required", expression="Bundle.entry[0].resource")


def _header(bundle: Json) -> Json:
    entries = bundle.get("entry")
    first = entries[0] if isinstance(entries, list) and entries else {}
    resource = first.get("resource") if isinstance(first, dict) else None
    is_header = isinstance(resource, dict) and resource.get("resourceType") == "MessageHeader"
    return resource if is_header and isinstance(resource, dict) else {}
