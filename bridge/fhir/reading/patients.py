"""Patient (FHIR R4 8.1; R5 the same): demographics, and links as merges and links of records."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.domain.errors import DuplicateKey, UnknownKey
from bridge.domain.events import Event, Noted
from bridge.domain.identifiers import Identifier
from bridge.domain.patient import PatientDetails
from bridge.domain.patient_events import (
    PatientRemoved,
    PatientsLinked,
    PatientsMerged,
    PatientUpdated,
)
from bridge.fhir.reading.values import Values
from bridge.mapping.elements import Element

_EVENT = "Patient"


def read_patient(values: Values, resource: Element) -> tuple[Event, ...]:
    """A Patient: how it is, then who it was taken for.

    A record that another one replaced tells nothing new: its own demographics are left out.

    Raises:
        BridgeError: it has no identifier, or a link leads nowhere.
    """
    own = values.patient(resource)
    occurred_at = values.occurred_at(resource)
    links = tuple(_links(values, resource, own, occurred_at))
    if resource.value.get("active") is False:
        values.run.warn(f"{resource.path}.active", "the record is not in active use; it is kept")
    if any(link.text("type") == "replaced-by" for link in resource.children("link")):
        return links or (Noted(reason="a record that was replaced by itself"),)
    return (PatientUpdated(event=_EVENT, patient=own, occurred_at=occurred_at), *links)


def read_removed_patient(values: Values, resource: Element) -> tuple[Event, ...]:
    """A Patient that is deleted."""
    removed = PatientRemoved(
        event="delete", patient=values.patient(resource), location=resource.path
    )
    return (removed,)


def _links(
    values: Values, resource: Element, own: PatientDetails, occurred_at: str
) -> Iterator[Event]:
    for link in resource.children("link"):
        other = link.child("other")
        kind = link.text("type")
        if other is None:
            continue
        target = values.document.follow(other)
        place = f"{other.path}.reference"
        if target is None and kind in ("replaced-by", "replaces"):
            raise UnknownKey("the patient it refers to is not known", location=place)
        if target is None:
            values.run.warn(place, "the record it refers to is not known, and so not linked")
            continue
        if target.value.get("resourceType") != "Patient":
            continue  # a RelatedPerson is somebody else's record of a person
        them = values.patient(target)
        if kind == "replaced-by":
            yield from _merge(them, own, occurred_at, link.path)
        elif kind == "replaces":
            yield from _merge(own, them, occurred_at, link.path)
        else:
            yield from _link(own, them, occurred_at, link.path)


def _merge(
    survivor: PatientDetails, retired: PatientDetails, occurred_at: str, place: str
) -> Iterator[PatientsMerged]:
    """A survivor that carries the retired numbers, too, has already been merged in them."""
    kept = _without(survivor.identifiers, retired.identifiers)
    gone = _without(retired.identifiers, survivor.identifiers)
    if not kept:
        raise DuplicateKey("a patient cannot be merged into itself", location=place)
    if not gone:
        gone, identifiers = retired.identifiers, kept
    else:
        identifiers = survivor.identifiers
    yield PatientsMerged(
        survivor=PatientDetails(identifiers=identifiers, attributes=survivor.attributes),
        retired=gone,
        occurred_at=occurred_at,
        location=place,
    )


def _link(
    own: PatientDetails, them: PatientDetails, occurred_at: str, place: str
) -> Iterator[PatientsLinked]:
    if _without(own.identifiers, them.identifiers):
        yield PatientsLinked(patients=(own, them), occurred_at=occurred_at, location=place)


def _without(
    identifiers: tuple[Identifier, ...], others: tuple[Identifier, ...]
) -> tuple[Identifier, ...]:
    known = {each.key for each in others}
    return tuple(each for each in identifiers if each.key not in known)
