"""ImagingStudy (FHIR R4 8.10, R5 8.10) from a RIS or a PACS → studies announced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bridge.domain.announced_study import AnnouncedSeries, AnnouncedStatus, StudyAnnounced
from bridge.domain.errors import DataTypeError, RequiredFieldMissing
from bridge.domain.events import Event, Noted
from bridge.domain.order import OrderNumbers
from bridge.fhir.reading.requests import Requests
from bridge.fhir.reading.values import Values
from bridge.fhir.terms import BODY_PARTS, DICOM_UID, LATERALITIES
from bridge.mapping.element_readers import display_of, read_person
from bridge.mapping.elements import Element
from bridge.mapping.times import parse_time_stamp

_LONGEST = 64
_WADO_RS = "dicom-wado-rs"
_OID = "urn:oid:"
_PARTS = {code: term for term, (code, _) in BODY_PARTS.items()}
_SIDES = {code: term for term, (code, _) in LATERALITIES.items()}


def read_study(
    values: Values, requests: Requests, resource: Element, *, deleted: bool = False
) -> tuple[Event, ...]:
    """An ImagingStudy: a Study Instance UID given in advance, or images held elsewhere.

    Raises:
        BridgeError: it has no Study Instance UID, or no patient that is known.
    """
    row = values.sender.profile.status("ImagingStudy", resource.text("status"))
    if not row["announces"] and not deleted:
        return (Noted(reason=row["because"] or "its status announces nothing"),)
    status = AnnouncedStatus.ENTERED_IN_ERROR if deleted else AnnouncedStatus(row["announces"])
    patient = values.referred_patient(resource, ("subject",))
    assert patient is not None  # noqa: S101 - it is required
    orders = tuple(_orders(values, requests, resource))
    own = values.numbers([Element({"identifier": _untyped_left_out(resource)}, resource.path)])
    named = (each.accession for each in orders)
    return (
        StudyAnnounced(
            study_instance_uid=_study_uid(resource),
            status=status,
            patient=values.patient(patient),
            accession=own.accession or next(filter(None, named), None),
            orders=orders,
            attributes=dict(_attributes(values, resource)),
            series=tuple(_series(values, each) for each in resource.children("series")),
            retrieve_url=_retrieve_url(values, resource),
            occurred_at=values.occurred_at(resource),
            location=resource.path,
        ),
    )


def _study_uid(resource: Element) -> str:
    for identifier in resource.children("identifier"):
        value = identifier.text("value").strip()
        if identifier.text("system") == DICOM_UID or (
            value.startswith(_OID) and identifier.text("system") == "urn:ietf:rfc:3986"
        ):
            return _uid(identifier, value)
    place = f"{resource.path}.identifier"
    raise RequiredFieldMissing("the study has no Study Instance UID", location=place)


def _uid(element: Element, value: str) -> str:
    found = value.removeprefix(_OID)
    if len(found) > _LONGEST or not all(part.isdecimal() for part in found.split(".")):
        raise DataTypeError("not a DICOM UID", location=f"{element.path}.value")
    return found


def _untyped_left_out(resource: Element) -> list[object]:
    """An accession number says that it is one; other numbers of a study are no order's."""
    return [each.value for each in resource.children("identifier") if "type" in each.value]


def _orders(values: Values, requests: Requests, resource: Element) -> Iterator[OrderNumbers]:
    for request in requests.requests_of(resource, "basedOn"):
        root = requests.root_of(request)
        found = values.numbers([root] if root is request else [root, request])
        if found:
            yield found


def _attributes(values: Values, resource: Element) -> Iterator[tuple[str, str]]:
    yield from _moment(values, resource, "Study")
    if text := resource.text("description").strip():
        yield "StudyDescription", text[:_LONGEST]
    referrer = resource.child("referrer")
    if referrer is not None and (name := read_person(referrer, values.context())):
        yield "ReferringPhysicianName", name


def _moment(values: Values, element: Element, level: str) -> Iterator[tuple[str, str]]:
    stamp = parse_time_stamp(element.text("started"), values.sender.site.zone)
    if stamp:
        yield f"{level}Date", stamp.date
        if stamp.time:
            yield f"{level}Time", stamp.time


def _series(values: Values, series: Element) -> AnnouncedSeries:
    uid = series.child("uid")
    if uid is None:
        raise RequiredFieldMissing("the series has no UID", location=f"{series.path}.uid")
    number, count = series.value.get("number"), series.value.get("numberOfInstances")
    return AnnouncedSeries(
        series_instance_uid=_series_uid(uid),
        modality=next(_codes(series, "modality"), ""),
        number=number if isinstance(number, int) else None,
        attributes=dict(_series_attributes(values, series)),
        instances=tuple(_instances(series)),
        number_of_instances=count if isinstance(count, int) else 0,
    )


def _series_uid(uid: Element) -> str:
    found = str(uid.value).strip().removeprefix(_OID)
    if not all(part.isdecimal() for part in found.split(".")):
        raise DataTypeError("not a DICOM UID", location=uid.path)
    return found


def _series_attributes(values: Values, series: Element) -> Iterator[tuple[str, str]]:
    yield from _moment(values, series, "Series")
    if text := series.text("description").strip():
        yield "SeriesDescription", text[:_LONGEST]
    part = _term(series, "bodySite", _PARTS)
    if part:
        yield "BodyPartExamined", part
    side = _term(series, "laterality", _SIDES)
    if side:
        yield "Laterality", side


def _term(series: Element, name: str, terms: Mapping[str, str]) -> str:
    """DICOM's term for a coded site; the words of one that has none, as far as they are a term."""
    found = next((terms[code] for code in _codes(series, name) if code in terms), "")
    element = series.child(name)
    words = display_of(element.value).upper() if element is not None else ""
    return found or (words if words in terms.values() else "")


def _codes(element: Element, name: str) -> Iterator[str]:
    """The codes of a Coding (R4), a CodeableConcept or a CodeableReference (R5)."""
    for each in element.children(name):
        concept = each.child("concept") or each
        for coding in [concept] if "code" in concept.value else concept.children("coding"):
            if code := coding.text("code"):
                yield code


def _instances(series: Element) -> Iterator[tuple[str, str]]:
    for instance in series.children("instance"):
        sop_class = instance.child("sopClass")
        kind = sop_class.text("code").removeprefix(_OID) if sop_class else ""
        uid = instance.child("uid")
        if uid is not None:
            yield _series_uid(uid), kind


def _retrieve_url(values: Values, resource: Element) -> str:
    """The base address of the first WADO-RS endpoint."""
    owners = (resource, *resource.children("series"))
    for reference in (each for owner in owners for each in owner.children("endpoint")):
        endpoint = values.document.follow(reference)
        if endpoint is not None and _WADO_RS in set(_codes(endpoint, "connectionType")):
            return endpoint.text("address").rstrip("/")
    return ""
