"""Keys as a C-FIND Identifier carries them (PS3.4 C.2.2.2): values, ranges, what to return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.dicom.elements import DataSet
from bridge.domain.errors import DataTypeError
from bridge.domain.worklist import DateTimeRange

# Never keys: Specific Character Set, Query/Retrieve Level, Timezone Offset From UTC.
_NOT_KEYS = frozenset({0x00080005, 0x00080052, 0x00080201})

_TIME_LENGTH = 6
_LAST_TIME = "235959"
_WHOLE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Key:
    """An attribute to return. An empty `items` on a sequence asks for all of each item."""

    tag: int
    vr: str
    items: Mapping[int, Key] = field(default_factory=dict)


def read_keys(level: DataSet) -> dict[int, Key]:
    """The attributes to return, by tag in order."""
    return {tag: _key(level, tag) for tag in sorted(level) if _is_key(tag)}


def _is_key(tag: int) -> bool:
    """Group lengths and private attributes are neither matched nor returned."""
    is_private = bool(tag >> 16 & 1)
    return tag & 0xFFFF != 0 and not is_private and tag not in _NOT_KEYS


def _key(level: DataSet, tag: int) -> Key:
    vr = level.vr(tag)
    items = level.items(tag) if vr == "SQ" else ()
    return Key(tag, vr, read_keys(items[0]) if items else {})


def value_of(level: DataSet, tag: int) -> str:
    """The first value to match; empty matches universally."""
    values = values_of(level, tag)
    return values[0] if values else ""


def values_of(level: DataSet, tag: int) -> tuple[str, ...]:
    """Give the values to match, any of which will do; a lone `*` among them matches universally."""
    values = tuple(value for value in level.texts(tag) if value)
    return () if any(not value.strip("*") for value in values) else values


def codes_of(level: DataSet, tag: int) -> tuple[str, ...]:
    """The values of a CS key, any of which will do."""
    return tuple(value.upper() for value in values_of(level, tag))


def name_of(level: DataSet, tag: int) -> str:
    """The name to match; empty when it is nothing but wildcards and delimiters."""
    text = level.text(tag)
    return text if text.strip("*^= ") else ""


def interval(date: str, time: str) -> tuple[DateTimeRange, DateTimeRange, DateTimeRange]:
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
