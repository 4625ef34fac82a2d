"""What can be configured of the worklist: what an AE is shown, and its quirks."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.settings.schema import Value, Values, described
from bridge.settings.standard_terms import AE_TITLE, KEYWORD
from bridge.settings.terms import BOOLEAN, NAME, choice, integer

STATUSES = ("SCHEDULED", "ARRIVED", "READY", "STARTED")
_DAYS = integer(0, 3650, "days")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistSettings:
    """What AEs are shown of the worklist. A peer has from the general ones what it leaves out."""

    filter_by_calling_ae: bool | None = field(
        default=None,
        metadata=described(
            Value(BOOLEAN, optional=True),
            "Whether an AE is shown only what is scheduled for its own title, its aliases and"
            " pools, or open to any station of its modalities and locations.",
            derived="for a peer as `dicom.worklist`, else `false`",
        ),
    )
    hide_statuses: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(choice(*STATUSES)),
            "Statuses of steps that are not shown, such as STARTED.",
            derived="for a peer as `dicom.worklist`",
        ),
    )
    days_back: int | None = field(
        default=None,
        metadata=described(
            Value(_DAYS, optional=True),
            "First day, before today, of a query that says neither a date nor a patient or a"
            " number. Patients who are in the house are shown whatever their day.",
            derived="for a peer as `dicom.worklist`, else no bound",
        ),
    )
    days_ahead: int | None = field(
        default=None,
        metadata=described(
            Value(_DAYS, optional=True),
            "Last day, after today, of such a query.",
            derived="for a peer as `dicom.worklist`, else no bound",
        ),
    )
    overnight_hours: int | None = field(
        default=None,
        metadata=described(
            Value(integer(0, 24, "hours"), optional=True),
            "End of the day before that a query for today means too.",
            derived="for a peer as `dicom.worklist`, else none",
        ),
    )
    limit: int | None = field(
        default=None,
        metadata=described(
            Value(integer(1, 1_000_000), optional=True),
            "Most entries that one query is answered with.",
            derived="for a peer as `dicom.worklist`, else `dicom.worklist_limit`",
        ),
    )
    fuzzy_names: bool | None = field(
        default=None,
        metadata=described(
            Value(BOOLEAN, optional=True),
            "Whether names that only sound alike match, for AEs that negotiate fuzzy matching.",
            derived="for a peer as `dicom.worklist`, else `false`",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuirkSettings:
    """How a device differs from the standard: a profile, and what this device has beside it."""

    profile: str = field(
        default="",
        metadata=described(
            Value(NAME, optional=True),
            "Profile of `mappings/modality-quirks.yaml`; what is said beside it comes first.",
        ),
    )
    ascii_only: bool | None = field(
        default=None,
        metadata=described(Value(BOOLEAN, optional=True), "Texts are folded to ASCII."),
    )
    upper_case: bool | None = field(
        default=None,
        metadata=described(
            Value(BOOLEAN, optional=True), "Texts are written in capitals; identifiers are not."
        ),
    )
    longest_text: int | None = field(
        default=None,
        metadata=described(
            Value(integer(0, 10_240, "characters"), optional=True),
            "Where texts are cut; identifiers never are. 0 is nowhere.",
        ),
    )
    name_groups: int | None = field(
        default=None,
        metadata=described(
            Value(integer(0, 3), optional=True),
            "How many component groups of names are sent; 0 is all.",
        ),
    )
    only_sequences: tuple[str, ...] = field(
        default=(),
        metadata=described(Values(KEYWORD), "Sequences that the device can read; empty is all."),
    )
    leave_out: tuple[str, ...] = field(
        default=(), metadata=described(Values(KEYWORD), "Attributes that are never sent.")
    )
    return_extra: tuple[str, ...] = field(
        default=(), metadata=described(Values(KEYWORD), "Attributes that are sent unasked.")
    )
    ignore_keys: tuple[str, ...] = field(
        default=(), metadata=described(Values(KEYWORD), "Keys whose values are not matched.")
    )
    any_station: tuple[str, ...] = field(
        default=(),
        metadata=described(Values(AE_TITLE), "Station titles that mean every station."),
    )
    root_sps_keys: str | None = field(
        default=None,
        metadata=described(
            Value(choice("accept", "mirror", "ignore"), optional=True),
            "What keys of the step mean at the root: as inside, answered at both, or nothing.",
        ),
    )
    own_station: bool | None = field(
        default=None,
        metadata=described(
            Value(BOOLEAN, optional=True), "The answer names the calling station alone."
        ),
    )
    pn_prefix: bool | None = field(
        default=None,
        metadata=described(
            Value(BOOLEAN, optional=True), "A name without wildcards is the beginning of one."
        ),
    )
    always_ff00: bool | None = field(
        default=None,
        metadata=described(
            Value(BOOLEAN, optional=True), "Unsupported keys are never warned of (FF01)."
        ),
    )
    truncate_success: bool | None = field(
        default=None,
        metadata=described(
            Value(BOOLEAN, optional=True),
            "An answer that was cut short ends with Success instead of A700.",
        ),
    )
