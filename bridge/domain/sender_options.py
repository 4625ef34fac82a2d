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


class SenderMode(StrEnum):
    """Who owns the identifiers of a sender's orders (STANDARDS.md section 1)."""

    AS_SITE = ""
    RIS = "ris"
    HIS_ONLY = "his_only"


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


class UnknownOrder(StrEnum):
    """What is done with what tells of an order that is not known."""

    PARK = "park"
    REFUSE = "refuse"


class TooLateToCancel(StrEnum):
    """What is done with the cancel of an examination that has begun (STANDARDS 3.2)."""

    REFUSE = "refuse"
    ACCEPT = "accept"


class AppointmentCancelled(StrEnum):
    """What becomes of an examination whose appointment is cancelled (STANDARDS 2.9)."""

    UNSCHEDULE = "unschedule"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderOptions:
    """The options of one sender. A yes or no, a word of an enumeration, or a text."""

    mode: SenderMode = field(
        default=SenderMode.AS_SITE,
        metadata=_about(
            "Who owns the identifiers, where the listener does not say; empty: as the site."
        ),
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
            "A change (XO) of an order that does not exist creates it; no: it waits for its order."
        ),
    )
    unknown_order: UnknownOrder = field(
        default=UnknownOrder.PARK,
        metadata=_about(
            "What tells of an order that is not known yet: park it until the order comes, or",
            "refuse it (204).",
        ),
    )
    park_days: int = field(
        default=7,
        metadata=_about("For how many days a parked message waits for its order."),
    )
    too_late_to_cancel: TooLateToCancel = field(
        default=TooLateToCancel.REFUSE,
        metadata=_about(
            "The cancel (CA) of an examination that has begun: refuse it (199), or accept it with",
            "a warning.",
        ),
    )
    siu_creates_order: bool = field(
        default=False,
        metadata=_about("An appointment (SIU) for imaging that names no known order creates one."),
    )
    siu_matches_by_service: bool = field(
        default=False,
        metadata=_about(
            "An appointment that names no order is for the one open order of its patient with",
            "that service (AIS-3).",
        ),
    )
    siu_cancelled: AppointmentCancelled = field(
        default=AppointmentCancelled.UNSCHEDULE,
        metadata=_about(
            "An appointment that is cancelled, deleted or missed: unschedule the examination, or",
            "cancel it.",
        ),
    )
    results_complete: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            "Statuses of a report (ORU, MDM; table 0123, such as [F, C]) that complete its order."
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
