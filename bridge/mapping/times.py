"""HL7 v2 time stamps (TS, DTM: v2.5.1 2.A.77, 2.A.22) as DICOM's DA and TM, in the site's zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_DTM = re.compile(r"(\d{4}(?:\d\d){0,5})(?:\.\d+)?([+-]\d{4})?")
# What senders write instead: ISO 8601, or a date with dashes.
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?)?"
)
# What people write, and programs that print for them: 31/12/2026 08:30, 31.12.2026.
_WRITTEN = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?:[ T]+(\d{1,2}):(\d\d)(?::(\d\d))?)?")
ORDERS = ("dmy", "mdy")
_DAY_DIGITS = 8
_SMALLEST = "00000101000000"
_LONGEST_KEPT = 40


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """A moment as precisely as it was written: 8 to 14 digits, in the site's zone."""

    digits: str
    utc: str

    @property
    def date(self) -> str:
        """DA."""
        return self.digits[:_DAY_DIGITS]

    @property
    def time(self) -> str:
        """TM to the second; empty when only the day was given."""
        given = self.digits[_DAY_DIGITS:]
        return f"{given}0000"[:6] if given else ""


def parse_time_stamp(text: str, zone: tzinfo, order: str = "") -> TimeStamp | None:
    """Read a time stamp; None when it is none, no real moment, or less precise than a day.

    `order` (`dmy` or `mdy`) allows dates as people write them, beside those of HL7.

    A zone offset is converted to `zone`; without one the stamp is in `zone` already. `utc` holds
    all 14 digits.
    """
    read = _read_known if len(text) <= _LONGEST_KEPT else _read_known.__wrapped__
    return read(text.strip(), zone, order)


@lru_cache(maxsize=4096)
def _read_known(text: str, zone: tzinfo, order: str) -> TimeStamp | None:
    """Read one; the messages of a second, and the orders of a clinic, have theirs in common."""
    digits, offset = _normalize(text, order)
    if len(digits) < _DAY_DIGITS:
        return None
    moment = _to_datetime(digits)
    if moment is None:
        return None
    try:
        if offset and len(digits) > _DAY_DIGITS:
            local = moment.replace(tzinfo=_parse_offset(offset)).astimezone(zone)
            digits = local.strftime("%Y%m%d%H%M%S").zfill(14)[: len(digits)]
        else:
            local = moment.replace(tzinfo=zone)
        utc = local.astimezone(UTC).strftime("%Y%m%d%H%M%S").zfill(14)
    except (ValueError, OverflowError):
        return None
    return TimeStamp(digits, utc)


def parse_date(text: str, order: str = "") -> str | None:
    """Read a date as DA, whatever follows it; None when it is no complete, real day."""
    digits, _ = _normalize(text.strip(), order)
    if len(digits) < _DAY_DIGITS or _to_datetime(digits[:_DAY_DIGITS]) is None:
        return None
    return digits[:_DAY_DIGITS]


def _normalize(text: str, order: str = "") -> tuple[str, str]:
    if order in ORDERS and (found := _WRITTEN.fullmatch(text)):
        places = (
            {"d": found[1], "m": found[2]} if order == "dmy" else {"m": found[1], "d": found[2]}
        )
        day = f"{found[3]}{places['m']:0>2}{places['d']:0>2}"
        clock = "".join(f"{part:0>2}" for part in found.groups()[3:] if part)
        return day + clock, ""
    if found := _DTM.fullmatch(text):
        return found[1], found[2] or ""
    if found := _ISO.fullmatch(text):
        offset = (found[7] or "").replace(":", "").replace("Z", "+0000")
        return "".join(part for part in found.groups()[:6] if part), offset
    return "", ""


def _to_datetime(digits: str) -> datetime | None:
    full = digits + _SMALLEST[len(digits) :]
    try:
        return datetime(  # noqa: DTZ001 - the zone is added by the caller, who knows it
            int(full[:4]),
            int(full[4:6]),
            int(full[6:8]),
            int(full[8:10]),
            int(full[10:12]),
            min(int(full[12:14]), 59) if full[12:14] == "60" else int(full[12:14]),
        )
    except ValueError:
        return None


def _parse_offset(offset: str) -> timezone:
    minutes = int(offset[1:3]) * 60 + int(offset[3:5])
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
