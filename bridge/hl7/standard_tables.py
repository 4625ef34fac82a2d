"""hl7apy's tables of the standard, v2.1 to v2.8.2: what segments, fields and messages consist of.

Loaded with the first question: hl7apy takes a third of a second, which a start need not wait for.
"""

from __future__ import annotations

from typing import Any


def look_up(version: str, name: str, kind: str) -> Any:
    """hl7apy's entry of a `Segment`, `Field` or `Message`; None where the version has none."""
    from hl7apy import load_library  # noqa: PLC0415
    from hl7apy.exceptions import HL7apyException  # noqa: PLC0415

    try:
        return load_library(version).get(name, kind)
    except (HL7apyException, KeyError):
        return None
