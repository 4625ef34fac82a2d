"""What images are made to say once their order is known: patient, accession number, requests.

IHE Patient Information Reconciliation: an image that was acquired under a wrong or temporary
identity is shown under the right one; the stored bytes stay, and what was replaced is kept beside
it in Original Attributes Sequence (PS3.3 C.12.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.domain.identifiers import Identifier
from bridge.domain.order import CodedConcept
from bridge.domain.patient import Patient
from bridge.domain.publication import Request
from bridge.domain.surrogate import LONGEST_LO, LONGEST_SH, shown

_OF_THE_PATIENT = ("PatientName", "PatientBirthDate", "PatientSex")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestItem:
    """One item of Request Attributes Sequence (0040,0275), as series carry it."""

    study_instance_uid: str
    rp_id: str
    accession: Identifier | None
    description: str = ""
    code: CodedConcept | None = None
    sps_id: str = ""
    sps_description: str = ""
    protocol_codes: tuple[CodedConcept, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Coercion:
    """What a study's images are to say. `attributes` by keyword; an absent one stays as it is."""

    patient_id: Identifier
    other_patient_ids: tuple[Identifier, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    accession: Identifier | None = None
    requests: tuple[RequestItem, ...] = ()


def coercion_of(patient: Patient, requests: Sequence[Request]) -> Coercion:
    """What the matched orders say of a study.

    With several orders (the group case) no single accession number is right: the images keep
    theirs, and each order has its item in Request Attributes Sequence. Without `requests` only the
    patient is another: a person moved the study.
    """
    accessions = {
        each.order.numbers.accession.key: each.order.numbers.accession
        for each in requests
        if each.order.numbers.accession
    }
    said = {keyword: patient.attributes.get(keyword, "") for keyword in _OF_THE_PATIENT}
    return Coercion(
        patient_id=shown(patient.patient_id, LONGEST_LO),
        other_patient_ids=tuple(shown(each, LONGEST_LO) for each in patient.identifiers[1:]),
        attributes={keyword: text for keyword, text in said.items() if text},
        accession=_short(next(iter(accessions.values()))) if len(accessions) == 1 else None,
        requests=tuple(item for each in requests for item in _items(each)),
    )


def _short(accession: Identifier | None) -> Identifier | None:
    return accession and shown(accession, LONGEST_SH)


def _short_text(identifier: str) -> str:
    return shown(Identifier(identifier), LONGEST_SH).value


def _items(request: Request) -> tuple[RequestItem, ...]:
    """One item for each step of a procedure."""
    procedure, order = request.procedure, request.order
    return tuple(
        RequestItem(
            study_instance_uid=procedure.study_instance_uid,
            rp_id=_short_text(procedure.rp_id),
            accession=_short(order.numbers.accession),
            description=procedure.attributes.get("RequestedProcedureDescription", ""),
            code=procedure.code,
            sps_id=_short_text(step.sps_id),
            sps_description=step.attributes.get("ScheduledProcedureStepDescription", ""),
            protocol_codes=step.protocol_codes,
        )
        for step in procedure.steps
    )
