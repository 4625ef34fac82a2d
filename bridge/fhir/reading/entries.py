"""The entries of a document: a resource is one of its own, a Bundle has one for each resource.

What kind of Bundle it is decides which of its resources ask for something (FHIR R4 2.36).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.fhir.identifiers import Json
from bridge.fhir.reading.issues import Issue
from bridge.fhir.reading.reading import Resolver
from bridge.mapping.elements import Element

# Bundles whose resources tell of what is, or was, and ask for nothing.
_TELLING = {
    "document": "a document is a statement, and asks for nothing",
    "transaction-response": "an answer",
    "batch-response": "an answer",
}
_WRITES = frozenset({"POST", "PUT", "PATCH"})
_ATOMIC = "transaction"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its resource, `fullUrl`, and why nothing is to be read of it (`note`)."""

    index: int | None
    resource: Element | None
    full_url: str = ""
    deletes: str = ""
    note: str = ""
    issues: tuple[Issue, ...] = ()

    @property
    def expression(self) -> str:
        """Where it stands."""
        if self.resource is not None:
            return self.resource.path
        return "" if self.index is None else f"Bundle.entry[{self.index}]"


def entries_of(document: Json) -> tuple[Entry, ...]:
    """The entries of a document."""
    kind = document.get("resourceType")
    if kind != "Bundle":
        return (Entry(None, Element(document, str(kind or "Resource"))),)
    found = document.get("entry")
    return tuple(
        _entry(each, index, str(document.get("type")))
        for index, each in enumerate(found if isinstance(found, list) else ())
    )


def _entry(content: Any, index: int, kind: str) -> Entry:
    at = f"Bundle.entry[{index}]"
    if not isinstance(content, dict):
        return Entry(index, None, issues=(Issue("structure", at, "must be an object"),))
    request = _object(content.get("request"))
    method, url = str(request.get("method", "")), str(request.get("url", ""))
    full_url = str(content.get("fullUrl") or "")
    resource = content.get("resource")
    if not isinstance(resource, dict):
        return _without_resource(index, full_url, method, url, has=resource is not None)
    return Entry(
        index,
        Element(resource, f"{at}.resource"),
        full_url,
        deletes=url if method == "DELETE" else "",
        note=_note(content, kind, method),
    )


def _without_resource(index: int, full_url: str, method: str, url: str, *, has: bool) -> Entry:
    at = f"Bundle.entry[{index}]"
    if has:
        return Entry(
            index,
            None,
            full_url,
            issues=(Issue("structure", f"{at}.resource", "must be an object"),),
        )
    if method == "DELETE":
        return Entry(index, None, full_url, deletes=url)
    if method in _WRITES:
        return Entry(
            index, None, full_url, issues=(Issue("required", f"{at}.resource", "must be there"),)
        )
    return Entry(index, None, full_url, note="nothing is written")


def _note(content: Json, kind: str, method: str) -> str:
    mode = _object(content.get("search")).get("mode")
    if mode == "outcome":
        return "an outcome of the search"
    if mode == "include":
        return "referenced data"
    if method in ("GET", "HEAD"):
        return "nothing is written"
    return _TELLING.get(kind, "")


def _object(content: Any) -> Json:
    return content if isinstance(content, dict) else {}


def is_atomic(document: Json) -> bool:
    """Whether one bad entry refuses them all."""
    return document.get("resourceType") == "Bundle" and document.get("type") == _ATOMIC


def without_versions(document: Json) -> Json:
    """The document with nothing left of what only a server can say: when a version came about."""
    if document.get("resourceType") != "Bundle" or not isinstance(document.get("entry"), list):
        return _unversioned(document)
    entries = [
        {**entry, "resource": _unversioned(entry["resource"])}
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)
        else entry
        for entry in document["entry"]
    ]
    return {**_unversioned(document), "entry": entries}


def _unversioned(resource: Json) -> Json:
    meta = resource.get("meta")
    if not isinstance(meta, dict) or "lastUpdated" not in meta:
        return resource
    return {**resource, "meta": {k: v for k, v in meta.items() if k != "lastUpdated"}}


class Unversioned:
    """A resolver whose resources do not say when they came about, either."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def read(self, reference: str) -> Json | None:
        """The resource of a literal reference."""
        found = self._resolver.read(reference)
        return None if found is None else _unversioned(found)

    def search(self, kind: str, criteria: str) -> Sequence[Json]:
        """The resources that a conditional reference finds."""
        return [_unversioned(each) for each in self._resolver.search(kind, criteria)]

    def referring(self, kind: str, element: str, reference: str) -> Sequence[Json]:
        """Resources of a type whose element refers to that."""
        found = self._resolver.referring(kind, element, reference)
        return [_unversioned(each) for each in found]


def named_resources(entries: Sequence[Entry]) -> Iterator[tuple[Element, str]]:
    """The resources that references may lead to, with their `fullUrl`s."""
    for entry in entries:
        if entry.resource is not None and not entry.deletes:
            yield entry.resource, entry.full_url
