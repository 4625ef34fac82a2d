"""Rejection notes (IHE RAD IOCM): instances that are kept, and shown to nobody any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"

WRONG_ENTRY, EXPIRED = "113038", "113039"

REJECTIONS: Mapping[str, str] = {
    "113001": "Rejected for Quality Reasons",
    "113037": "Rejected for Patient Safety Reasons",
    WRONG_ENTRY: "Incorrect Modality Worklist Entry",
    EXPIRED: "Data Retention Policy Expired",
}
"""DCM codes of Key Object Selection documents that reject what they select (CID 7011)."""


@dataclass(frozen=True, slots=True)
class RejectionNote:
    """A code of `REJECTIONS`, and what it rejects: (Study, SOP) Instance UIDs."""

    code: str
    references: frozenset[tuple[str, str]]
