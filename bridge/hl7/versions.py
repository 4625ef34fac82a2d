"""Versions of HL7 v2 (MSH-12, table 0104), as far as answers differ by them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

DEFAULT: Final = "2.5.1"
WITH_ERL: Final = (2, 5)
"""The first in which ERR names its place by ERL and has a severity."""

WITH_TRUNCATION: Final = (2, 7)
"""The first with a truncation character in MSH-2."""

# Releases of v2 that exist or, after 2.9, will: with or without a point release behind.
_KNOWN: Final = re.compile(r"2\.[1-9](\.\d{1,2})*")


@lru_cache(maxsize=256)
def number(version: str) -> tuple[int, int]:
    """The first two numbers of a version; one that cannot be read counts as a new one."""
    parts = version.split("^", 1)[0].split(".")[:2]
    if len(parts) < 2 or not all(part.isdecimal() for part in parts):  # noqa: PLR2004
        return WITH_ERL
    return int(parts[0]), int(parts[1])


def is_known(version: str) -> bool:
    """Whether it is a version of HL7 v2 at all; an empty one leaves it open."""
    return not version or _KNOWN.fullmatch(version) is not None
