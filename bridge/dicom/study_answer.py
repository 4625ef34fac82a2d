"""What a query gets of patients, studies, series and instances (PS3.4 C.6, tables C.6-1 to C.6-4).

Each as one level of Explicit VR Little Endian in UTF-8, to be cut to the keys that were asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword

from bridge.dicom.attributes import Attribute, attribute, element, item, sequence, text
from bridge.dicom.study_query import QueryLevel
from bridge.domain.identifiers import Identifier
from bridge.services.read_images import (
    Above,
    FoundInstance,
    FoundPatient,
    FoundRequest,
    FoundSeries,
    FoundStudy,
)

Found = FoundPatient | FoundStudy | FoundSeries | FoundInstance

# Binary VRs are not told: their values are in the images.
_TOLD_VRS = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI"}
)
_ALPHABET: dict[str, Attribute | None] = {}
_REQUESTS = attribute("RequestAttributesSequence")
_SPS_ID, _RP_ID = attribute("ScheduledProcedureStepID"), attribute("RequestedProcedureID")


# What series and instances themselves say; a query for more wants their series and studies, too.
_OWN = frozenset(
    tag_for_keyword(keyword)
    for keyword in (
        "InstanceAvailability",
        "InstanceNumber",
        "Modality",
        "NumberOfFrames",
        "QueryRetrieveLevel",
        "RetrieveAETitle",
        "SeriesInstanceUID",
        "SOPClassUID",
        "SOPInstanceUID",
        "StudyInstanceUID",
    )
)
NOTHING_ABOVE = Above()


def wants_above(level: QueryLevel, keys: Iterable[int]) -> bool:
    """Whether a query for these keys needs what studies and series of its matches say."""
    return level in (QueryLevel.SERIES, QueryLevel.IMAGE) and not _OWN.issuperset(keys)


def encode(
    found: Found, level: QueryLevel, retrieve_ae_title: str, above: Above = NOTHING_ABOVE
) -> bytes:
    """Everything that is known of one match, and of what it is in."""
    study, series = _containing(found, above)
    said = {
        **(_said(study) if study else {}),
        **(_said(series) if series else {}),
        **_said(found),
        "QueryRetrieveLevel": level.value,
        "RetrieveAETitle": retrieve_ae_title,
        "InstanceAvailability": "ONLINE",
    }
    elements = []
    for keyword, value in said.items():
        known = _attribute(keyword)
        if known is not None and value:
            several = "\\" in value and dictionary_VM(known.tag) != "1"
            elements.append(element(known, value.encode()) if several else text(known, value))
    if series and series.requests:
        elements.append(sequence(_REQUESTS, map(_request, series.requests)))
    return b"".join(written for _, written in sorted(elements))


def _containing(found: Found, above: Above) -> tuple[FoundStudy | None, FoundSeries | None]:
    """The study of what was found, and the series that it is or is in."""
    match found:
        case FoundSeries():
            return above.studies.get(found.study_instance_uid), found
        case FoundInstance():
            study = above.studies.get(found.study_instance_uid)
            return study, above.series.get(found.series_instance_uid)
        case _:
            return None, None


def _request(request: FoundRequest) -> bytes:
    """An item of Request Attributes Sequence."""
    said = ((_SPS_ID, request.sps_id), (_RP_ID, request.rp_id))
    return item([text(known, value) for known, value in said if value])


def _said(found: Found) -> dict[str, str]:
    match found:
        case FoundPatient():
            return {
                **found.attributes,
                **_patient(found.patient_id, found.patient_name),
                "NumberOfPatientRelatedStudies": str(found.study_count),
                "NumberOfPatientRelatedSeries": str(found.series_count),
                "NumberOfPatientRelatedInstances": str(found.instance_count),
            }
        case FoundStudy():
            return {
                **found.attributes,
                **_patient(found.patient_id, found.patient_name),
                "AccessionNumber": found.accession.value if found.accession else "",
                "StudyInstanceUID": found.study_instance_uid,
                "ModalitiesInStudy": "\\".join(found.modalities),
                "SOPClassesInStudy": "\\".join(found.sop_class_uids),
                "NumberOfStudyRelatedSeries": str(found.series_count),
                "NumberOfStudyRelatedInstances": str(found.instance_count),
            }
        case FoundSeries():
            return {
                **found.attributes,
                **_series(found),
                "NumberOfSeriesRelatedInstances": str(found.instance_count),
            }
        case FoundInstance():
            return {
                **found.attributes,
                **_series(found),
                "InstanceNumber": "" if found.number is None else str(found.number),
                "SOPInstanceUID": found.sop_instance_uid,
                "SOPClassUID": found.sop_class_uid,
                "AvailableTransferSyntaxUID": found.transfer_syntax_uid,
            }


def _patient(patient_id: Identifier | None, name: str) -> Mapping[str, str]:
    return {
        "PatientName": name,
        "PatientID": patient_id.value if patient_id else "",
        "IssuerOfPatientID": patient_id.authority.namespace if patient_id else "",
    }


def _series(found: FoundSeries | FoundInstance) -> Mapping[str, str]:
    number = found.number if isinstance(found, FoundSeries) else None
    return {
        "StudyInstanceUID": found.study_instance_uid,
        "SeriesInstanceUID": found.series_instance_uid,
        "Modality": found.modality,
        **({} if number is None else {"SeriesNumber": str(number)}),
    }


def _attribute(keyword: str) -> Attribute | None:
    """How a keyword is written; None when its values are not told. Looked up once."""
    if keyword not in _ALPHABET:
        tag = tag_for_keyword(keyword)
        told = tag is not None and dictionary_VR(tag) in _TOLD_VRS
        _ALPHABET[keyword] = attribute(keyword) if told else None
    return _ALPHABET[keyword]
