"""The Identifier of a worklist query (PS3.4 C.2.2.2, K.4.1.3): what must match, what to return."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.dicom.elements import DataSet
from bridge.domain.errors import DataTypeError
from bridge.domain.worklist import DateTimeRange, WorklistQuery

STEPS = 0x00400100
MODALITY = 0x00080060
STATION_AE_TITLE = 0x00400001
_START_DATE, _START_TIME = 0x00400002, 0x00400003
_PERFORMING_PHYSICIAN = 0x00400006
_SPS_ID, _SPS_STATUS = 0x00400009, 0x00400020
_STATION_NAME, _SPS_LOCATION = 0x00400010, 0x00400011
_PATIENT_NAME, _PATIENT_ID, _ISSUER_OF_PATIENT_ID = 0x00100010, 0x00100020, 0x00100021
_BIRTH_DATE, _SEX = 0x00100030, 0x00100040
_ACCESSION_NUMBER, _RP_ID = 0x00080050, 0x00401001
_STUDY_UID, _ADMISSION_ID = 0x0020000D, 0x00380010

# Keys of the step that many consoles send beside the sequence instead of inside it.
_STEP_LEVEL = frozenset({MODALITY, 0x00321070, _SPS_STATUS, *range(STATION_AE_TITLE, 0x00400013)})
# Never keys: Specific Character Set, Query/Retrieve Level, Timezone Offset From UTC.
_NOT_KEYS = frozenset({0x00080005, 0x00080052, 0x00080201})

_TIME_LENGTH = 6
_LAST_TIME = "235959"
_WHOLE_SECONDS = 2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """An attribute to return. An empty `items` on a sequence asks for all of each item."""

    tag: int
    vr: str
    items: Mapping[int, Key] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A query as read: what must match, and the attributes to return in order of their tags."""

    query: WorklistQuery
    keys: Mapping[int, Key]


def read_identifier(identifier: DataSet) -> Identifier:
    """Read an Identifier. Step keys at the root count as if they stood inside the sequence.

    Raises:
        DataTypeError: a date or time is not one, or the sequence cannot be read.
    """
    keys = _keys(identifier)
    items = identifier.items(STEPS) if STEPS in identifier else ()
    step = items[0] if items else DataSet({})
    misplaced = {tag: key for tag, key in keys.items() if tag in _STEP_LEVEL}
    if misplaced:
        _log.info("worklist query with step keys at the root", extra={"keys": len(misplaced)})
        keys = _moved(keys, misplaced)
    return Identifier(query=_query(identifier, step), keys=keys)


def _keys(level: DataSet) -> dict[int, Key]:
    return {tag: _key(level, tag) for tag in sorted(level) if _is_key(tag)}


def _is_key(tag: int) -> bool:
    """Group lengths and private attributes are neither matched nor returned."""
    is_private = bool(tag >> 16 & 1)
    return tag & 0xFFFF != 0 and not is_private and tag not in _NOT_KEYS


def _key(level: DataSet, tag: int) -> Key:
    vr = level.vr(tag)
    items = level.items(tag) if vr == "SQ" else ()
    return Key(tag, vr, _keys(items[0]) if items else {})


def _moved(keys: dict[int, Key], misplaced: dict[int, Key]) -> dict[int, Key]:
    sequence = keys.get(STEPS)
    kept = {tag: key for tag, key in keys.items() if tag not in misplaced}
    if sequence is None or sequence.items:
        inside = {**misplaced, **(sequence.items if sequence else {})}
        kept[STEPS] = Key(STEPS, "SQ", dict(sorted(inside.items())))
    return dict(sorted(kept.items()))


def _query(root: DataSet, step: DataSet) -> WorklistQuery:
    def of_step(tag: int) -> DataSet:
        return step if tag in step else root

    dates, times, start = _start(
        of_step(_START_DATE).text(_START_DATE), of_step(_START_TIME).text(_START_TIME)
    )
    birth_date = date_range(root.text(_BIRTH_DATE))
    ranges = (dates, times, start, birth_date)
    return WorklistQuery(
        station_ae_titles=_values(of_step(STATION_AE_TITLE), STATION_AE_TITLE),
        modalities=_codes(of_step(MODALITY), MODALITY),
        start=start,
        dates=dates,
        times=times,
        performing_physician=_name(of_step(_PERFORMING_PHYSICIAN), _PERFORMING_PHYSICIAN),
        patient_name=_name(root, _PATIENT_NAME),
        patient_id=_value(root, _PATIENT_ID),
        issuer_of_patient_id=_value(root, _ISSUER_OF_PATIENT_ID),
        patient_birth_date=birth_date,
        patient_sex=_value(root, _SEX).upper(),
        accession_number=_value(root, _ACCESSION_NUMBER),
        requested_procedure_id=_value(root, _RP_ID),
        study_instance_uids=_uids(root),
        sps_id=_value(of_step(_SPS_ID), _SPS_ID),
        sps_statuses=_codes(of_step(_SPS_STATUS), _SPS_STATUS),
        station_name=_value(of_step(_STATION_NAME), _STATION_NAME),
        sps_location=_value(of_step(_SPS_LOCATION), _SPS_LOCATION),
        admission_id=_value(root, _ADMISSION_ID),
        impossible=any(bounds.last and bounds.first > bounds.last for bounds in ranges),
    )


def _value(level: DataSet, tag: int) -> str:
    values = _values(level, tag)
    return values[0] if values else ""


def _values(level: DataSet, tag: int) -> tuple[str, ...]:
    """Give the values to match, any of which will do; a lone `*` among them matches universally."""
    values = tuple(value for value in level.texts(tag) if value)
    return () if any(not value.strip("*") for value in values) else values


def _codes(level: DataSet, tag: int) -> tuple[str, ...]:
    return tuple(value.upper() for value in _values(level, tag))


def _name(level: DataSet, tag: int) -> str:
    text = level.text(tag)
    return text if text.strip("*^= ") else ""


def _uids(root: DataSet) -> tuple[str, ...]:
    uids = _values(root, _STUDY_UID)
    if any("*" in uid or "?" in uid for uid in uids):
        _log.info("worklist query with a wildcard in a UID, matched universally")
        return ()
    return uids


def _start(date: str, time: str) -> tuple[DateTimeRange, DateTimeRange, DateTimeRange]:
    """Two ranges make one continuous interval (C.2.2.2.5); anything else matches each alone."""
    dates, times = date_range(date), time_range(time)
    if not (dates and times and "-" in date and "-" in time):
        return dates, times, DateTimeRange()
    interval = DateTimeRange(
        first=dates.first and dates.first + (times.first or "000000"),
        last=dates.last and dates.last + (times.last or _LAST_TIME),
    )
    return DateTimeRange(), DateTimeRange(), interval


def date_range(text: str) -> DateTimeRange:
    """Read a DA key: a date, a range, or nothing. The old form `2026.11.24` is understood.

    Raises:
        DataTypeError: it is neither.
    """
    first, last = _bounds(text)
    return DateTimeRange(first=_date(first), last=_date(last))


def time_range(text: str) -> DateTimeRange:
    """Read a TM key. A time that leaves out minutes or seconds means all of them.

    Raises:
        DataTypeError: it is not a time.
    """
    first, last = _bounds(text)
    return DateTimeRange(first=_time(first, "000000"), last=_time(last, _LAST_TIME))


def _bounds(text: str) -> tuple[str, str]:
    if "*" in text or "?" in text:
        # Not a wildcard in these VRs (C.2.2.2.4), but sent; nobody means to match nothing by it.
        return "", ""
    first, hyphen, last = text.partition("-")
    return (first.strip(), last.strip()) if hyphen else (first.strip(), first.strip())


def _date(text: str) -> str:
    date = text.replace(".", "")
    if date and not (len(date) == len("YYYYMMDD") and date.isdigit()):
        raise DataTypeError("a date of the query is not YYYYMMDD")
    return date


def _time(text: str, missing: str) -> str:
    time = text.replace(":", "").partition(".")[0]
    if not time:
        return ""
    if not time.isdigit() or len(time) % _WHOLE_SECONDS or len(time) > _TIME_LENGTH:
        raise DataTypeError("a time of the query is not HHMMSS")
    return min(time + missing[len(time) :], _LAST_TIME)
