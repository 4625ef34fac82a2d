"""The query parameters of QIDO-RS (PS3.18 section 8.3.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from pydicom.datadict import keyword_for_tag

from bridge.dicom.matching_keys import date_range, time_range
from bridge.domain.errors import DataTypeError
from bridge.domain.worklist import DateTimeRange
from bridge.services.read_images import ImageQuery

MOST_RESULTS = 1000
DEFAULT_RESULTS = 100
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z.\-]{0,63}")
_LARGEST = 2**31

# Matching keys by what reads them: keyword → the field of a query. Each may be named by its tag.
_UIDS = {
    "StudyInstanceUID": "study_instance_uids",
    "SeriesInstanceUID": "series_instance_uids",
    "SOPInstanceUID": "sop_instance_uids",
    "SOPClassUID": "sop_class_uids",
}
_TEXTS = {
    "AccessionNumber": "accession_number",
    "PatientID": "patient_id",
    "IssuerOfPatientID": "issuer_of_patient_id",
    "PatientName": "patient_name",
    "PatientSex": "patient_sex",
    "ReferringPhysicianName": "referring_physician",
    "StudyID": "study_id",
    "StudyDescription": "study_description",
    "Modality": "modality",
}
_REQUEST = "RequestAttributesSequence"
_IN_REQUEST = {
    f"{_REQUEST}.ScheduledProcedureStepID": "sps_id",
    f"{_REQUEST}.RequestedProcedureID": "rp_id",
}
_DATES = {
    "StudyDate": "study_date",
    "PatientBirthDate": "patient_birth_date",
    "PerformedProcedureStepStartDate": "performed_date",
}
_TIMES = {"StudyTime": "study_time", "PerformedProcedureStepStartTime": "performed_time"}
_NUMBERS = {"SeriesNumber": "series_number", "InstanceNumber": "instance_number"}
_MODALITIES = "ModalitiesInStudy"
KEYWORDS = (*_UIDS, *_TEXTS, *_DATES, *_TIMES, *_NUMBERS, _MODALITIES, *_IN_REQUEST)
"""What can be matched; a path of keywords leads into a sequence."""

_FUZZY, _INCLUDE = "fuzzymatching", "includefield"
_BOOLEANS = {"true": True, "false": False, "": False}
_UNIVERSAL = ("", "*")


class InvalidQuery(ValueError):
    """A query that cannot be answered as asked; the text says why."""


def image_query(parameters: Iterable[tuple[str, str]]) -> ImageQuery:
    """Read the query parameters; texts may hold wildcards, dates and times ranges.

    Raises:
        InvalidQuery: a parameter is malformed, or asks to match what we do not index: leaving
            that key out would answer with the images of others.
    """
    fields: dict[str, Any] = {"limit": DEFAULT_RESULTS}
    for name, value in parameters:
        keyword = _keyword(name)
        if name in ("limit", "offset"):
            fields[name] = _number(name, value)
        elif name == _FUZZY:
            fields["fuzzy_names"] = _boolean(name, value)
        elif keyword in KEYWORDS:
            if value not in _UNIVERSAL:
                _add(fields, keyword, value)
        elif name != _INCLUDE and value not in _UNIVERSAL:
            raise InvalidQuery(
                f"matching by {name[:64]} is not supported; supported: {', '.join(KEYWORDS)}"
            )
    return ImageQuery(**fields | {"limit": min(fields["limit"], MOST_RESULTS)})


def included(parameters: Iterable[tuple[str, str]]) -> frozenset[str]:
    """What is to be returned beside the usual: keywords, paths of keywords, or `all`.

    A name that is no attribute's is passed over, as the standard has it (PS3.18 8.3.4.3).
    """
    named = [value for name, value in parameters if name == _INCLUDE]
    return frozenset(_keyword(each.strip()) for text in named for each in text.split(",") if each)


def _keyword(name: str) -> str:
    """The path of keywords that a name stands for: `00400275.00400009`, or as it is."""
    return ".".join(map(_of_tag, name.split(".")))


def _of_tag(part: str) -> str:
    return (keyword_for_tag(int(part, 16)) or part) if _TAG.fullmatch(part) else part


def _add(fields: dict[str, Any], keyword: str, value: str) -> None:
    if keyword in _UIDS:
        field = _UIDS[keyword]
        uids = tuple(uid(each) for each in re.split(r"[,\\]", value) if each not in _UNIVERSAL)
        fields[field] = (*fields.get(field, ()), *uids)
    elif keyword in _NUMBERS:
        fields[_NUMBERS[keyword]] = _number(keyword, value)
    elif keyword in _DATES:
        fields[_DATES[keyword]] = _range(keyword, value, date_range)
    elif keyword in _TIMES:
        fields[_TIMES[keyword]] = _range(keyword, value, time_range)
    elif keyword in _IN_REQUEST:
        fields[_IN_REQUEST[keyword]] = _text(keyword, value)
    elif keyword == _MODALITIES:
        modalities = tuple(re.split(r"[,\\]", _text(keyword, value).upper()))
        fields["modalities_in_study"] = (*fields.get("modalities_in_study", ()), *modalities)
    else:
        fields[_TEXTS[keyword]] = _text(keyword, value)


def _range(name: str, value: str, read: Callable[[str], DateTimeRange]) -> DateTimeRange:
    try:
        return read(value)
    except DataTypeError as error:
        raise InvalidQuery(f"{name}: {error.message}") from error


def uid(text: str) -> str:
    """Check a UID. Raises InvalidQuery."""
    if not _UID.fullmatch(text):
        raise InvalidQuery("a UID has at most 64 characters: digits and dots")
    return text


def _text(name: str, value: str) -> str:
    text = value.strip()
    if text in _UNIVERSAL:
        return ""
    if not text.isprintable():
        raise InvalidQuery(f"{name} holds control characters")
    return text


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()) or int(value) >= _LARGEST:
        raise InvalidQuery(f"{name} must be a number, 0 or more")
    return int(value)


def _boolean(name: str, value: str) -> bool:
    if value.lower() not in _BOOLEANS:
        raise InvalidQuery(f"{name} is true or false")
    return _BOOLEANS[value.lower()]
