"""Searches: a page of what was found, what is to be taken along, and links to the other pages.

A page begins beyond a resource and not at a number: what is added meanwhile moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from bridge.fhir.identifiers import Json
from bridge.fhir.server.library import Entity, Library
from bridge.fhir.server.query import Asked, Cursor, Inclusion, Query
from bridge.fhir.server.refusals import FhirRefusal, Problem, outcome
from bridge.fhir.server.resource_types import TYPES
from bridge.fhir.server.selection import Selector
from bridge.fhir.server.subsetting import subset
from bridge.fhir.server.terms import elements, reference_parts
from bridge.services.find_records import Found, Position, Selection, Window

_LAST = 2**62
_MOST_INCLUDED = 2000
_COUNTED = 1000
"""So many are counted without being asked; `_total=accurate` counts them all."""
_ROUNDS = 4
"""How often `:iterate` is followed."""


@dataclass(frozen=True, slots=True)
class _Hit:
    section: int
    found: Found


@dataclass(frozen=True, slots=True)
class _Page:
    hits: Sequence[_Hit]
    before: bool
    after: bool


class Searcher:
    """Searches in one transaction."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._selector = Selector(library)

    def bundle(self, query: Query) -> Json:
        """The searchset Bundle of a query."""
        selections = self._selector.selections(query)
        base = self._library.house.base
        links = [{"relation": "self", "url": query.link(base)}]
        result: Json = {"resourceType": "Bundle", "type": "searchset", "link": links}
        if query.summary == "count" or query.count == 0:
            return {**result, "total": self._count(selections)}
        total = self._total(query, selections)
        if total is not None:
            result["total"] = total
        page = self._page(query, selections)
        for relation, there, at in (("next", page.after, -1), ("previous", page.before, 0)):
            if there and page.hits:
                cursor = _cursor_at(page.hits[at], backwards=relation == "previous")
                links.append({"relation": relation, "url": query.link(base, cursor)})
        entries = [*self._entries(query, page)]
        return {**result, **({"entry": entries} if entries else {})}

    def matches(self, query: Query, most: int) -> list[Entity]:
        """The first of what is found, for conditional requests."""
        wanted = replace(query, count=most, cursor=None, sort="")
        page = self._page(wanted, self._selector.selections(wanted))
        return [self._entity(query, hit) for hit in page.hits]

    def _total(self, query: Query, selections: Sequence[Selection | None]) -> int | None:
        """All there are, where that was asked for, or is said on the first page for little."""
        if query.total in ("accurate", "estimate"):
            return self._count(selections)
        if query.total == "none" or query.cursor is not None:
            return None
        counted = self._count(selections, _COUNTED + 1)
        return counted if counted <= _COUNTED else None

    def _count(self, selections: Iterable[Selection | None], at_most: int | None = None) -> int:
        records = self._library.tx.records
        return sum(records.count(each, at_most) for each in selections if each)

    # --- pages

    def _page(self, query: Query, selections: Sequence[Selection | None]) -> _Page:
        cursor = query.cursor
        backwards = cursor is not None and cursor.backwards
        by_update = query.sort.endswith("_lastUpdated")
        downwards = (query.sort == "-_lastUpdated") is not backwards
        limit = query.count + 1
        hits: list[_Hit] = []
        for section, selection in enumerate(selections):
            window = _window(section, cursor, limit, by_update=by_update, downwards=downwards)
            if selection is not None and window is not None:
                found = self._library.tx.records.find(selection, window)
                hits += [_Hit(section, each) for each in found]
        hits.sort(key=lambda hit: _key(hit, by_update=by_update), reverse=downwards)
        more = len(hits) > query.count
        hits = hits[: query.count]
        if backwards:
            return _Page(hits[::-1], before=more, after=True)
        return _Page(hits, before=cursor is not None, after=more)

    def _entity(self, query: Query, hit: _Hit) -> Entity:
        kind = query.type.kind
        if hit.section == 0 and kind is not None:
            return self._library.of_record(kind, hit.found)
        return self._library.of_resource(hit.found.pk)

    # --- entries

    def _entries(self, query: Query, page: _Page) -> Iterator[Json]:
        found = [self._entity(query, hit) for hit in page.hits]
        shown = [each for each in found if each.content is not None]
        for each in shown:
            yield self._entry(each, "match", query)
        for each in self._included(query, shown):
            yield self._entry(each, "include", query)
        if len(shown) < len(found):
            text = f"{len(found) - len(shown)} resources cannot be said in this release of FHIR"
            told = outcome([Problem("incomplete", text, severity="warning")])
            yield {"resource": told, "search": {"mode": "outcome"}}

    def _entry(self, entity: Entity, mode: str, query: Query) -> Json:
        resource = entity.content or {}
        if mode == "match":
            resource = subset(resource, query.summary, query.elements, self._library.release)
        full_url = f"{self._library.house.base}/{entity.place.reference}"
        return {"fullUrl": full_url, "resource": resource, "search": {"mode": mode}}

    # --- what is taken along

    def _included(self, query: Query, found: Sequence[Entity]) -> list[Entity]:
        seen = {each.place.reference for each in found}
        included: list[Entity] = []
        newest: list[Entity] = list(found)
        for round_ in range(_ROUNDS if _iterates(query) else 1):
            candidates = self._next_to(query, newest, first=round_ == 0)
            room = _MOST_INCLUDED - len(included)
            newest = []
            for each in islice(candidates, room):
                if each.place.reference not in seen and each.content is not None:
                    seen.add(each.place.reference)
                    newest.append(each)
            included += newest
        return included

    def _next_to(
        self, query: Query, entities: Sequence[Entity], *, first: bool
    ) -> Iterator[Entity]:
        for inclusion in query.includes:
            if first or inclusion.iterates:
                yield from self._referred(inclusion, entities)
        for inclusion in query.revincludes:
            if first or inclusion.iterates:
                yield from self._referring(inclusion, entities)

    def _referred(self, inclusion: Inclusion, entities: Iterable[Entity]) -> Iterator[Entity]:
        for entity in entities:
            type_ = TYPES[entity.place.type]
            if inclusion.type not in ("*", type_.name):
                continue
            for name in type_.includes:
                if inclusion.parameter not in ("*", name):
                    continue
                parameter = type_.parameter(name)
                for path in parameter.paths if parameter else ():
                    yield from self._at(entity.content or {}, path, inclusion.target)

    def _at(self, content: Json, path: str, target: str) -> Iterator[Entity]:
        for value in elements(content, path.split(".")):
            reference = value.get("reference") if isinstance(value, dict) else None
            if isinstance(reference, dict):
                reference = reference.get("reference")
            parts = reference_parts(str(reference or ""), self._library.house.base)
            if parts and target in ("", parts[0]):
                entity = self._library.read(*parts)
                if entity is not None and not entity.gone:
                    yield entity

    def _referring(self, inclusion: Inclusion, entities: Sequence[Entity]) -> Iterator[Entity]:
        type_ = TYPES[inclusion.type]
        names = type_.includes if inclusion.parameter == "*" else (inclusion.parameter,)
        for name in names:
            parameter = type_.parameter(name)
            wanted = tuple(
                each.place.reference
                for each in entities
                if parameter and each.place.type in parameter.targets
            )
            if parameter and wanted:
                query = Query(type=type_, asked=(Asked(parameter, wanted),))
                yield from self.matches(query, _MOST_INCLUDED)


def _iterates(query: Query) -> bool:
    return any(each.iterates for each in (*query.includes, *query.revincludes))


def _key(hit: _Hit, *, by_update: bool) -> tuple[float, int, int]:
    return (hit.found.updated_at if by_update else 0.0, hit.section, hit.found.pk)


def _cursor_at(hit: _Hit, *, backwards: bool) -> Cursor:
    return Cursor(hit.section, hit.found.updated_at, hit.found.pk, backwards)


def _window(
    section: int, cursor: Cursor | None, limit: int, *, by_update: bool, downwards: bool
) -> Window | None:
    """Where a section goes on after the cursor; None when it has been passed."""
    window = Window(limit=limit, by_update=by_update, backwards=downwards)
    if cursor is None:
        return window
    if cursor.section == section:
        return replace(window, beyond=Position(cursor.updated_at, cursor.pk))
    # The other section: of the same moment, its rows stand all before or all behind the cursor's.
    passed = (section < cursor.section) is not downwards
    if not by_update:
        return None if passed else window
    edge = _LAST if passed is not downwards else -1
    return replace(window, beyond=Position(cursor.updated_at, edge))


def conditional(searcher: Searcher, query: Query, where: str) -> Entity | None:
    """The one resource that criteria find; None when there is none (R4 3.1.0.4.1).

    Raises:
        FhirRefusal: 412 when there are several, or when the criteria say nothing.
    """
    if not query.asked:
        text = "the criteria name no parameter that is searched by"
        raise FhirRefusal(412, text, code="required", expression=where)
    found = searcher.matches(query, 2)
    if len(found) > 1:
        text = "the criteria find several resources"
        raise FhirRefusal(412, text, code="multiple-matches", expression=where)
    return found[0] if found else None
