"""What is served under which id: rows of the domain as resources, resources as received, or both.

A row has the id of the primary resource that stands for it, else one made of its kind and number.
What was received comes back as it was written, with what the domain says otherwise by now.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.domain.order import Order
from bridge.fhir.bundle import Links, linked
from bridge.fhir.identifiers import Json
from bridge.fhir.imaging_study import Rendering, imaging_study, requests_of, study_identifier
from bridge.fhir.patient import patient_resource
from bridge.fhir.reading import check_resource
from bridge.fhir.releases import Release, in_release
from bridge.fhir.server.exchange import instant
from bridge.fhir.server.order_resources import HeldOrder, Site, service_request, task
from bridge.fhir.server.resource_types import TYPE_OF_KIND, TYPES
from bridge.fhir.server.statuses import ALIKE
from bridge.fhir.server.terms import elements, tokens
from bridge.fhir.server.visit_resources import HeldAppointment, appointment, encounter
from bridge.services.find_records import Found, RecordKind
from bridge.services.keep_resources import Resource
from bridge.services.publish_study import gather, subject_of
from bridge.services.transaction import Transaction

_DERIVED = re.compile(r"(patient|order|step|study|visit|appointment)-([1-9]\d{0,17})")
_STUDY = "ImagingStudy"
_KEPT_META = ("source", "profile", "security", "tag", "extension")


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What resources depend on besides what is kept: the base address, the site, our endpoint."""

    base: str
    site: Site
    rendering: Rendering
    source: str = ""
    endpoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a resource is kept: as received, as a row of the domain, or both."""

    type: str
    id: str
    resource: Resource | None = None
    kind: RecordKind | None = None
    pk: int | None = None

    @property
    def reference(self) -> str:
        """Type and id."""
        return f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A resource as it is served: content with id and meta, its version and when it changed.

    `content` is None when it cannot be said in the release that is asked for; `gone` when it was
    deleted.
    """

    place: Place
    tag: str
    updated_at: float
    content: Json | None = None
    gone: bool = False


def derived_id(kind: RecordKind, pk: int) -> str:
    """The id of a row that no resource was received for."""
    return f"{kind.value}-{pk}"


def is_derived(id_: str) -> bool:
    """Whether an id is of the form that we make: no client may choose such a one."""
    return _DERIVED.fullmatch(id_) is not None


class Library:
    """Everything that can be read in one transaction, in one release."""

    def __init__(self, tx: Transaction, house: House, release: Release) -> None:
        self.tx = tx
        self.house = house
        self.release = release
        self._projected: dict[tuple[RecordKind, int], Json | None] = {}

    def locate(self, type_: str, id_: str) -> Place | None:
        """Where the resource of this type and id is; None when there never was one."""
        kept = self.tx.resources.get(type_, id_)
        if kept is not None:
            return self._place(kept)
        match = _DERIVED.fullmatch(id_)
        if match is None or TYPES[type_].kind is not RecordKind(match[1]):
            return None
        kind, pk = RecordKind(match[1]), int(match[2])
        if self.tx.records.found(kind, pk) is None or self.projection(kind, pk) is None:
            return None
        return Place(type=type_, id=id_, kind=kind, pk=pk)

    def rows_with_term(self, type_: str, parameter: str, value: str) -> list[int]:
        """The rows that received resources with this term stand for."""
        kept = self.tx.resources.with_term(type_, parameter, value)
        places = (self._place(each) for each in kept)
        return [place.pk for place in places if place.pk is not None]

    def read(self, type_: str, id_: str) -> Entity | None:
        """The resource of this type and id."""
        place = self.locate(type_, id_)
        return None if place is None else self.entity(place)

    def of_record(self, kind: RecordKind, found: Found) -> Entity:
        """The resource that a row of the domain is served as."""
        primary = self._primary(kind, found.pk)
        type_ = TYPE_OF_KIND[kind]
        id_ = primary.id if primary else derived_id(kind, found.pk)
        return self.entity(Place(type=type_, id=id_, resource=primary, kind=kind, pk=found.pk))

    def of_resource(self, pk: int) -> Entity:
        """The resource that was received and stands for no row."""
        return self.entity(self._place(self.tx.resources.by_pk(pk)))

    def name_of(self, kind: RecordKind, pk: int) -> str:
        """`Type/id` of the resource that a row is served as."""
        primary = self._primary(kind, pk)
        return f"{TYPE_OF_KIND[kind]}/{primary.id if primary else derived_id(kind, pk)}"

    def record_of(self, type_: str, id_: str) -> tuple[RecordKind, int] | None:
        """The row that a resource stands for; a merged patient's is the survivor's."""
        place = self.locate(type_, id_)
        if place is None or place.kind is None or place.pk is None:
            return None
        if place.kind is RecordKind.PATIENT:
            return place.kind, self.tx.records.survivor(place.pk) or place.pk
        return place.kind, place.pk

    def entity(self, place: Place) -> Entity:
        """The resource of a place, rendered."""
        projected = None
        if place.kind is not None and place.pk is not None:
            projected = self.projection(place.kind, place.pk)
        kept = place.resource
        gone = self._is_gone(place, projected)
        content = None if gone else self._content(kept, projected)
        return self._rendered(place, content, projected, gone=gone)

    def _is_gone(self, place: Place, projected: Json | None) -> bool:
        """Deleted, and not come back by another way since; a merged patient leads on."""
        deleted = place.resource is not None and place.resource.deleted
        if place.kind is None or place.pk is None or projected is None:
            return deleted or place.resource is None
        if place.kind is not RecordKind.PATIENT:
            return deleted and not self.tx.records.is_shown(place.kind, place.pk)
        if self.tx.records.survivor(place.pk) is not None:
            return deleted
        return not self.tx.records.is_shown(place.kind, place.pk)

    def _rendered(
        self, place: Place, content: Json | None, projected: Json | None, *, gone: bool
    ) -> Entity:
        kept = place.resource
        updated_at = kept.updated_at if kept else 0.0
        if place.kind is not None and place.pk is not None:
            found = self.tx.records.found(place.kind, place.pk)
            updated_at = max(updated_at, found.updated_at if found else 0.0)
        bare = {k: v for k, v in (content or {}).items() if k not in ("id", "meta")}
        digest = hashlib.sha256(dump([self.release, bare])).hexdigest()[:10]
        tag = f"{kept.version if kept else 0}-{digest}"
        if content is not None:
            meta = {k: v for k, v in content.get("meta", {}).items() if k in _KEPT_META}
            if self.house.source and kept is None:
                meta["source"] = self.house.source
            meta = {"versionId": tag, "lastUpdated": instant(updated_at), **meta}
            type_ = content["resourceType"]
            content = {"resourceType": type_, "id": place.id, "meta": meta, **bare}
        return Entity(
            place=place,
            tag=tag,
            updated_at=updated_at,
            content=content,
            gone=gone,
        )

    def _content(self, kept: Resource | None, projected: Json | None) -> Json | None:
        if kept is None or kept.deleted:
            return self._in_release(projected)
        received: Json = json.loads(kept.content)
        if kept.release == self.release.value:
            then = json.loads(kept.projection) if kept.projection else {}
            now = self._in_release(projected)
            return received if now is None else overlaid(received, self._in_release(then), now)
        if projected is not None:
            return self._in_release(projected)
        fits = not check_resource(received, self.release)
        return received if fits else None

    def _in_release(self, resource: Json | None) -> Json | None:
        return in_release(resource, self.release) if resource else None

    def projection(self, kind: RecordKind, pk: int) -> Json | None:
        """A row of the domain as an R4 resource without id; None when it cannot be one."""
        if (kind, pk) not in self._projected:
            self._projected[kind, pk] = _PROJECTIONS[kind](self, pk)
        return self._projected[kind, pk]

    def _primary(self, kind: RecordKind, pk: int) -> Resource | None:
        if kind is RecordKind.STUDY:
            return self._announced(pk)
        kept = self.tx.resources.standing_for(kind, pk)
        return next((each for each in kept if each.primary), None)

    def _announced(self, study_pk: int) -> Resource | None:
        """An ImagingStudy that was received before, or beside, the images."""
        system, value = study_identifier(self.tx.studies.get(study_pk).study_instance_uid)
        kept = self.tx.resources.with_term(_STUDY, "identifier", f"{system}|{value}")
        return kept[0] if kept else None

    def _place(self, kept: Resource) -> Place:
        kind, pk = kept.record_kind, kept.record_pk
        if kept.type == _STUDY:
            kind, pk = RecordKind.STUDY, self._study_of(kept)
        if pk is None or kind is None or self.tx.records.found(kind, pk) is None:
            kind = pk = None
        return Place(type=kept.type, id=kept.id, resource=kept, kind=kind, pk=pk)

    def _study_of(self, kept: Resource) -> int | None:
        uid = study_uid(json.loads(kept.content))
        study = self.tx.studies.find(uid) if uid else None
        return study.pk if study and self.projection(RecordKind.STUDY, study.pk) else None

    # --- one method for each kind of row

    def patient(self, pk: int) -> Json | None:
        """Patient; one that was merged names its survivor, and nothing else is said of it."""
        survivor = self.tx.records.survivor(pk)
        if survivor is not None:
            other = {"reference": self.name_of(RecordKind.PATIENT, survivor)}
            link = {"other": other, "type": "replaced-by"}
            return {"resourceType": "Patient", "active": False, "link": [link]}
        patient = self.tx.patients.get(pk)
        if not patient.identifiers:
            return None
        return {**patient_resource(patient, self.house.site.systems), "active": True}

    def order(self, pk: int) -> Json | None:
        """ServiceRequest."""
        held = self.held_order(self.tx.orders.get(pk))
        return service_request(held, self.house.site, self.name_of)

    def step(self, pk: int) -> Json | None:
        """Task."""
        orders = self.tx.orders.with_steps([pk])
        if not orders:
            return None
        return task(self.held_order(orders[0]), pk, self.house.site, self.name_of)

    def study(self, pk: int) -> Json | None:
        """ImagingStudy."""
        published = gather(self.tx, subject_of(self.tx.studies.get(pk).study_instance_uid), "")
        if published is None:
            return None
        links = Links(
            patient=self.name_of(RecordKind.PATIENT, published.patient.pk),
            endpoints=self.house.endpoints,
            requests=[
                self.name_of(RecordKind.ORDER, each.order.pk) for each in requests_of(published)
            ],
        )
        resource = linked(imaging_study(published, self.house.rendering), links, "")
        return {name: value for name, value in resource.items() if name != "meta"}

    def visit(self, pk: int) -> Json | None:
        """Encounter."""
        visit = self.tx.visits.get(pk)
        if visit is None:
            return None
        patient = self.tx.patients.get(visit.patient_pk)
        return encounter(visit, patient, self.house.site, self.name_of)

    def appointment(self, pk: int) -> Json | None:
        """Appointment."""
        held = self.tx.appointments.get(pk)
        orders = self.tx.orders.with_steps(held.step_pks) if held else ()
        if held is None or not orders:
            return None
        return appointment(
            HeldAppointment(
                action=held.action,
                numbers=self.tx.appointments.numbers_of(pk),
                orders=[self.held_order(each) for each in orders],
                step_pks=held.step_pks,
            ),
            self.house.site,
            self.name_of,
        )

    def held_order(self, order: Order) -> HeldOrder:
        """An order with what its resources say besides."""
        found = self.tx.records.found(RecordKind.ORDER, order.pk)
        visits = self.tx.visits.of_patient(order.patient_pk) if order.visit else ()
        mine = next((each for each in visits if order.visit.belongs_to(each.numbers)), None)
        return HeldOrder(
            order=order,
            patient=self.tx.patients.get(order.patient_pk),
            received_at=found.received_at if found else 0.0,
            encounter=self.name_of(RecordKind.VISIT, mine.pk) if mine else "",
        )


_PROJECTIONS: Mapping[RecordKind, Callable[[Library, int], Json | None]] = {
    RecordKind.PATIENT: Library.patient,
    RecordKind.ORDER: Library.order,
    RecordKind.STEP: Library.step,
    RecordKind.STUDY: Library.study,
    RecordKind.VISIT: Library.visit,
    RecordKind.APPOINTMENT: Library.appointment,
}


def overlaid(received: Json, then: Json | None, now: Json) -> Json:
    """What was received, with what the domain says otherwise than it did `then`, if it did.

    The status is always the domain's, unless it only says the same in another word; identifiers
    of the domain's come to those received.
    """
    before = then or {}
    changed = {
        name: value
        for name, value in now.items()
        if name not in ("identifier", "status") and before.get(name) != value
    }
    result = {**received, **changed}
    if "status" in now and not _says_the_same(received, now):
        result["status"] = now["status"]
    if "identifier" in now:
        result["identifier"] = _joined(received.get("identifier", []), now["identifier"])
    return result


def _says_the_same(received: Json, now: Json) -> bool:
    pair = {received.get("status"), now["status"]}
    return len(pair) == 1 or any(pair <= alike for alike in ALIKE.get(now["resourceType"], ()))


def _joined(received: Any, ours: list[Json]) -> Any:
    if not isinstance(received, list):
        return received
    known = {(each.get("system", ""), each.get("value")) for each in received}
    # Without a system the sender leaves open whose number it is: ours says nothing new.
    open_values = {each.get("value") for each in received if not each.get("system")}
    more = [
        each
        for each in ours
        if (each.get("system", ""), each["value"]) not in known and each["value"] not in open_values
    ]
    return [*received, *more]


def study_uid(resource: Json) -> str:
    """The Study Instance UID that an ImagingStudy names; empty when none."""
    system, prefix = study_identifier("")
    for each in elements(resource, ["identifier"]):
        for token in tokens(each):
            if token.startswith(f"{system}|{prefix}"):
                return token.removeprefix(f"{system}|{prefix}")
    return ""


def dump(value: object) -> bytes:
    """JSON bytes that are the same for the same value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
