"""FHIR R4 resources in memory, with conditional interactions (R4 http.html 3.1.0.5, 3.1.0.8)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Resource = dict[str, Any]
_Key = tuple[str, str]

# Elements of cardinality 1..1 or 1..* at the top of the resources that bridges write.
_REQUIRED = {
    "ImagingStudy": ("status", "subject"),
    "Endpoint": ("status", "connectionType", "payloadType", "address"),
    "ServiceRequest": ("status", "intent", "subject"),
}
_STATUS = {
    "ImagingStudy": {"registered", "available", "cancelled", "entered-in-error", "unknown"},
    "Endpoint": {"active", "suspended", "error", "off", "entered-in-error", "test"},
}
_ORDER = ("DELETE", "POST", "PUT", "GET")  # in which entries are processed (http.html 3.1.0.11.2)


class FhirError(Exception):
    """Anything but success: HTTP status, issue type code and a text for OperationOutcome."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of a create or an update; `status` is 201 when it made a resource, else 200."""

    resource: Resource
    status: int

    @property
    def location(self) -> str:
        """The version-specific address, relative to the base."""
        version = self.resource["meta"]["versionId"]
        return f"{self.resource['resourceType']}/{self.resource['id']}/_history/{version}"


class Repository:
    """Newest versions only. Not safe for threads: the server takes one request at a time."""

    def __init__(self) -> None:
        self._resources: dict[_Key, Resource] = {}
        self._holders: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        self._undo: list[tuple[_Key, Resource | None]] | None = None
        self._last_id = 0

    def read(self, kind: str, resource_id: str) -> Resource:
        """The newest version; raises 404."""
        found = self._resources.get((kind, resource_id))
        if found is None:
            raise FhirError(404, "not-found", f"there is no {kind}/{resource_id}")
        return found

    def search(self, kind: str, query: str) -> list[Resource]:
        """Search by `identifier`, `_id`, `subject` or `patient`, `status`; others are refused."""
        found: Iterable[Resource] | None = None
        for name, text in parse_qsl(query, keep_blank_values=True):
            if name in {"_format", "_count"}:
                continue
            found = self._matching(kind, name, text, found)
        return self._all(kind) if found is None else list(found)

    def create(self, kind: str, resource: Resource, if_none_exist: str = "") -> Written:
        """Create, unless `if_none_exist` finds one; raises 412 when it finds more."""
        if if_none_exist and (held := self._only(kind, if_none_exist)) is not None:
            return Written(held, 200)
        self._last_id += 1
        return self._write(kind, str(self._last_id), resource)

    def update(
        self, kind: str, resource_id: str, resource: Resource, if_match: str = ""
    ) -> Written:
        """Create or replace under a known id; raises 412 when `if_match` names another version."""
        held = self._resources.get((kind, resource_id))
        if if_match and (held is None or if_match != etag(held)):
            raise FhirError(412, "conflict", f"{kind}/{resource_id} is not at version {if_match}")
        return self._write(kind, resource_id, resource)

    def update_found(self, kind: str, query: str, resource: Resource) -> Written:
        """Conditional update: no match creates, one is replaced, more raise 412."""
        held = self._only(kind, query)
        if held is None:
            return self.create(kind, resource)
        return self._write(kind, str(held["id"]), resource)

    def transaction(self, bundle: Resource) -> Resource:
        """Apply every entry or none; the answer's entries stand in the order of the request."""
        if bundle.get("type") != "transaction":
            raise FhirError(400, "not-supported", "only bundles of type transaction are taken")
        entries = bundle.get("entry", [])
        undo: list[tuple[_Key, Resource | None]] = []
        self._undo = undo
        try:
            answers = self._apply(entries)
        except FhirError:
            for key, held in reversed(undo):
                self._put(key, held)
            raise
        finally:
            self._undo = None
        entry = [answers[index] for index in range(len(entries))]
        return {"resourceType": "Bundle", "type": "transaction-response", "entry": entry}

    def _apply(self, entries: list[Resource]) -> dict[int, Resource]:
        references: dict[str, str] = {}
        answers: dict[int, Resource] = {}
        numbered = sorted(
            enumerate(entries), key=lambda pair: _ORDER.index(_request(pair[1])["method"])
        )
        written = []
        for index, entry in numbered:
            done = self._perform(_request(entry), entry.get("resource", {}))
            written.append(done)
            full_url = entry.get("fullUrl", "")
            if full_url:
                references[full_url] = f"{done.resource['resourceType']}/{done.resource['id']}"
            answers[index] = {"response": _response(done)}
        for done in written:  # only now is every urn:uuid known
            _rewrite(done.resource, lambda text: self._resolved(text, references))
        return answers

    def _perform(self, request: Mapping[str, str], resource: Resource) -> Written:
        address = urlsplit(request["url"])
        kind, _, resource_id = address.path.strip("/").partition("/")
        resource = json.loads(json.dumps(resource))
        match request["method"]:
            case "POST":
                return self.create(kind, resource, request.get("ifNoneExist", ""))
            case "PUT" if resource_id:
                return self.update(kind, resource_id, resource, request.get("ifMatch", ""))
            case "PUT" if address.query:
                return self.update_found(kind, address.query, resource)
        text = f"{request['method']} {kind} is not taken inside a transaction"
        raise FhirError(400, "not-supported", text)

    def _resolved(self, reference: str, references: Mapping[str, str]) -> str:
        if reference in references:
            return references[reference]
        kind, question, query = reference.partition("?")
        if not question:
            if reference.startswith("urn:uuid:"):
                raise FhirError(400, "invalid", f"no entry has the fullUrl {reference}")
            return reference
        target = self._only(kind, query)
        if target is None:
            raise FhirError(412, "not-found", f"nothing matches the reference {reference}")
        return f"{kind}/{target['id']}"

    def _only(self, kind: str, query: str) -> Resource | None:
        found = self.search(kind, query)
        if len(found) > 1:
            raise FhirError(412, "multiple-matches", f"{len(found)} resources match {kind}?{query}")
        return found[0] if found else None

    def _matching(
        self, kind: str, name: str, text: str, among: Iterable[Resource] | None
    ) -> list[Resource]:
        if name == "identifier" and among is None:
            return self._identified(kind, text)
        test = _test(name, text)
        return [r for r in (self._all(kind) if among is None else among) if test(r)]

    def _identified(self, kind: str, text: str) -> list[Resource]:
        ids = {i: None for token in text.split(",") for i in self._holders[kind, token]}
        return [self._resources[kind, resource_id] for resource_id in ids]

    def _all(self, kind: str) -> list[Resource]:
        return [resource for (k, _), resource in self._resources.items() if k == kind]

    def _write(self, kind: str, resource_id: str, resource: Resource) -> Written:
        check(kind, resource)
        held = self._resources.get((kind, resource_id))
        version = int(held["meta"]["versionId"]) + 1 if held else 1
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": now}
        resource = {**resource, "id": resource_id, "meta": meta}
        if self._undo is not None:
            self._undo.append(((kind, resource_id), held))
        self._put((kind, resource_id), resource)
        return Written(resource, 200 if held else 201)

    def _put(self, key: _Key, resource: Resource | None) -> None:
        kind, resource_id = key
        held = self._resources.pop(key, None)
        for token in _tokens(held or {}):
            self._holders[kind, token].pop(resource_id, None)
        if resource is not None:
            self._resources[key] = resource
            for token in _tokens(resource):
                self._holders[kind, token][resource_id] = None


def etag(resource: Resource) -> str:
    """The weak entity tag of a version."""
    return f'W/"{resource["meta"]["versionId"]}"'


def check(kind: str, resource: Resource) -> None:
    """Refuse what is plainly no `kind`; this is a small part of what a validator checks."""
    said = resource.get("resourceType")
    if said != kind:
        raise FhirError(400, "invalid", f"{said} was sent where {kind} belongs")
    for element in _REQUIRED.get(kind, ()):
        if not resource.get(element):
            raise FhirError(422, "required", f"{kind}.{element} is required")
    status = resource.get("status")
    if kind in _STATUS and status not in _STATUS[kind]:
        raise FhirError(422, "code-invalid", f"{status} is no status of {kind}")


def _test(name: str, text: str) -> Callable[[Resource], bool]:
    wanted = set(text.split(","))
    if name == "identifier":
        return lambda resource: bool(wanted.intersection(_tokens(resource)))
    if name == "_id":
        return lambda resource: resource["id"] in wanted
    if name == "status":
        return lambda resource: resource.get("status") in wanted
    if name in {"subject", "patient"}:
        known = wanted | {f"Patient/{one}" for one in wanted}
        return lambda resource: resource.get("subject", {}).get("reference") in known
    raise FhirError(400, "not-supported", f"the search parameter {name} is not known here")


def _tokens(resource: Resource) -> Iterator[str]:
    """Every text that finds a resource by `identifier`: system|value, |value and value."""
    for identifier in resource.get("identifier", []):
        system, value = identifier.get("system", ""), identifier.get("value", "")
        yield f"{system}|{value}"
        yield value


def _request(entry: Resource) -> Mapping[str, str]:
    request = entry.get("request", {})
    if request.get("method") not in _ORDER or not request.get("url"):
        raise FhirError(400, "required", "an entry has no request with a method and a url")
    return {str(name): str(value) for name, value in request.items()}


def _response(done: Written) -> Resource:
    return {
        "status": f"{done.status} {HTTPStatus(done.status).phrase}",
        "location": done.location,
        "etag": etag(done.resource),
        "lastModified": done.resource["meta"]["lastUpdated"],
    }


def _rewrite(node: Any, resolve: Callable[[str], str]) -> None:
    if isinstance(node, list):
        for part in node:
            _rewrite(part, resolve)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name == "reference" and isinstance(value, str):
                node[name] = resolve(value)
            else:
                _rewrite(value, resolve)
