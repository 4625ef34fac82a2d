"""One thing a client wants written: an interaction of its own, or an entry of a Bundle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from bridge.fhir.identifiers import Json
from bridge.fhir.server.refusals import FhirRefusal
from bridge.fhir.server.resource_types import TYPES

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
MOST_ENTRIES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What is wanted. `id` is empty for a create, `criteria` are those of a conditional one.

    `index` is the entry's place in its Bundle, `expression` where it stands there.
    """

    method: str
    type: str
    id: str = ""
    criteria: str = ""
    resource: Json | None = None
    patch: list[Any] | None = None
    if_match: str = ""
    if_none_match: str = ""
    if_none_exist: str = ""
    full_url: str = ""
    index: int | None = None
    expression: str = ""
    query: str = field(default="")


def target_of(url: str, base: str, expression: str) -> tuple[str, str, str]:
    """Type, id and criteria of an entry's `request.url`, relative or absolute.

    Raises:
        FhirRefusal: it leads to nothing that is served here.
    """
    path, _, query = url.removeprefix(f"{base}/").strip().lstrip("/").partition("?")
    if urlsplit(path).scheme:
        raise FhirRefusal(400, "the address is another server's", expression=expression)
    kind, _, name = path.partition("/")
    if kind not in TYPES:
        raise FhirRefusal(422, "no such type here", code="not-supported", expression=expression)
    name = unquote(name)
    if name and not ID.fullmatch(name):
        raise FhirRefusal(400, "no logical id", code="value", expression=expression)
    return kind, name, query


def operations_of(bundle: Json, base: str) -> list[Operation]:
    """The operations of a transaction's entries, in the Bundle's order.

    Raises:
        FhirRefusal: 400 where an entry does not say what is wanted.
    """
    return [_operation(*each, base) for each in entries_of(bundle)]


def entries_of(bundle: Json) -> Iterator[tuple[int, Json]]:
    """The entries of a Bundle with their places."""
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise FhirRefusal(400, "entry is a list", code="structure", expression="Bundle.entry")
    if len(entries) > MOST_ENTRIES:
        text = f"more than {MOST_ENTRIES} entries"
        raise FhirRefusal(413, text, code="too-costly", expression="Bundle.entry")
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            at = f"Bundle.entry[{index}]"
            raise FhirRefusal(400, "an entry is an object", code="structure", expression=at)
        yield index, entry


def _operation(index: int, entry: Json, base: str) -> Operation:
    at = f"Bundle.entry[{index}]"
    request = entry.get("request")
    method = request.get("method") if isinstance(request, dict) else None
    url = request.get("url") if isinstance(request, dict) else None
    if not isinstance(method, str) or not isinstance(url, str) or not isinstance(request, dict):
        text = "an entry of a transaction or batch says method and url of its request"
        raise FhirRefusal(400, text, code="required", expression=f"{at}.request")
    if method not in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        text = "no such method in a Bundle"
        raise FhirRefusal(400, text, code="value", expression=f"{at}.request.method")
    reads = method in ("GET", "HEAD")
    kind, name, query = ("", "", "") if reads else target_of(url, base, f"{at}.request.url")
    resource = entry.get("resource")
    if resource is not None and not isinstance(resource, dict):
        raise FhirRefusal(400, "a resource is an object", expression=f"{at}.resource")
    return Operation(
        method=method,
        type=kind,
        id=name,
        criteria=query,
        query=url.removeprefix(f"{base}/").lstrip("/") if reads else "",
        resource=resource,
        if_match=str(request.get("ifMatch") or ""),
        if_none_match=str(request.get("ifNoneMatch") or ""),
        if_none_exist=str(request.get("ifNoneExist") or ""),
        full_url=str(entry.get("fullUrl") or ""),
        index=index,
        expression=f"{at}.resource",
    )
