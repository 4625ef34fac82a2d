"""The answers of QIDO-RS (PS3.18 tables 10.6.3-3 to 10.6.3-5) in the DICOM JSON model (Annex F)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword

from bridge.services.read_images import (
    Above,
    FoundInstance,
    FoundRequest,
    FoundSeries,
    FoundStudy,
)

Json = dict[str, Any]
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_NUMBERS = frozenset({"IS", "US"})
_REQUESTS = "00400275"  # Request Attributes Sequence
# Values are told in UTF-8 whatever character set the images came in (PS3.18 F.2).
_OF_EVERY_STUDY = (
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
)
_OF_ALL = {"SpecificCharacterSet": "ISO_IR 192", "InstanceAvailability": "ONLINE"}


def study_answer(study: FoundStudy, base_url: str, _above: Above) -> Json:
    """A study as found."""
    patient_id, accession = study.patient_id, study.accession
    return _json(
        _OF_ALL
        | dict(study.attributes)
        | {
            "AccessionNumber": accession.value if accession else "",
            "ModalitiesInStudy": "\\".join(study.modalities),
            "SOPClassesInStudy": "\\".join(study.sop_class_uids),
            "RetrieveURL": f"{base_url}/studies/{study.study_instance_uid}",
            "PatientName": study.patient_name,
            "PatientID": patient_id.value if patient_id else "",
            "StudyInstanceUID": study.study_instance_uid,
            "NumberOfStudyRelatedSeries": str(study.series_count),
            "NumberOfStudyRelatedInstances": str(study.instance_count),
        }
        | ({"IssuerOfPatientID": patient_id.authority.namespace} if patient_id else {}),
        always=_OF_EVERY_STUDY,
    )


def series_answer(series: FoundSeries, base_url: str, above: Above) -> Json:
    """A series as found, with what its study says where that is asked for."""
    study_url = f"{base_url}/studies/{series.study_instance_uid}"
    own = _json(
        _OF_ALL
        | dict(series.attributes)
        | {
            "Modality": series.modality,
            "RetrieveURL": f"{study_url}/series/{series.series_instance_uid}",
            "StudyInstanceUID": series.study_instance_uid,
            "SeriesInstanceUID": series.series_instance_uid,
            "SeriesNumber": "" if series.number is None else str(series.number),
            "NumberOfSeriesRelatedInstances": str(series.instance_count),
        }
    )
    if series.requests:
        own[_REQUESTS] = {"vr": "SQ", "Value": [_request(each) for each in series.requests]}
    study = above.studies.get(series.study_instance_uid)
    return _sorted((study_answer(study, base_url, above) if study else {}) | own)


def instance_answer(instance: FoundInstance, base_url: str, above: Above) -> Json:
    """An instance as found, with what its series and study say where that is asked for."""
    series_url = (
        f"{base_url}/studies/{instance.study_instance_uid}/series/{instance.series_instance_uid}"
    )
    own = _json(
        _OF_ALL
        | dict(instance.attributes)
        | {
            "SOPClassUID": instance.sop_class_uid,
            "SOPInstanceUID": instance.sop_instance_uid,
            "Modality": instance.modality,
            "RetrieveURL": f"{series_url}/instances/{instance.sop_instance_uid}",
            "AvailableTransferSyntaxUID": instance.transfer_syntax_uid,
            "StudyInstanceUID": instance.study_instance_uid,
            "SeriesInstanceUID": instance.series_instance_uid,
            "InstanceNumber": "" if instance.number is None else str(instance.number),
        }
    )
    series = above.series.get(instance.series_instance_uid)
    return _sorted((series_answer(series, base_url, above) if series else {}) | own)


def _request(request: FoundRequest) -> Json:
    """An item of Request Attributes Sequence."""
    return _json(
        {
            "ScheduledProcedureStepID": request.sps_id,
            "RequestedProcedureID": request.rp_id,
        }
    )


def _json(texts: Mapping[str, str], always: tuple[str, ...] = ()) -> Json:
    """Write texts by keyword as JSON by tag, in order of the tags."""
    found: Json = {}
    for keyword, text in (dict.fromkeys(always, "") | dict(texts)).items():
        if (tag := tag_for_keyword(keyword)) is not None:
            found[f"{tag:08X}"] = _element(tag, text)
    return _sorted(found)


def _sorted(found: Json) -> Json:
    return dict(sorted(found.items()))


def _element(tag: int, text: str) -> Json:
    vr = dictionary_VR(tag).split(" ")[0]  # "US or SS": what we index is never signed
    parts = [text] if dictionary_VM(tag) == "1" else text.split("\\")
    values = [_value(vr, part.strip()) for part in parts]
    return {"vr": vr, "Value": values} if text else {"vr": vr}


def _value(vr: str, text: str) -> Any:
    if vr == "PN":
        groups = zip(_NAME_GROUPS, text.split("="), strict=False)
        return {name: group for name, group in groups if group}
    if vr in _NUMBERS:
        try:
            return int(text)
        except ValueError:
            return text  # PS3.18 F.2.3: a number that is none may be a string
    return text or None
