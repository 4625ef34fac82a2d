"""The Identifier of Query/Retrieve (PS3.4 C.6): its level, what must match, what to return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydicom.datadict import tag_for_keyword

from bridge.dicom.elements import DataSet
from bridge.dicom.matching_keys import (
    Key,
    codes_of,
    date_range,
    interval,
    name_of,
    read_keys,
    time_range,
    value_of,
    values_of,
)
from bridge.domain.errors import DataTypeError, RequiredFieldMissing
from bridge.services.read_images import ImageQuery

LEVEL = 0x00080052


class QueryLevel(StrEnum):
    """Query/Retrieve Level (0008,0052)."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise LookupError(keyword)
    return tag


_UIDS = {
    "study_instance_uids": _tag("StudyInstanceUID"),
    "series_instance_uids": _tag("SeriesInstanceUID"),
    "sop_instance_uids": _tag("SOPInstanceUID"),
    "sop_class_uids": _tag("SOPClassUID"),
}
_TEXTS = {
    "patient_id": _tag("PatientID"),
    "issuer_of_patient_id": _tag("IssuerOfPatientID"),
    "accession_number": _tag("AccessionNumber"),
    "study_id": _tag("StudyID"),
    "study_description": _tag("StudyDescription"),
}
_NAMES = {
    "patient_name": _tag("PatientName"),
    "referring_physician": _tag("ReferringPhysicianName"),
}
_NUMBERS = {
    "series_number": _tag("SeriesNumber"),
    "instance_number": _tag("InstanceNumber"),
}
_REQUESTS = _tag("RequestAttributesSequence")
_OF_REQUEST = {"rp_id": _tag("RequestedProcedureID"), "sps_id": _tag("ScheduledProcedureStepID")}
_PERFORMED_DATE = _tag("PerformedProcedureStepStartDate")
_PERFORMED_TIME = _tag("PerformedProcedureStepStartTime")
_PATIENT_ID = _TEXTS["patient_id"]
_BIRTH_DATE, _SEX = _tag("PatientBirthDate"), _tag("PatientSex")
_STUDY_DATE, _STUDY_TIME = _tag("StudyDate"), _tag("StudyTime")
_MODALITY, _MODALITIES = _tag("Modality"), _tag("ModalitiesInStudy")

# The unique key of each level (C.6.1.1, C.6.2.1): what a retrieval names.
_UNIQUE = {
    QueryLevel.PATIENT: _PATIENT_ID,
    QueryLevel.STUDY: _UIDS["study_instance_uids"],
    QueryLevel.SERIES: _UIDS["series_instance_uids"],
    QueryLevel.IMAGE: _UIDS["sop_instance_uids"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyIdentifier:
    """A query as read. `impossible` marks keys that nothing can match."""

    level: QueryLevel
    query: ImageQuery
    keys: Mapping[int, Key]
    impossible: bool = False


def read_study_identifier(identifier: DataSet, *, patient_root: bool) -> StudyIdentifier:
    """Read an Identifier. Keys of upper levels may be left out: every query is relational.

    Raises:
        RequiredFieldMissing: it says no level.
        DataTypeError: the level is none of the model; a date, time or number is not one.
    """
    level = _level(identifier, patient_root=patient_root)
    dates, times, started = interval(identifier.text(_STUDY_DATE), identifier.text(_STUDY_TIME))
    birth_date = date_range(identifier.text(_BIRTH_DATE))
    performed_date = date_range(identifier.text(_PERFORMED_DATE))
    performed_time = time_range(identifier.text(_PERFORMED_TIME))
    ranges = (dates, times, started, birth_date, performed_date, performed_time)
    keys = read_keys(identifier)
    keys[LEVEL] = Key(LEVEL, "CS")
    said: dict[str, Any] = {
        **{field: _uids(identifier, tag) for field, tag in _UIDS.items()},
        **{field: value_of(identifier, tag) for field, tag in _TEXTS.items()},
        **{field: name_of(identifier, tag) for field, tag in _NAMES.items()},
        **{field: _number(identifier, tag) for field, tag in _NUMBERS.items()},
        **_of_request(identifier),
    }
    query = ImageQuery(
        **said,
        patient_birth_date=birth_date,
        performed_date=performed_date,
        performed_time=performed_time,
        patient_sex=value_of(identifier, _SEX).upper(),
        study_date=dates,
        study_time=times,
        started=started,
        modalities_in_study=codes_of(identifier, _MODALITIES)
        or (codes_of(identifier, _MODALITY) if level is QueryLevel.STUDY else ()),
        modality=(codes_of(identifier, _MODALITY) or ("",))[0] if level in _HAS_SERIES else "",
    )
    return StudyIdentifier(
        level=level,
        query=query,
        keys=dict(sorted(keys.items())),
        impossible=any(bounds.last and bounds.first > bounds.last for bounds in ranges),
    )


def _of_request(identifier: DataSet) -> dict[str, str]:
    """What an item of Request Attributes Sequence must say."""
    items = identifier.items(_REQUESTS) if _REQUESTS in identifier else ()
    return {field: value_of(items[0], tag) for field, tag in _OF_REQUEST.items() if items}


_WILDCARDS = frozenset("*?")
_HAS_SERIES = (QueryLevel.SERIES, QueryLevel.IMAGE)


def read_retrieval(identifier: DataSet, *, patient_root: bool) -> ImageQuery:
    """Read the Identifier of C-MOVE or C-GET: which instances are wanted (C.4.2.1.4).

    Raises:
        RequiredFieldMissing: it does not name what is wanted at its level.
        DataTypeError: as of a query.
    """
    level = _level(identifier, patient_root=patient_root)
    if not identifier.texts(_UNIQUE[level]):
        what = "PatientID" if level is QueryLevel.PATIENT else "UID"
        raise RequiredFieldMissing(f"a retrieval at level {level} names no {what}", location=level)
    for tag in (_PATIENT_ID, *_UIDS.values()):
        if any(_WILDCARDS & set(text) for text in identifier.texts(tag)):
            # Universal matching would retrieve everything there is (C.4.2.2.1 allows none).
            raise DataTypeError("a retrieval names something by a wildcard", location=f"{tag:08X}")
    wanted: dict[str, Any] = {field: _uids(identifier, tag) for field, tag in _UIDS.items()}
    return ImageQuery(**wanted, patient_id=value_of(identifier, _PATIENT_ID))


def _level(identifier: DataSet, *, patient_root: bool) -> QueryLevel:
    said = identifier.text(LEVEL).strip().upper()
    if not said:
        raise RequiredFieldMissing("QueryRetrieveLevel is missing", location="(0008,0052)")
    known = [each for each in QueryLevel if patient_root or each is not QueryLevel.PATIENT]
    if said not in known:
        raise DataTypeError(f"{said[:16]} is no level of this model", location="(0008,0052)")
    return QueryLevel(said)


def _uids(identifier: DataSet, tag: int) -> tuple[str, ...]:
    """UIDs as a list; a wildcard in one, which no UID has, is taken for universal matching."""
    uids = values_of(identifier, tag)
    return () if any("*" in uid or "?" in uid for uid in uids) else uids


def _number(identifier: DataSet, tag: int) -> int | None:
    text = value_of(identifier, tag)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise DataTypeError(f"{text[:16]!r} is not a number", location=f"{tag:08X}") from None
