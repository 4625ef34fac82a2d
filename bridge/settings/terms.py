"""What a single value may be: one parser per kind, each refusing with a reason and a fix."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from bridge.settings.problems import quoted
from bridge.settings.values import Secret

T = TypeVar("T")

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off"})
_LONGEST_TEXT = 1024
_MOST_PROCESSES = 64
LONGEST_SECRET = 65_536


class UnfitValueError(Exception):
    """A value cannot be used: ``what`` is wrong with it and which ``fix`` would help."""

    def __init__(self, what: str, fix: str) -> None:
        """Keep the reason and the fix."""
        super().__init__(what)
        self.what = what
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Term(Generic[T]):
    """A kind of value: its description for people and its parser.

    ``parse`` takes the text as written and raises UnfitValueError. ``secret`` values are masked
    wherever settings are shown and may be read from a file.
    """

    describe: str
    parse: Callable[[str], T]
    secret: bool = False


def integer(lowest: int, highest: int, unit: str = "") -> Term[int]:
    """Return a term for whole numbers within bounds, both included."""
    described = f"whole number from {lowest} to {highest}" + (f" ({unit})" if unit else "")

    def parse(text: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise UnfitValueError(f"{quoted(text)} is not a whole number", f"use a {described}")
        number = int(text)
        if not lowest <= number <= highest:
            raise UnfitValueError(
                _beyond(text, number < lowest, lowest, highest), f"use a {described}"
            )
        return number

    return Term(described, parse)


def number(lowest: float, highest: float, unit: str = "") -> Term[float]:
    """Return a term for decimal numbers within bounds, both included."""
    described = f"number from {lowest:g} to {highest:g}" + (f" ({unit})" if unit else "")

    def parse(text: str) -> float:
        if not _NUMBER.fullmatch(text):
            raise UnfitValueError(f"{quoted(text)} is not a number", f"use a {described}")
        value = float(text)
        if not lowest <= value <= highest:
            raise UnfitValueError(
                _beyond(text, value < lowest, lowest, highest), f"use a {described}"
            )
        return value

    return Term(described, parse)


def choice(*allowed: str) -> Term[str]:
    """Return a term for one of several words."""
    listing = ", ".join(allowed)

    def parse(text: str) -> str:
        if text in allowed:
            return text
        raise UnfitValueError(
            f"{quoted(text)} is not one of {listing}",
            instead(text, allowed, f"use one of {listing}"),
        )

    return Term("one of " + listing, parse)


def instead(wrong: str, allowed: Collection[str], otherwise: str) -> str:
    """Return "did you mean ...?" when a known word is close, else the other advice."""
    folded = {word.casefold(): word for word in allowed}
    close = difflib.get_close_matches(wrong[:_LONGEST_TEXT].casefold(), folded, n=1, cutoff=0.6)
    return f"did you mean {folded[close[0]]}?" if close else otherwise


def parse_text(text: str) -> str:
    """Return text that is not empty and holds no control characters."""
    if not text.strip():
        raise UnfitValueError("is empty", "write a value, or delete the line to get the default")
    if len(text) > _LONGEST_TEXT:
        raise UnfitValueError(
            f"is {len(text)} characters long", f"use at most {_LONGEST_TEXT} characters"
        )
    if not text.isprintable():
        raise UnfitValueError(
            f"{quoted(text)} holds a control character", "use printable characters on one line"
        )
    return text


def _beyond(text: str, below: bool, lowest: float, highest: float) -> str:
    return f"{text} is below {lowest:g}" if below else f"{text} is above {highest:.15g}"


def _parse_boolean(text: str) -> bool:
    word = text.lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise UnfitValueError(f"{quoted(text)} is neither true nor false", "write true or false")


def _parse_name(text: str) -> str:
    if _NAME.fullmatch(text):
        return text
    raise UnfitValueError(
        f"{quoted(text)} is not a name",
        "use at most 64 letters, digits, points, hyphens and underscores, a letter or digit first",
    )


def _parse_timezone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(parse_text(text))
    # ZoneInfo opens a file of that name: folders, odd paths and odd bytes each fail differently.
    except (LookupError, OSError, ValueError):
        fix = instead(text, available_timezones(), "use a name such as Asia/Ho_Chi_Minh or UTC")
        raise UnfitValueError(f"{quoted(text)} is not a time zone", fix) from None


def _parse_path(text: str) -> Path:
    return Path(parse_text(text))


def _parse_processes(text: str) -> int:
    if text == "auto":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return integer(1, _MOST_PROCESSES).parse(text)


def _parse_secret(text: str) -> Secret:
    if not text:
        raise UnfitValueError("is empty", "write the secret, or delete the line")
    if len(text) > LONGEST_SECRET or not text.isprintable():
        raise UnfitValueError(
            "is too long or holds a control character", "use printable characters on one line"
        )
    return Secret(text)


TEXT = Term("text", parse_text)
NAME = Term("name (letters, digits, points, hyphens, underscores)", _parse_name)
BOOLEAN = Term("true or false", _parse_boolean)
TIMEZONE = Term("IANA time zone name", _parse_timezone)
PROCESSES = Term(f"`auto`, or whole number from 1 to {_MOST_PROCESSES}", _parse_processes)
PATH = Term("path, relative to the working directory", _parse_path)
SECRET = Term("secret text", _parse_secret, secret=True)
