"""Reads: a resource, a version, a history (FHIR R4 3.1.0.2, 3.1.0.3, 3.1.0.9)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from bridge.fhir.identifiers import Json
from bridge.fhir.server.exchange import Answer, Request, instant, tags_of
from bridge.fhir.server.library import Entity, Library
from bridge.fhir.server.refusals import FhirRefusal
from bridge.fhir.server.subsetting import subset
from bridge.fhir.server.writing import headers_of
from bridge.services.keep_resources import Version

_SUMMARIES = frozenset({"", "true", "false", "data", "text"})


class Reader:
    """Reads in one transaction."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._base = library.house.base

    def read(self, type_: str, id_: str, request: Request) -> Answer:
        """The resource as it is now; 304 when the client has it."""
        entity = self._entity(type_, id_)
        if entity.gone:
            raise FhirRefusal(410, "the resource was deleted", headers=self._headers(entity))
        headers = self._headers(entity)
        if _is_known(entity, request):
            return Answer(status=304, headers=headers)
        return Answer(status=200, content=self._shaped(entity, request), headers=headers)

    def version(self, type_: str, id_: str, tag: str) -> Answer:
        """A version that was written, or that which is now."""
        entity = self._entity(type_, id_)
        if entity.tag == tag and not entity.gone and entity.content is not None:
            return Answer(status=200, content=entity.content, headers=self._headers(entity))
        kept = next((each for each in self._versions(entity) if each.tag == tag), None)
        if kept is None:
            raise FhirRefusal(404, "no such version is kept")
        if not kept.content:
            raise FhirRefusal(410, "with this version the resource was deleted")
        return Answer(status=200, content=json.loads(kept.content), headers={"ETag": f'W/"{tag}"'})

    def history(self, type_: str, id_: str) -> Answer:
        """The versions that are kept, the newest first; and what is now, if it is none of them."""
        entity = self._entity(type_, id_)
        url = f"{self._base}/{entity.place.reference}"
        versions = self._versions(entity)
        entries = [_history_entry(each, entity, url) for each in versions]
        known = {each.tag for each in versions}
        if not entity.gone and entity.content is not None and entity.tag not in known:
            now = {
                "fullUrl": url,
                "resource": entity.content,
                "request": {"method": "PUT", "url": entity.place.reference},
                "response": {
                    "status": "200 OK",
                    "etag": f'W/"{entity.tag}"',
                    "lastModified": instant(entity.updated_at),
                },
            }
            entries.insert(0, now)
        bundle = {
            "resourceType": "Bundle",
            "type": "history",
            "total": len(entries),
            "link": [{"relation": "self", "url": f"{url}/_history"}],
            **({"entry": entries} if entries else {}),
        }
        return Answer(status=200, content=bundle)

    def _entity(self, type_: str, id_: str) -> Entity:
        entity = self._library.read(type_, id_)
        if entity is None:
            raise FhirRefusal(404, f"no such {type_}")
        return entity

    def _versions(self, entity: Entity) -> list[Version]:
        kept = entity.place.resource
        return list(self._library.tx.resources.versions(kept.pk)) if kept else []

    def _headers(self, entity: Entity) -> dict[str, str]:
        found = headers_of(entity, self._base)
        del found["Location"]
        return found

    def _shaped(self, entity: Entity, request: Request) -> Json:
        if entity.content is None:
            raise FhirRefusal(
                406,
                "the resource is kept in another release of FHIR, and cannot be said in this one",
                expression="http.accept",
            )
        said = dict(request.parameters)
        summary = said.get("_summary", "")
        if summary not in _SUMMARIES:
            raise FhirRefusal(
                400, "_summary is true, false, data or text", expression="http._summary"
            )
        elements = tuple(e.strip() for e in said.get("_elements", "").split(",") if e.strip())
        return subset(entity.content, summary, elements, self._library.release)


def _is_known(entity: Entity, request: Request) -> bool:
    """Whether If-None-Match, or else If-Modified-Since, says that the client has this version."""
    header = request.header("if-none-match")
    if header:
        return bool({entity.tag, "*"} & set(tags_of(header)))
    try:
        since = parsedate_to_datetime(request.header("if-modified-since"))
    except ValueError:
        return False
    moment = since if since.tzinfo else since.replace(tzinfo=UTC)
    return datetime.fromtimestamp(int(entity.updated_at), UTC) <= moment


def _history_entry(version: Version, entity: Entity, url: str) -> Json:
    method = version.method
    status = {"POST": "201 Created", "DELETE": "204 No Content"}.get(method, "200 OK")
    target = entity.place.type if method == "POST" else entity.place.reference
    return {
        "fullUrl": url,
        **({"resource": json.loads(version.content)} if version.content else {}),
        "request": {"method": method, "url": target},
        "response": {
            "status": status,
            "etag": f'W/"{version.tag}"',
            "lastModified": instant(version.at),
        },
    }
