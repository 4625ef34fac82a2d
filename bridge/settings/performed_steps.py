"""What can be configured of performed steps (MPPS)."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.settings.schema import Items, Value, described
from bridge.settings.terms import BOOLEAN, TEXT, choice, number

_STRICTNESS = choice("lenient", "silent", "strict")
_HOURS = number(0, 8_760, "hours")


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformedStepQuirks:
    """How performed steps of one device are taken; what is left out is as `dicom.mpps` says."""

    strictness: str | None = field(
        default=None,
        metadata=described(
            Value(_STRICTNESS, optional=True),
            "As `dicom.mpps.strictness`, for this device.",
        ),
    )
    create_from_set: bool | None = field(
        default=None,
        metadata=described(
            Value(BOOLEAN, optional=True), "As `dicom.mpps.create_from_set`, for this device."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Discontinuation:
    """What follows from one reason for which a performed step is discontinued."""

    reason: str = field(
        metadata=described(
            TEXT,
            "Code of the reason (PS3.16 CID 9300), such as 110501 for an equipment failure; with"
            " its coding scheme before a colon when that is not DCM.",
            example="'110501'",
        )
    )
    step: str = field(
        default="close",
        metadata=described(
            choice("close", "schedule"),
            "The scheduled step is over, or goes back on the worklist to be done again.",
        ),
    )
    images: str = field(
        default="keep",
        metadata=described(
            choice("keep", "quarantine"),
            "The images belong to the order, or are held back from it until a person has said"
            " whom they show.",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformedStepSettings:
    """Performed steps (MPPS) as devices report them."""

    strictness: str = field(
        default="lenient",
        metadata=described(
            _STRICTNESS,
            "Messages that lack what they must have, or set what they may not: taken, and the"
            " latter answered with a warning (0107H); taken and answered with success (`silent`);"
            " or refused (0105H, 0120H, 0121H).",
        ),
    )
    create_from_set: bool = field(
        default=False,
        metadata=described(
            BOOLEAN,
            "Whether an N-SET of an unknown step creates it, for devices that send no N-CREATE."
            " Else it is refused (0112H).",
        ),
    )
    open_hours: float = field(
        default=12.0,
        metadata=described(
            _HOURS, "A step in progress for longer is warned of: the device may have failed."
        ),
    )
    when_open_too_long: str = field(
        default="warn",
        metadata=described(
            choice("warn", "discontinue", "complete"),
            "What is done then: only warned; or the bridge itself ends the step, as discontinued,"
            " or as completed when every instance it lists has arrived and at least one has.",
        ),
    )
    discontinued: tuple[Discontinuation, ...] = field(
        default=(),
        metadata=described(
            Items({"": Discontinuation}, named_by="reason"),
            "What follows from reasons of discontinuation. Without an entry, 110514 (incorrect"
            " worklist entry selected) schedules the step again and quarantines the images, and"
            " every other reason closes the step and keeps them.",
        ),
    )
