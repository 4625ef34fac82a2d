"""Writes: identities first, then the events of all, then the documents; in one transaction.

FHIR R4 3.1.0.4 to 3.1.0.8 (create, update, patch, delete) and 3.1.0.11 (transaction).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bridge.domain.events import Noted
from bridge.fhir.identifiers import Json
from bridge.fhir.reading import (
    EntryReading,
    FhirReading,
    FhirSender,
    read_deletion,
    read_resources,
)
from bridge.fhir.server.binding import Binder
from bridge.fhir.server.exchange import Answer, etag, http_date
from bridge.fhir.server.library import Entity, Library, Place, dump
from bridge.fhir.server.operations import Operation
from bridge.fhir.server.planning import NO_META, Plan, Planner
from bridge.fhir.server.refusals import FhirRefusal, Problem, outcome
from bridge.fhir.server.resolving import KeptResolver
from bridge.fhir.server.terms import terms_of
from bridge.services.answer_request import Apply
from bridge.services.find_records import RecordKind
from bridge.services.keep_resources import Resource, Version


class Writer:
    """Writes in one transaction, at the time `now`."""

    def __init__(self, library: Library, sender: FhirSender, apply: Apply, now: float) -> None:
        self._library = library
        self._sender = sender
        self._apply = apply
        self._now = now
        self._tx = library.tx
        self._newest: dict[RecordKind, int] = {}
        self._reading = FhirReading(entries=())

    def write(
        self,
        operations: Sequence[Operation],
        preference: str = "",
        frame: Json | None = None,
        names: Mapping[str, str] | None = None,
    ) -> list[Answer]:
        """Do all or nothing; the answers are in the operations' order.

        `frame` is the message that the operations were made of: what else it holds is read with
        them. `names` are further names that its resources refer to each other by.

        Raises:
            BridgeError: one cannot be done; its location is where it stands.
        """
        plans = Planner(self._library).plans(operations, names or {})
        for plan in plans:
            if plan.does == "delete":
                self._delete(plan)
        written = [plan for plan in plans if plan.does == "write"]
        entries = self._read_and_apply(written, frame)
        kept = self._keep(written, entries)
        return [self._answer(plan, kept, preference) for plan in plans]

    # --- events

    def _read_and_apply(self, plans: Sequence[Plan], frame: Json | None) -> Sequence[EntryReading]:
        if not plans:
            return ()
        reading = self._read(plans, frame)
        _demand_readable(reading)
        noted = Noted(reason=reading.note or "kept as it was received")
        for kind in _ROWS:
            self._newest[kind] = self._tx.records.newest(kind)
        self._apply(reading.events or (noted,), reading.warnings)
        self._reading = reading
        places = {plan.operation.index for plan in plans}
        return [each for each in reading.entries if each.index in places]

    def _read(self, plans: Sequence[Plan], frame: Json | None) -> FhirReading:
        own = frozenset(plan.reference for plan in plans)
        resolver = KeptResolver(self._library, own)
        if len(plans) == 1 and plans[0].operation.index is None:
            return read_resources(plans[0].resource or {}, self._sender, resolver)
        # Entries keep their places, so that what is wrong is told of where it stands.
        places = {plan.operation.index: plan for plan in plans}
        others = (frame or {}).get("entry", ())
        last = max(len(others) - 1, *(index for index in places if index is not None))
        entries = [
            self._entry(places[index]) if index in places else _other(others, index)
            for index in range(last + 1)
        ]
        whole = frame or {"resourceType": "Bundle", "type": "transaction"}
        return read_resources({**whole, "entry": entries}, self._sender, resolver)

    def _entry(self, plan: Plan) -> Json:
        return {
            "fullUrl": f"{self._library.house.base}/{plan.reference}",
            "resource": plan.resource,
            "request": {"method": "PUT", "url": plan.reference},
        }

    def _delete(self, plan: Plan) -> None:
        present = plan.present
        if present is None:
            return
        said = KeptResolver(self._library).read(present.place.reference)
        if said is not None:
            at = plan.operation.expression
            reading = read_deletion(said, self._sender, KeptResolver(self._library), at)
            if reading.error is not None:
                raise reading.error
            noted = Noted(reason=reading.note or "deleted")
            self._apply(reading.events or (noted,))
        self._bury(present.place)

    # --- documents

    def _bury(self, place: Place) -> None:
        kept = place.resource or Resource(
            pk=0,
            type=place.type,
            id=place.id,
            release=self._library.release.value,
            version=0,
            content=b"{}",
            deleted=False,
            created_at=self._now,
            updated_at=self._now,
            record_kind=place.kind,
            record_pk=place.pk,
            primary=True,
        )
        version = kept.version + 1
        buried = replace(kept, version=version, deleted=True, updated_at=self._now)
        pk = self._tx.resources.put(buried, ())
        self._add_version(pk, version, f"{version}-deleted", "DELETE", b"")

    def _keep(self, plans: Sequence[Plan], entries: Sequence[EntryReading]) -> dict[str, Entity]:
        """Keep the documents, and then render each, when all ids are known."""
        if not plans:
            return {}
        fresh = self._fresh()
        binder = Binder(fresh, self._reading)
        pks = {
            plan.reference: self._put(plan, entry, binder)
            for plan, entry in zip(plans, entries, strict=True)
        }
        self._note_projections(plans, pks)
        fresh = self._fresh()
        kept: dict[str, Entity] = {}
        for plan in plans:
            entity = fresh.read(plan.operation.type, plan.id)
            if entity is None or entity.place.resource is None:
                raise AssertionError("what was just written can be read")
            pk = pks[plan.reference]
            version = entity.place.resource.version
            method = "POST" if plan.operation.method == "POST" else "PUT"
            self._add_version(pk, version, entity.tag, method, dump(entity.content))
            kept[plan.reference] = entity
        return kept

    def _note_projections(self, plans: Sequence[Plan], pks: Mapping[str, int]) -> None:
        """What the rows look like now that they have their ids."""
        fresh = self._fresh()
        for plan in plans:
            place = fresh.locate(plan.operation.type, plan.id)
            if place is None or place.kind is None or place.pk is None:
                continue
            projected = fresh.projection(place.kind, place.pk)
            if projected is not None:
                self._tx.resources.set_projection(pks[plan.reference], dump(projected))

    def _fresh(self) -> Library:
        """The library as it is now: it remembers what rows looked like."""
        return Library(self._tx, self._library.house, self._library.release)

    def _put(self, plan: Plan, entry: EntryReading, binder: Binder) -> int:
        resource = plan.resource or {}
        row = binder.row_of(entry, resource)
        before = plan.present.place.resource if plan.present else None
        content = json.dumps(_without_version(resource), ensure_ascii=False).encode()
        kept = Resource(
            pk=before.pk if before else 0,
            type=plan.operation.type,
            id=plan.id,
            release=self._library.release.value,
            version=before.version + 1 if before else 1,
            content=content,
            deleted=False,
            created_at=before.created_at if before else self._now,
            updated_at=self._now,
            record_kind=row[0] if row else None,
            record_pk=row[1] if row else None,
            primary=row is not None and self._is_primary(plan, row),
        )
        terms = terms_of(resource, self._library.house.base, self._library.house.site.zone)
        return self._tx.resources.put(kept, terms)

    def _is_primary(self, plan: Plan, row: tuple[RecordKind, int]) -> bool:
        """A row is served under the id of what created it, or was written under its own.

        Steps come about with their order: the first Task that tells of one gives it its id.
        """
        kind, pk = row
        if plan.id == f"{kind.value}-{pk}":
            return True
        others = [r for r in self._tx.resources.standing_for(kind, pk) if r.id != plan.id]
        if any(each.primary for each in others):
            return False
        before = plan.present.place.resource if plan.present else None
        was = before is not None and before.primary and before.record_pk == pk
        return was or kind is RecordKind.STEP or pk > self._newest[kind]

    def _add_version(self, pk: int, version: int, tag: str, method: str, content: bytes) -> None:
        kept = Version(
            version=version,
            tag=tag,
            method=method,
            release=self._library.release.value,
            content=content,
            at=self._now,
        )
        self._tx.resources.add_version(pk, kept)

    # --- answers

    def _answer(self, plan: Plan, kept: dict[str, Entity], preference: str) -> Answer:
        if plan.operation.method == "DELETE":
            return Answer(status=204)
        entity = kept.get(plan.reference) or plan.present
        if entity is None:
            raise AssertionError("what was written can be read")
        status = 201 if plan.is_new and plan.does == "write" else 200
        return Answer(
            status=status,
            content=self._body(entity, preference),
            headers=headers_of(entity, self._library.house.base),
            updated_at=entity.updated_at,
        )

    def _body(self, entity: Entity, preference: str) -> Json | None:
        if preference == "minimal":
            return None
        if preference == "operationoutcome":
            told = [Problem("informational", "kept", severity="information")]
            warnings = self._reading.warnings
            told += [Problem("informational", each, severity="warning") for each in warnings]
            return outcome(told)
        return entity.content


def _other(entries: Sequence[Json], index: int) -> Json:
    """An entry that writes nothing: what a message holds besides, else nothing to be read."""
    if index < len(entries):
        return entries[index]
    return {"request": {"method": "GET", "url": "metadata"}}


_ROWS: tuple[RecordKind, ...] = tuple(
    kind for kind in RecordKind if kind is not RecordKind.RESOURCE
)


def headers_of(entity: Entity, base: str) -> dict[str, str]:
    """ETag, Last-Modified and Location of a resource."""
    return {
        "ETag": etag(entity.tag),
        "Last-Modified": http_date(entity.updated_at),
        "Location": f"{base}/{entity.place.reference}/_history/{entity.tag}",
    }


def _demand_readable(reading: FhirReading) -> None:
    """All that is wrong with the form of any entry at once, else the first error."""
    problems = [
        Problem(issue.code, issue.text, issue.expression, issue.severity)
        for entry in reading.entries
        for issue in entry.issues
    ]
    if any(problem.severity == "error" for problem in problems):
        first = next(problem for problem in problems if problem.severity == "error")
        raise FhirRefusal(
            422, first.text, code=first.code, expression=first.expression, problems=problems
        )
    if reading.error is not None:
        raise reading.error


def _without_version(resource: Json) -> Json:
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in NO_META}
    bare = {k: v for k, v in resource.items() if k != "meta"}
    return {**bare, "meta": meta} if meta else bare
