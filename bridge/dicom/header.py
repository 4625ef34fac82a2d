"""What is read of an arriving instance: its identity, its request and what FHIR tells of it.

Reading stops before the pixel data (PS3.3 Annex C for the attributes, section 6.1 of the
reconciliation rules for the keys).
"""

from __future__ import annotations

from pydicom.datadict import tag_for_keyword

from bridge.dicom.elements import DataSet
from bridge.dicom.encoding import Encoded, Flaws
from bridge.dicom.inspection import inspect
from bridge.dicom.rejection import read_rejection
from bridge.domain.errors import DataTypeError, RequiredFieldMissing
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.rejection import KEY_OBJECT_SELECTION, RejectionNote
from bridge.domain.study import InstanceHeader, RequestAttributes

# Told on, as they stand, by keyword.
_KEYWORDS = (
    "AcquisitionDate",
    "AcquisitionTime",
    "AdmissionID",
    "BodyPartExamined",
    "ContentDate",
    "ContentTime",
    "ConversionType",
    "ImageType",
    "InstanceNumber",
    "InstitutionName",
    "InstitutionalDepartmentName",
    "Laterality",
    "Manufacturer",
    "ManufacturerModelName",
    "NumberOfFrames",
    "OperatorsName",
    "PatientBirthDate",
    "PatientName",
    "PatientSex",
    "PerformedProcedureStepDescription",
    "PerformedProcedureStepID",
    "PerformingPhysicianName",
    "ProtocolName",
    "ReferringPhysicianName",
    "SeriesDate",
    "SeriesDescription",
    "SeriesNumber",
    "SeriesTime",
    "StationName",
    "StudyDate",
    "StudyDescription",
    "StudyID",
    "StudyTime",
    "TimezoneOffsetFromUTC",
)


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise LookupError(keyword)
    return tag


_TOLD_ON = {keyword: _tag(keyword) for keyword in _KEYWORDS}
_UIDS = {
    keyword: _tag(keyword)
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
}
_PATIENT_ID, _ISSUER = _tag("PatientID"), _tag("IssuerOfPatientID")
_QUALIFIERS = _tag("IssuerOfPatientIDQualifiersSequence")
_PATIENT_NAME, _MODALITY = _tag("PatientName"), _tag("Modality")
_ACCESSION, _ACCESSION_ISSUER = _tag("AccessionNumber"), _tag("IssuerOfAccessionNumberSequence")
_NAMESPACE, _UNIVERSAL_ID = _tag("LocalNamespaceEntityID"), _tag("UniversalEntityID")
_UNIVERSAL_ID_TYPE = _tag("UniversalEntityIDType")
_REQUESTS = _tag("RequestAttributesSequence")
_RP_ID, _SPS_ID = _tag("RequestedProcedureID"), _tag("ScheduledProcedureStepID")
_STUDY_UID = _tag("StudyInstanceUID")
_PERFORMED_STEPS = _tag("ReferencedPerformedProcedureStepSequence")
_REFERENCED_INSTANCE = _tag("ReferencedSOPInstanceUID")

_WANTED = frozenset(
    {
        *_TOLD_ON.values(),
        *_UIDS.values(),
        _PATIENT_ID,
        _ISSUER,
        _QUALIFIERS,
        _MODALITY,
        _ACCESSION,
        _ACCESSION_ISSUER,
        _REQUESTS,
        _PERFORMED_STEPS,
    }
)


def read_header(data: Encoded, transfer_syntax_uid: str, start: int = 0) -> InstanceHeader:
    """Read the header of a data set as it came; it begins at `start`.

    What is wrong with it is noted in `flaws`; when it is written in another transfer syntax than
    it is said to be, the header says in which.

    Raises:
        RequiredFieldMissing: one of the UIDs that identify an instance is absent or empty.
    """
    found, syntax = inspect(data, transfer_syntax_uid, _WANTED, _UIDS.values(), start)
    uids = {keyword: found.text(tag) for keyword, tag in _UIDS.items()}
    for keyword, uid in uids.items():
        if not uid:
            raise RequiredFieldMissing(f"{keyword} is missing", location=keyword)
    told_on = {keyword: found.text(tag) for keyword, tag in _TOLD_ON.items() if tag in found}
    return InstanceHeader(
        sop_class_uid=uids["SOPClassUID"],
        sop_instance_uid=uids["SOPInstanceUID"],
        study_instance_uid=uids["StudyInstanceUID"],
        series_instance_uid=uids["SeriesInstanceUID"],
        transfer_syntax_uid=syntax,
        patient_id=patient_id_of(found),
        patient_name=found.text(_PATIENT_NAME),
        accession=accession_of(found),
        modality=found.text(_MODALITY),
        request_attributes=tuple(_request(item) for item in found.items(_REQUESTS)),
        performed_step_uids=_performed_steps(found),
        attributes={keyword: text for keyword, text in told_on.items() if text},
        rejection=_rejection(data, syntax, start, found.flaws)
        if uids["SOPClassUID"] == KEY_OBJECT_SELECTION
        else None,
        flaws=found.flaws.found,
    )


def _rejection(data: Encoded, syntax: str, start: int, flaws: Flaws) -> RejectionNote | None:
    """What a note rejects; nothing when it cannot be read."""
    try:
        return read_rejection(data, syntax, start)
    except DataTypeError as error:
        flaws.note(f"the rejection note cannot be read: {error.message}")
        return None


def patient_id_of(level: DataSet) -> Identifier | None:
    """Give Patient ID with its issuer and the issuer's qualifiers; None when there is none."""
    value = level.text(_PATIENT_ID)
    if not value:
        return None
    qualifiers = level.items(_QUALIFIERS)
    return Identifier(value, _authority(level.text(_ISSUER), qualifiers))


def accession_of(level: DataSet) -> Identifier | None:
    """Give Accession Number with its issuer; None when there is none."""
    value = level.text(_ACCESSION)
    if not value:
        return None
    issuers = level.items(_ACCESSION_ISSUER)
    namespace = issuers[0].text(_NAMESPACE) if issuers else ""
    return Identifier(value, _authority(namespace, issuers))


def _authority(namespace: str, items: tuple[DataSet, ...]) -> Authority:
    if not items:
        return Authority(namespace)
    return Authority(namespace, items[0].text(_UNIVERSAL_ID), items[0].text(_UNIVERSAL_ID_TYPE))


def _request(item: DataSet) -> RequestAttributes:
    return RequestAttributes(
        rp_id=item.text(_RP_ID),
        sps_id=item.text(_SPS_ID),
        accession=accession_of(item),
        study_instance_uid=item.text(_STUDY_UID),
    )


def _performed_steps(found: DataSet) -> tuple[str, ...]:
    uids = (item.text(_REFERENCED_INSTANCE) for item in found.items(_PERFORMED_STEPS))
    return tuple(uid for uid in uids if uid)
