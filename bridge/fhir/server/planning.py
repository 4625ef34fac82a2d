"""Which resource each operation means, and what its references mean, before anything is written.

FHIR R4 3.1.0.4.1 and 3.1.0.5.3 (conditional create and update), 3.1.0.11.2 (transactions).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from bridge.fhir.identifiers import Json
from bridge.fhir.server.exchange import tags_of
from bridge.fhir.server.library import Entity, Library, is_derived
from bridge.fhir.server.operations import ID, Operation
from bridge.fhir.server.patches import patched
from bridge.fhir.server.query import read_query
from bridge.fhir.server.refusals import FhirRefusal
from bridge.fhir.server.resource_types import TYPES
from bridge.fhir.server.searching import Searcher, conditional

NO_META = ("versionId", "lastUpdated")
"""What only the server says of a version."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An operation whose identity is known: which resource it writes, and what is there now.

    `does` is `write`, `delete` or `nothing`.
    """

    operation: Operation
    id: str
    present: Entity | None
    resource: Json | None = None
    does: str = "write"

    @property
    def reference(self) -> str:
        """Type and id."""
        return f"{self.operation.type}/{self.id}"

    @property
    def is_new(self) -> bool:
        """Whether there is no such resource now."""
        return self.present is None or self.present.gone


class Planner:
    """Plans the writes of one transaction."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._tx = library.tx

    def plans(self, operations: Sequence[Operation], names: Mapping[str, str]) -> list[Plan]:
        """The plan of each operation. `names` are further names of resources, by `fullUrl`.

        Raises:
            FhirRefusal: an operation means nothing that can be written.
        """
        plans = [self._identified(each) for each in operations]
        _demand_distinct(plans)
        known = _names_of(plans)
        for name, full_url in names.items():
            known.setdefault(name, known.get(full_url, name))
        return [self._with_references(plan, known) for plan in plans]

    # --- which resource is meant

    def _identified(self, operation: Operation) -> Plan:
        steps: dict[str, Callable[[Operation], Plan]] = {
            "POST": self._create,
            "PUT": self._update,
            "PATCH": self._patch,
            "DELETE": self._deletion,
        }
        return steps[operation.method](operation)

    def _create(self, operation: Operation) -> Plan:
        if operation.id or operation.criteria:
            text = "a create is addressed to the type"
            raise FhirRefusal(400, text, expression=operation.expression)
        if operation.if_none_exist:
            found = self._matching(operation, operation.if_none_exist)
            if found is not None:
                return Plan(operation, found.place.id, found, does="nothing")
        return self._planned(operation, str(uuid.uuid4()), None, _resource(operation))

    def _update(self, operation: Operation) -> Plan:
        resource = _resource(operation)
        said = resource.get("id")
        if operation.criteria:
            found = self._matching(operation, operation.criteria)
            if found is not None:
                if said is not None and said != found.place.id:
                    text = "the criteria find a resource of another id"
                    raise FhirRefusal(400, text, expression=f"{operation.expression}.id")
                return self._planned(operation, found.place.id, found, resource)
            name = said if isinstance(said, str) and said else str(uuid.uuid4())
        else:
            name = operation.id
            if said != name:
                text = "the id of the resource is that of the address"
                raise FhirRefusal(400, text, code="value", expression=f"{operation.expression}.id")
        if not ID.fullmatch(name):
            text = "no logical id"
            raise FhirRefusal(400, text, code="value", expression=f"{operation.expression}.id")
        present = self._library.read(operation.type, name)
        if present is None and is_derived(name):
            text = "ids of this form are given here"
            raise FhirRefusal(
                422, text, code="business-rule", expression=f"{operation.expression}.id"
            )
        return self._planned(operation, name, present, resource)

    def _patch(self, operation: Operation) -> Plan:
        present = self._present(operation)
        if present.content is None:
            raise FhirRefusal(409, "the resource is kept in another release of FHIR")
        bare = {k: v for k, v in present.content.get("meta", {}).items() if k not in NO_META}
        before = {**present.content, "meta": bare}
        if not bare:
            del before["meta"]
        after = patched(before, operation.patch or [])
        return self._planned(operation, present.place.id, present, after)

    def _deletion(self, operation: Operation) -> Plan:
        if operation.criteria:
            found = self._matching(operation, operation.criteria)
            if found is None:
                return Plan(operation, "", None, does="nothing")
        else:
            found = self._library.read(operation.type, operation.id)
            if found is None:
                raise FhirRefusal(404, "no such resource", expression=operation.expression)
        _demand_match(operation, found)
        return Plan(operation, found.place.id, found, does="nothing" if found.gone else "delete")

    def _present(self, operation: Operation) -> Entity:
        if operation.criteria:
            found = self._matching(operation, operation.criteria)
        else:
            found = self._library.read(operation.type, operation.id)
        if found is None:
            raise FhirRefusal(404, "no such resource", expression=operation.expression)
        if found.gone:
            raise FhirRefusal(410, "the resource was deleted", expression=operation.expression)
        return found

    def _matching(self, operation: Operation, criteria: str) -> Entity | None:
        pairs = parse_qsl(criteria.partition("?")[2] or criteria, keep_blank_values=True)
        query = read_query(TYPES[operation.type], pairs, strict=True)
        # Two at once that find nothing must not both create.
        self._tx.resources.hold(f"{operation.type}?{sorted(query.used)}")
        where = operation.expression
        return conditional(Searcher(self._library), query, where)

    def _planned(
        self, operation: Operation, name: str, present: Entity | None, resource: Json
    ) -> Plan:
        _demand_match(operation, present)
        return Plan(operation, name, present, {**resource, "id": name})

    # --- what refers to what

    def _with_references(self, plan: Plan, names: dict[str, str]) -> Plan:
        if plan.resource is None or plan.does != "write":
            return plan
        at = plan.operation.expression or plan.operation.type
        return replace(plan, resource=self._rewritten(plan.resource, names, at))

    def _rewritten(self, value: Any, names: dict[str, str], at: str) -> Any:
        """The value with references by `fullUrl` and by criteria made literal."""
        if isinstance(value, list):
            return [self._rewritten(v, names, f"{at}[{i}]") for i, v in enumerate(value)]
        if not isinstance(value, dict):
            return value
        result = {k: self._rewritten(v, names, f"{at}.{k}") for k, v in value.items()}
        text = value.get("reference")
        if isinstance(text, str):
            result["reference"] = self._literal(text, names, f"{at}.reference")
        return result

    def _literal(self, text: str, names: dict[str, str], at: str) -> str:
        if text in names:
            return names[text]
        kind, mark, criteria = text.partition("?")
        if not mark or kind not in TYPES:
            return text
        query = read_query(TYPES[kind], parse_qsl(criteria), strict=True)
        found = conditional(Searcher(self._library), query, at)
        if found is None:
            text = "the conditional reference finds nothing"
            raise FhirRefusal(412, text, code="not-found", expression=at)
        return found.place.reference


def _names_of(plans: Iterable[Plan]) -> dict[str, str]:
    """`fullUrl` → reference; one that ends in `Type/id` is also referred to by that alone."""
    names: dict[str, str] = {}
    for plan in plans:
        full_url = plan.operation.full_url
        if full_url:
            names[full_url] = plan.reference
            short = "/".join(full_url.split("/")[-2:])
            if short.startswith(f"{plan.operation.type}/"):
                names.setdefault(short, plan.reference)
    return names


def _resource(operation: Operation) -> Json:
    resource = operation.resource
    at = operation.expression
    if resource is None:
        raise FhirRefusal(400, "the resource is missing", code="required", expression=at)
    kind = resource.get("resourceType")
    if kind != operation.type:
        text = f"the address is of {operation.type}, the resource is not"
        raise FhirRefusal(400, text, code="invalid", expression=f"{at}.resourceType".lstrip("."))
    return resource


def _demand_match(operation: Operation, present: Entity | None) -> None:
    """If-Match and If-None-Match (R4 3.1.0.5.1; RFC 9110 13.1)."""
    at = operation.expression
    if operation.if_match:
        wanted = tags_of(operation.if_match)
        if present is None or present.gone or not {present.tag, "*"} & set(wanted):
            raise FhirRefusal(412, "the resource is of another version now", expression=at)
    exists = present is not None and not present.gone
    if operation.method == "PUT" and operation.if_none_match.strip() == "*" and exists:
        raise FhirRefusal(412, "the resource exists", code="duplicate", expression=at)


def _demand_distinct(plans: Iterable[Plan]) -> None:
    """No resource twice in a transaction (R4 3.1.0.11.2)."""
    seen: set[str] = set()
    for plan in plans:
        if plan.does == "nothing":
            continue
        if plan.reference in seen:
            text = "the transaction writes one resource twice"
            at = plan.operation.expression
            raise FhirRefusal(400, text, code="duplicate", expression=at)
        seen.add(plan.reference)
