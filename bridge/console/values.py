"""Values of DICOM as people read them: names, dates and times (PS3.5 6.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

_DATE_DIGITS, _TIME_DIGITS, _MINUTE_DIGITS = 8, 6, 4


def person(name: str) -> str:
    """A PN: its words in the order they stand, further component groups in brackets."""
    groups = (" ".join(group.replace("^", " ").split()) for group in name.split("="))
    first, *others = [each for each in groups if each] or [""]
    return f"{first} ({', '.join(others)})" if others else first


def day(date: str) -> str:
    """A DA, or the date of a DT, as ISO 8601 has it; what is none stays as it is."""
    digits = date[:_DATE_DIGITS]
    if len(digits) != _DATE_DIGITS or not digits.isdigit():
        return date
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"


def hour(time: str) -> str:
    """A TM, or the time of a DT, in hours and minutes, with seconds where they are said."""
    digits = time.partition(".")[0].replace(":", "")
    if len(digits) < _MINUTE_DIGITS or not digits.isdigit():
        return time
    seconds = digits[_MINUTE_DIGITS:_TIME_DIGITS]
    shown = f"{digits[:2]}:{digits[2:4]}"
    return f"{shown}:{seconds}" if seconds.strip("0") else shown


def moment(text: str) -> str:
    """A DT without a zone: date and time."""
    date, time = text[:_DATE_DIGITS], text[_DATE_DIGITS:]
    return f"{day(date)} {hour(time)}".strip()


FILTERS: Mapping[str, Callable[[str], str]] = {
    "person": person,
    "day": day,
    "hour": hour,
    "moment": moment,
}
"""As templates call them."""
