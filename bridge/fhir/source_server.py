"""A FHIR server that is asked for orders (FHIR R4 3.1.1): what changed, page by page.

No other address is ever called: links and references that lead elsewhere are not followed, but for
the path and query they have on this server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from bridge.domain.delivery import TransportError
from bridge.fhir.client import FhirClient
from bridge.fhir.identifiers import Json
from bridge.fhir.outcome import Refusal

MOST_PAGES = 10_000
"""Pages of one answer: a server whose links go round in a circle is not followed for ever."""

# What is asked for together with a type of resource, so that it need not be asked for one by one.
INCLUDES: Mapping[str, tuple[str, ...]] = {
    "ServiceRequest": (
        "_include=ServiceRequest:subject",
        "_include=ServiceRequest:requester",
        "_include=ServiceRequest:encounter",
    ),
    "Appointment": ("_include=Appointment:patient",),
    "Encounter": ("_include=Encounter:subject",),
    "ImagingStudy": ("_include=ImagingStudy:subject", "_include=ImagingStudy:endpoint"),
}
# Search parameters for what refers to a resource.
_PARAMETERS: Mapping[tuple[str, str], str] = {
    ("Task", "focus"): "focus",
    ("Task", "basedOn"): "based-on",
    ("ServiceRequest", "basedOn"): "based-on",
    ("Appointment", "basedOn"): "based-on",
    ("ImagingStudy", "basedOn"): "basedon",
}
# 403: one patient's compartment, say. What we may not see is not known here.
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.FORBIDDEN})
_NOT_UNDERSTOOD = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_IMPLEMENTED})


class SourceServer:
    """Asks one server; `kinds` are the types of resource that are asked for."""

    def __init__(self, client: FhirClient, url: str, kinds: Sequence[str]) -> None:
        self._client = client
        self._base = url.rstrip("/")
        self._kinds = frozenset(kinds)
        self._without_includes: set[str] = set()

    def changed(
        self, kind: str, since: str, page_size: int, parameters: str = ""
    ) -> Iterator[Json]:
        """Pages of the resources of a type that changed since then, the oldest first.

        Raises:
            TransportError: nobody was there, or the answer is no Bundle.
        """
        path: str | None = self._first(kind, since, page_size, parameters)
        for _ in range(MOST_PAGES):
            if path is None:
                return
            page = self._page(kind, path)
            yield page
            path = self._next(page)
            if path is None and (last := _unfinished(page, page_size, since)):
                since, path = last, self._first(kind, last, page_size, parameters)
        raise TransportError("the server's pages have no end", permanent=False)

    def _first(self, kind: str, since: str, page_size: int, parameters: str) -> str:
        asked = [
            *([f"_lastUpdated=ge{quote(since, safe='')}"] if since else []),
            "_sort=_lastUpdated",
            f"_count={page_size}",
            *([parameters.strip("&?")] if parameters else []),
            *(INCLUDES.get(kind, ()) if kind not in self._without_includes else ()),
        ]
        return f"{kind}?{'&'.join(asked)}"

    def _page(self, kind: str, path: str) -> Json:
        """One page; a server that does not understand what we ask to be included is asked less."""
        try:
            answer = self._client.request("GET", path)
        except Refusal as refusal:
            includes = [f"&{each}" for each in INCLUDES.get(kind, ()) if f"&{each}" in path]
            if refusal.status not in _NOT_UNDERSTOOD or not includes:
                raise
            self._without_includes.add(kind)
            for each in includes:
                path = path.replace(each, "")
            answer = self._client.request("GET", path)
        body = answer.body or {}
        if body.get("resourceType") != "Bundle":
            raise TransportError(
                "the server answered a search with no Bundle", permanent=False, response=answer.raw
            )
        return body

    def _next(self, page: Json) -> str | None:
        """The path of the next page, relative to the base."""
        links = page.get("link")
        for link in links if isinstance(links, list) else ():
            if isinstance(link, dict) and link.get("relation") == "next":
                return self._relative(str(link.get("url") or ""))
        return None

    def _relative(self, url: str) -> str | None:
        """A URL as seen from our base, whatever host it names: proxies stand between."""
        base, found = urlsplit(self._base), urlsplit(url)
        path = found.path
        if found.netloc and (found.netloc == base.netloc or path.startswith(f"{base.path}/")):
            path = path.removeprefix(base.path)
        query = f"?{found.query}" if found.query else ""
        return f"{path.lstrip('/')}{query}" or None

    def get(self, kind: str, name: str) -> Json | None:
        """A resource by its id; None when it is not, or no longer, there."""
        try:
            found = self._client.request("GET", f"{quote(kind)}/{quote(name)}").body
        except Refusal as refusal:
            if refusal.status in _GONE:
                return None
            raise
        return found if found and found.get("resourceType") == kind else None

    def local(self, reference: str) -> tuple[str, str] | None:
        """Type and id of a reference to this server; None when it leads elsewhere."""
        text = reference.partition("/_history/")[0]
        text = text.removeprefix(f"{self._base}/")
        kind, slash, name = text.partition("/")
        plain = slash and kind.isalpha() and name and "/" not in name and ":" not in text
        return (kind, name) if plain else None

    def check(self) -> str:
        """What the server says it is, for `bridge doctor`.

        Raises:
            TransportError: nobody is there, or it is no FHIR server.
        """
        statement = self._client.request("GET", "metadata").body or {}
        version = str(statement.get("fhirVersion") or "")
        if not version:
            raise TransportError("the server has no CapabilityStatement", permanent=True)
        software = statement.get("software", {}).get("name", "a server without a name")
        return f"FHIR {version}, {software}"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def resolver(self) -> SourceResolver:
        """A resolver that asks for each thing once, and knows nothing of later changes."""
        return SourceResolver(self, self._client, self._kinds)


def _unfinished(page: Json, page_size: int, since: str) -> str:
    """From when to ask on, where a server that knows no links cuts its answer short.

    Raises:
        TransportError: that cannot be told, so that something might be left out.
    """
    moments = [_updated_at(each) for each in matches(page)]
    if page.get("link") or len(moments) < page_size or page.get("total") == len(moments):
        return ""
    if moments != sorted(moments) or not moments[-1] or moments[-1] == since:
        raise TransportError(
            "the server cuts its answers short, without a link to the rest; raise page_size",
            permanent=False,
        )
    return moments[-1]


def matches(page: Json) -> Iterator[Json]:
    """The resources that were asked for; not those included with them."""
    entries = page.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        resource = entry.get("resource") if isinstance(entry, dict) else None
        search = entry.get("search") if isinstance(entry, dict) else None
        mode = search.get("mode") if isinstance(search, dict) else "match"
        if isinstance(resource, dict) and mode == "match":
            yield resource


def _updated_at(resource: Json) -> str:
    meta = resource.get("meta")
    found = meta.get("lastUpdated") if isinstance(meta, dict) else ""
    return found if isinstance(found, str) else ""


class SourceResolver:
    """Finds what resources of the server refer to; implements `reading.Resolver`."""

    def __init__(self, server: SourceServer, client: FhirClient, kinds: frozenset[str]) -> None:
        self._server = server
        self._client = client
        self._kinds = kinds
        self._read: dict[tuple[str, str], Json | None] = {}

    def read(self, reference: str) -> Json | None:
        """The resource of a literal reference to this server."""
        key = self._server.local(reference)
        if key is None:
            return None
        if key not in self._read:
            self._read[key] = self._server.get(*key)
        return self._read[key]

    def search(self, kind: str, criteria: str) -> Sequence[Json]:
        """What a conditional reference finds."""
        return self._client.search(kind, criteria)

    def referring(self, kind: str, element: str, reference: str) -> Sequence[Json]:
        """Resources that refer to one, of the types that the server is asked for."""
        parameter = _PARAMETERS.get((kind, element))
        # Requests have others below them only where Tasks are their steps, too.
        asked_with = "Task" if kind == "ServiceRequest" else kind
        if parameter is None or asked_with not in self._kinds:
            return ()
        try:
            return self._client.search(kind, f"{parameter}={quote(reference, safe='')}")
        except Refusal as refusal:
            if refusal.status in _NOT_UNDERSTOOD:
                return ()
            raise
