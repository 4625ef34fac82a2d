"""What a written resource refers to and does not hold itself, as its readers need it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

from bridge.domain.order_state import state_of
from bridge.fhir.identifiers import Json
from bridge.fhir.server.library import Library, Place
from bridge.fhir.server.query import read_query
from bridge.fhir.server.resource_types import TYPES
from bridge.fhir.server.searching import Searcher
from bridge.fhir.server.statuses import ORDER_STATUS
from bridge.fhir.server.terms import reference_parts
from bridge.services.find_records import RecordKind

_MOST = 20

# Element that refers → the search parameter that finds who does.
_PARAMETERS = {
    ("Task", "focus"): "focus",
    ("Task", "basedOn"): "based-on",
    ("ServiceRequest", "basedOn"): "based-on",
    ("Appointment", "basedOn"): "based-on",
    ("ImagingStudy", "basedOn"): "basedon",
}


class KeptResolver:
    """Implements `fhir.reading.Resolver` over what is kept.

    What was received is given as it was received, for it says what its sender wants; how things
    stand here would be read as a wish.
    """

    def __init__(self, library: Library, leave_out: frozenset[str] = frozenset()) -> None:
        self._library = library
        self._leave_out = leave_out

    def read(self, reference: str) -> Json | None:
        """The resource of a literal reference; None when it is not here, or deleted."""
        parts = reference_parts(reference, self._library.house.base)
        place = self._library.locate(*parts) if parts else None
        return self._as_said(place) if place else None

    def search(self, kind: str, criteria: str) -> Sequence[Json]:
        """The resources that a conditional reference finds."""
        if kind not in TYPES:
            return ()
        query = read_query(TYPES[kind], parse_qsl(criteria), strict=True)
        if not query.asked:
            return ()
        found = Searcher(self._library).matches(query, _MOST)
        resources = (self._as_said(each.place) for each in found)
        return [each for each in resources if each is not None]

    def referring(self, kind: str, element: str, reference: str) -> Sequence[Json]:
        """Received resources of a type whose element refers to that."""
        parameter = _PARAMETERS.get((kind, element))
        if parameter is None:
            return ()
        kept = self._library.tx.resources.with_term(kind, parameter, reference)
        found = (
            self._as_said(Place(type=each.type, id=each.id, resource=each))
            for each in kept
            if f"{each.type}/{each.id}" not in self._leave_out
        )
        return [each for each in found if each is not None]

    def _as_said(self, place: Place) -> Json | None:
        kept = place.resource
        if kept is not None and not kept.deleted:
            if kept.release != self._library.release.value:
                return self._library.entity(place).content
            content = {**json.loads(kept.content), "id": place.id}
            current = self._library.entity(place).content or {}
            # The numbers that the order was given here are its own as well.
            numbers = {k: v for k, v in current.items() if k == "identifier"}
            return {**content, **numbers}
        rendered = self._library.entity(place).content
        if rendered and place.kind is RecordKind.ORDER and place.pk is not None:
            return {**rendered, "status": self._status_but_for_the_hold(place.pk)}
        return rendered

    def _status_but_for_the_hold(self, order_pk: int) -> str:
        """What keeps an order off the worklist is our reason, and nobody's wish."""
        order = self._library.tx.orders.get(order_pk)
        return ORDER_STATUS[state_of(replace(order, held_reason=""))]
