"""ImagingStudy (FHIR R4, and R4B, which is the same here) from a published study."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from bridge.domain.announced_study import AnnouncedStatus
from bridge.domain.identifiers import Identifier
from bridge.domain.publication import PublishedStudy, Request
from bridge.domain.step_status import StepStatus
from bridge.domain.study import Instance, Series, Study
from bridge.fhir.datatypes import codeable_concept, display_name, read_date_time
from bridge.fhir.identifiers import (
    ACCESSION,
    FILLER,
    MEDICAL_RECORD,
    PLACER,
    IdentifierSystems,
    Json,
)
from bridge.fhir.terms import (
    BODY_PARTS,
    COMPANION_MODALITIES,
    DCM,
    DICOM_UID,
    LATERALITIES,
    PARTICIPATION,
    SNOMED_CT,
    URI,
)

MAXIMUM_UNSIGNED = 2_147_483_647
NOT_DONE = frozenset({StepStatus.CANCELED, StepStatus.DISCONTINUED})

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What the resource depends on besides the study. Zone of times that bring none.

    Instances are listed only in studies of at most `instance_limit`: lists of many thousands make
    a resource that servers and readers choke on, and WADO-RS and QIDO-RS tell the same.
    """

    systems: IdentifierSystems = field(default_factory=IdentifierSystems)
    zone: tzinfo = UTC
    instance_limit: int = 2000


def imaging_study(published: PublishedStudy, rendering: Rendering) -> Json:
    """The study as R4 JSON. Patient and orders are named by identifier; references are added later.

    The same study always gives the same JSON, whatever the order in which its images arrived.
    """
    study, systems = published.study, rendering.systems
    whole = study.whole_series
    count = sum(series.count for series in whole)
    series = sorted(whole, key=lambda s: _order(s.number, s.series_instance_uid))
    attributes = study.attributes
    return _filled(
        {
            "resourceType": "ImagingStudy",
            "identifier": _identifiers(published, systems),
            "status": _status(published, count),
            "modality": [_modality(code) for code in modalities(study) or _expected(published)],
            "subject": _subject(published, systems),
            "started": read_date_time(
                attributes.get("StudyDate", ""),
                attributes.get("StudyTime", ""),
                attributes.get("TimezoneOffsetFromUTC", ""),
                rendering.zone,
            ),
            "basedOn": [_based_on(request, systems) for request in requests_of(published)],
            "referrer": _practitioner(_referrer(published)),
            "interpreter": _practitioners(attributes.get("NameOfPhysiciansReadingStudy", "")),
            "numberOfSeries": len(whole),
            "numberOfInstances": count,
            "procedureCode": _distinct(
                codeable_concept(r.procedure.code, systems)
                for r in published.requests
                if r.procedure.code
            ),
            "reasonCode": _distinct(_reason(request) for request in published.requests),
            "description": _description(published),
            "series": [_series(s, rendering, count, attributes) for s in series],
        }
    )


def _expected(published: PublishedStudy) -> list[str]:
    """The modalities of what is scheduled, while nothing is there yet."""
    steps = (step for request in published.requests for step in request.procedure.steps)
    return sorted({step.modality for step in steps if step.modality})


def modalities(study: Study) -> list[str]:
    """Distinct modalities; those that merely accompany images only when there are no others."""
    codes = sorted({_code(series.modality) for series in study.whole_series if series.count})
    return [code for code in codes if code not in COMPANION_MODALITIES] or codes


def requests_of(published: PublishedStudy) -> list[Request]:
    """One request per order that has a number, in a stable order (several in the group case)."""
    orders = {r.order.pk: r for r in published.requests if r.order.numbers}
    return [orders[pk] for pk in sorted(orders)]


def order_numbers(request: Request) -> list[tuple[str, Identifier]]:
    """The numbers an order is known by, with their types of HL7 table 0203, the best first."""
    numbers = request.order.numbers
    typed = ((ACCESSION, numbers.accession), (PLACER, numbers.placer), (FILLER, numbers.filler))
    return [(code, number) for code, number in typed if number is not None]


def study_identifier(study_instance_uid: str) -> tuple[str, str]:
    """System and value that identify a study: what conditional updates are made by."""
    return DICOM_UID, f"urn:oid:{study_instance_uid}"


def _identifiers(published: PublishedStudy, systems: IdentifierSystems) -> list[Json]:
    system, value = study_identifier(published.study.study_instance_uid)
    accessions = [r.order.numbers.accession for r in requests_of(published)]
    if not published.requests:
        accessions = [published.study.accession]
    return [
        {"use": "official", "system": system, "value": value},
        *_distinct(systems.resource(number, ACCESSION) for number in accessions if number),
    ]


def _status(published: PublishedStudy, count: int) -> str:
    """One instance is enough for available, and a discontinued study with images stays so."""
    announced = published.study.announced
    if published.is_done_elsewhere:
        return "cancelled"
    if count or (announced and announced.status is AnnouncedStatus.AVAILABLE):
        return "available"
    if announced:
        return announced.status.value
    steps = [s.status for r in published.requests for s in r.procedure.steps]
    return "cancelled" if steps and NOT_DONE.issuperset(steps) else "registered"


def _subject(published: PublishedStudy, systems: IdentifierSystems) -> Json:
    identifier = systems.resource(published.patient.patient_id, MEDICAL_RECORD)
    return {"type": "Patient", "identifier": identifier}


def _based_on(request: Request, systems: IdentifierSystems) -> Json:
    code, number = order_numbers(request)[0]
    # The type is what the number is here, whatever type its sender gave it.
    bare = Identifier(number.value, number.authority)
    return {"type": "ServiceRequest", "identifier": systems.resource(bare, code)}


def _referrer(published: PublishedStudy) -> str:
    # The order's name first: a modality limited to ASCII has only a folded one.
    names = [r.order.attributes.get("ReferringPhysicianName", "") for r in published.requests]
    return next(filter(None, names), published.study.attributes.get("ReferringPhysicianName", ""))


def _description(published: PublishedStudy) -> str:
    keyword = "RequestedProcedureDescription"
    requested = [r.procedure.attributes.get(keyword, "") for r in published.requests]
    return _text(
        next(filter(None, [published.study.attributes.get("StudyDescription"), *requested]), "")
    )


def _reason(request: Request) -> Json:
    return _filled(
        {"text": _text(request.procedure.attributes.get("ReasonForTheRequestedProcedure", ""))}
    )


def _series(series: Series, rendering: Rendering, count: int, of_study: Mapping[str, str]) -> Json:
    attributes = series.attributes
    instances = sorted(series.instances, key=lambda i: _order(i.number, i.sop_instance_uid))
    return _filled(
        {
            "uid": series.series_instance_uid,
            "number": _unsigned(series.number),
            "modality": _modality(_code(series.modality)),
            "description": _text(attributes.get("SeriesDescription", "")),
            "numberOfInstances": series.count,
            "bodySite": _body_site(attributes.get("BodyPartExamined", "")),
            "laterality": _laterality(attributes.get("Laterality", "")),
            "started": read_date_time(
                attributes.get("SeriesDate", ""),
                attributes.get("SeriesTime", ""),
                attributes.get("TimezoneOffsetFromUTC", "")
                or of_study.get("TimezoneOffsetFromUTC", ""),
                rendering.zone,
            ),
            "performer": _performers(attributes),
            "instance": [_instance(i) for i in instances]
            if count <= rendering.instance_limit
            else [],
        }
    )


def _instance(instance: Instance) -> Json:
    return _filled(
        {
            "uid": instance.sop_instance_uid,
            "sopClass": {"system": URI, "code": f"urn:oid:{instance.sop_class_uid}"},
            "number": _unsigned(instance.number),
            "title": _text(instance.attributes.get("DocumentTitle", "")),
        }
    )


def _performers(attributes: Mapping[str, str]) -> list[Json]:
    performing = _practitioners(attributes.get("PerformingPhysicianName", ""))
    function = {"coding": [{"system": PARTICIPATION, "code": "PRF", "display": "performer"}]}
    return [
        *({"function": function, "actor": actor} for actor in performing),
        *({"actor": actor} for actor in _practitioners(attributes.get("OperatorsName", ""))),
    ]


def _practitioners(names: str) -> list[Json]:
    return [actor for name in names.split("\\") if (actor := _practitioner(name))]


def _practitioner(name: str) -> Json:
    display = _text(display_name(name))
    return {"type": "Practitioner", "display": display} if display else {}


def _modality(code: str) -> Json:
    return {"system": DCM, "code": code}


def _body_site(term: str) -> Json:
    known = BODY_PARTS.get(term.strip().upper())
    if known is None:
        return _filled({"display": _text(term)})
    return {"system": SNOMED_CT, "code": known[0], "display": known[1]}


def _laterality(term: str) -> Json:
    known = LATERALITIES.get(term.strip().upper())
    return {"system": SNOMED_CT, "code": known[0], "display": known[1]} if known else {}


def _code(modality: str) -> str:
    """The modality's code; `OT` (other) when the image says none, since FHIR must have one."""
    return modality.strip() or "OT"


def _text(text: str | None) -> str:
    """Text without the control characters and outer space that FHIR's string does not allow."""
    return _CONTROL.sub("", text or "").strip()


def _unsigned(number: int | None) -> int | None:
    """FHIR's unsignedInt. DICOM's IS may be negative, which says nothing a reader could use."""
    return number if number is not None and 0 <= number <= MAXIMUM_UNSIGNED else None


def _order(number: int | None, uid: str) -> tuple[bool, int, str]:
    return number is None, number or 0, uid


def _distinct(items: Iterable[Json]) -> list[Json]:
    found: list[Json] = []
    for item in items:
        if item and item not in found:
            found.append(item)
    return found


def _filled(elements: Json) -> Json:
    """The elements that have a value: FHIR knows no empty ones. Zero is a value."""
    return {name: value for name, value in elements.items() if value not in (None, "", [], {})}
