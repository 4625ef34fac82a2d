"""What images are made to say once their order is known: patient, accession number, requests.

IHE Patient Information Reconciliation: an image that was acquired under a wrong or temporary
identity is shown under the right one; the stored bytes stay, and what was replaced is kept beside
it in Original Attributes Sequence (PS3.3 C.12.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.domain.identifiers import Identifier
from bridge.domain.order import CodedConcept
from bridge.domain.patient import Patient
from bridge.domain.publication import Request
from bridge.domain.surrogate import LONGEST_LO, LONGEST_SH, shown

_OF_THE_PATIENT = ("PatientName", "PatientBirthDate", "PatientSex")
_DESCRIPTION = "RequestedProcedureDescription"
_OF_THE_ORDER = ("ReferringPhysicianName", "AdmissionID")

OF_A_PERSON = (
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "TypeOfPatientID",
    "OtherPatientIDs",
    "OtherPatientIDsSequence",
    "OtherPatientNames",
    "PatientBirthDate",
    "PatientBirthTime",
    "PatientSex",
    "PatientAge",
    "PatientBirthName",
    "PatientMotherBirthName",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "PatientTelecomInformation",
    "PatientReligiousPreference",
    "PatientInsurancePlanCodeSequence",
    "InsurancePlanIdentification",
    "MedicalRecordLocator",
    "MilitaryRank",
    "BranchOfService",
    "EthnicGroup",
    "EthnicGroupCodeSequence",
    "Occupation",
    "CountryOfResidence",
    "RegionOfResidence",
    "ReferencedPatientSequence",
    "ReferencedPatientPhotoSequence",
    "AdmissionID",
    "IssuerOfAdmissionIDSequence",
    "ReferringPhysicianName",
    "ReferringPhysicianIdentificationSequence",
)
"""What images of one Patient ID must not carry over to another, where nobody knows better.

Not what was measured (size and weight) and what somebody may be warned by: that is of the person
who was examined.
"""


class Reason(StrEnum):
    """Why attributes are replaced (0400,0565), as PS3.3 C.12.1 has it.

    `COERCE`: reconciliation with the order and the patient's record. `CORRECT`: something was
    wrong, as a worklist entry that was chosen by mistake or a number that was typed.
    """

    COERCE = "COERCE"
    CORRECT = "CORRECT"


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
    """What a study's images are to say. `attributes` by keyword; an absent one stays as it is.

    `filled` is said only where the images say nothing.
    """

    patient_id: Identifier
    other_patient_ids: tuple[Identifier, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    filled: Mapping[str, str] = field(default_factory=dict)
    accession: Identifier | None = None
    requests: tuple[RequestItem, ...] = ()
    reason: Reason = Reason.COERCE

    def is_anothers(self, carried: Identifier | None) -> bool:
        """Whether images of this Patient ID say that they are somebody else's."""
        if carried is None or not carried.value:
            return False
        return not self.patient_id.agrees_with(carried)

    def accession_for(self, carried: Identifier | None) -> Identifier | None:
        """The accession number of images that carry this one; None for none at all.

        Of several orders none is right for all (Request Attributes Sequence has each), but one that
        is of none of them is wrong.
        """
        if self.accession is not None or carried is None:
            return self.accession
        ordered = [each.accession for each in self.requests if each.accession]
        foreign = ordered and all(each.value != carried.value for each in ordered)
        return None if foreign else carried

    def said_over(
        self, patient_id: Identifier | None, attributes: Mapping[str, str]
    ) -> dict[str, str]:
        """What is said over the attributes of a study that carries this Patient ID, by keyword."""
        anothers = self.is_anothers(patient_id)
        stale = {keyword: "" for keyword in OF_A_PERSON if anothers and keyword in attributes}
        filled = {k: text for k, text in self.filled.items() if not attributes.get(k)}
        return {**stale, **filled, **self.attributes}


def coercion_of(
    patient: Patient, requests: Sequence[Request], reason: Reason = Reason.COERCE
) -> Coercion:
    """What the matched orders say of a study.

    With several orders (the group case) no single accession number, Study ID or referrer is right:
    the images keep theirs, and each order has its item in Request Attributes Sequence. Without
    `requests` only the patient is another: a person moved the study.
    """
    accessions = {
        each.order.numbers.accession.key: each.order.numbers.accession
        for each in requests
        if each.order.numbers.accession
    }
    said = {keyword: patient.attributes.get(keyword, "") for keyword in _OF_THE_PATIENT}
    for keyword in _OF_THE_ORDER:
        said[keyword] = _agreed(each.order.attributes.get(keyword, "") for each in requests)
    said["StudyID"] = _agreed(_short_text(each.procedure.rp_id) for each in requests)
    described = (each.procedure.attributes.get(_DESCRIPTION, "") for each in requests)
    filled = {"StudyDescription": _agreed(described)}
    return Coercion(
        patient_id=shown(patient.patient_id, LONGEST_LO),
        other_patient_ids=tuple(shown(each, LONGEST_LO) for each in patient.identifiers[1:]),
        attributes={keyword: text for keyword, text in said.items() if text},
        accession=_short(next(iter(accessions.values()))) if len(accessions) == 1 else None,
        filled={keyword: text for keyword, text in filled.items() if text},
        requests=tuple(item for each in requests for item in _items(each)),
        reason=reason,
    )


def _agreed(said: Iterable[str]) -> str:
    """What all say who say anything; nothing where they differ."""
    texts = {each for each in said if each}
    return texts.pop() if len(texts) == 1 else ""


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
            description=procedure.attributes.get(_DESCRIPTION, ""),
            code=procedure.code,
            sps_id=_short_text(step.sps_id),
            sps_description=step.attributes.get("ScheduledProcedureStepDescription", ""),
            protocol_codes=step.protocol_codes,
        )
        for step in procedure.steps
    )
