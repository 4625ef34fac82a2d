"""FHIR dates and times of any precision as the period they stand for (R4 3.1.1.4.7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

_PATTERN = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<part>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?"
)
_MICROSECONDS = 6
_DECEMBER = 12
_LEAP_SECOND = 60


@dataclass(frozen=True, slots=True)
class Period:
    """From `low` up to and without `high`; None where the calendar ends."""

    low: datetime
    high: datetime | None


def read_period(text: str, zone: tzinfo) -> Period | None:
    """The period that a date, dateTime or instant stands for; None when it is none.

    A time without an offset, and a date, are meant in `zone`.
    """
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        return None
    try:
        low = _low(match, zone)
        low.astimezone(UTC)  # beyond the calendar's ends
    except (ValueError, OverflowError):
        return None
    try:
        return Period(low, _high(match, low))
    except (ValueError, OverflowError):
        return Period(low, None)


def _low(match: re.Match[str], zone: tzinfo) -> datetime:
    part = (match["part"] or "")[:_MICROSECONDS].ljust(_MICROSECONDS, "0")
    second = int(match["second"] or 0)
    return datetime(
        int(match["year"]),
        int(match["month"] or 1),
        int(match["day"] or 1),
        int(match["hour"] or 0),
        int(match["minute"] or 0),
        second - 1 if second == _LEAP_SECOND else second,
        int(part),
        tzinfo=_offset(match["zone"]) or zone,
    )


def _offset(text: str | None) -> timezone | None:
    if not text or text == "Z":
        return UTC if text else None
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _high(match: re.Match[str], low: datetime) -> datetime:
    if match["month"] is None:
        return low.replace(year=low.year + 1)
    if match["day"] is None:
        following = low.month % _DECEMBER + 1
        return low.replace(year=low.year + (following == 1), month=following)
    if match["hour"] is None:
        return low + timedelta(days=1)
    if match["second"] is None:
        return low + timedelta(minutes=1)
    if match["part"] is None:
        return low + timedelta(seconds=1)
    return low + timedelta(microseconds=10 ** max(0, _MICROSECONDS - len(match["part"])))


def utc_text(moment: datetime) -> str:
    """A moment as a text that sorts as time does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def site_text(moment: datetime, zone: tzinfo) -> str:
    """A moment as DA and TM run together, at the site; a day's beginning as the day alone."""
    text = moment.astimezone(zone).strftime("%Y%m%d%H%M%S").rjust(14, "0")
    return text.removesuffix("000000")
