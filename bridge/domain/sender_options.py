"""What is peculiar to a sender beyond what its fields mean: the `options:` of its profile.

To add an option, add a field with its default and one sentence. Profiles may say it at once, the
guide (docs/mapping.md) lists it, and use cases read it from `Origin.options`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum


def _about(*sentence: str) -> dict[str, str]:
    """What an option does, in one sentence: metadata of its field."""
    return {"about": " ".join(sentence)}


class OverlongIds(StrEnum):
    """What is done with an identifier that is longer than DICOM allows (STANDARDS 2.3)."""

    REFUSE = "refuse"
    SURROGATE = "surrogate"


class MissingStudyUid(StrEnum):
    """What is done in mode `ris` with an order that has no Study Instance UID (STANDARDS 2.7)."""

    HOLD = "hold"
    REJECT = "reject"
    FROM_ACCESSION = "from_accession"
    GENERATE = "generate"


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderOptions:
    """The options of one sender. A yes or no, a word of an enumeration, or a text."""

    mode: str = field(
        default="",
        metadata=_about("`ris` or `his_only` where the listener does not say; empty: as the site."),
    )
    overlong_ids: OverlongIds = field(
        default=OverlongIds.REFUSE,
        metadata=_about(
            "Identifiers longer than DICOM allows: refuse the message, or show modalities a short",
            "surrogate in their place; they are never cut.",
        ),
    )
    missing_study_uid: MissingStudyUid = field(
        default=MissingStudyUid.HOLD,
        metadata=_about(
            "Orders of a RIS without Study Instance UID: hold, reject (101), derive it from the",
            "accession number, or generate it.",
        ),
    )
    nw_is_upsert: bool = field(
        default=True,
        metadata=_about(
            "A new order (NW) for an order that exists changes it; no: it is refused (205)."
        ),
    )
    xo_creates: bool = field(
        default=True,
        metadata=_about(
            "A change (XO) of an order that does not exist creates it; no: it is refused (204)."
        ),
    )
    merge_is_swapped: bool = field(
        default=False,
        metadata=_about("In merges (A18, A34, A40) PID names who is retired, MRG who survives."),
    )


NO_OPTIONS = SenderOptions()


def described_options() -> tuple[tuple[str, object, str], ...]:
    """Name, default and sentence of every option, for the guide."""
    return tuple(
        (each.name, each.default, each.metadata["about"]) for each in fields(SenderOptions)
    )
