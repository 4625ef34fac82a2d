"""What the worklist is told of each AE: its place among the stations, and its quirks. All data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """How a device differs from the standard, as `mappings/modality-quirks.yaml` has it.

    `ascii_only` and `upper_case` write texts folded to ASCII, and in capitals. `longest_text` cuts
    texts (never identifiers) to so many characters; `name_groups` keeps so many component groups
    of names. `only_sequences` are the sequences it can read (keywords; None: all), `leave_out`
    attributes it is never sent, `return_extra` attributes it is sent unasked. `ignore_keys` are
    keys whose values do not count, `any_station` titles that mean every station. `root_sps_keys`
    says what keys of the step mean that stand at the root: `accept` takes them as keys of the
    step, `mirror` also answers them at the root, `ignore` only leaves them empty. `own_station`
    answers the calling title instead of all that are scheduled. `pn_prefix` takes names without
    wildcards as beginnings. `always_ff00` never warns of keys that are not supported (FF01),
    `truncate_success` ends an answer that was cut short with Success instead of A700.
    """

    ascii_only: bool = False
    upper_case: bool = False
    longest_text: int = 0
    name_groups: int = 0
    only_sequences: tuple[str, ...] | None = None
    leave_out: tuple[str, ...] = ()
    return_extra: tuple[str, ...] = ()
    ignore_keys: tuple[str, ...] = ()
    any_station: tuple[str, ...] = ()
    root_sps_keys: str = "accept"
    own_station: bool = False
    pn_prefix: bool = False
    always_ff00: bool = False
    truncate_success: bool = False

    @property
    def keywords(self) -> tuple[str, ...]:
        """Every attribute that is named."""
        named = (self.only_sequences or (), self.leave_out, self.return_extra, self.ignore_keys)
        return tuple(keyword for each in named for keyword in each)


NO_QUIRKS = Quirks()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistPolicy:
    """What an AE is shown.

    `days_back` and `days_ahead` bound a query that says neither a date nor whom or what it wants
    (None: not bounded); `overnight_hours` adds the end of the day before to a query for today.
    `limit` is the most entries of one answer (0: that of the whole bridge). `fuzzy_names` lets the
    AE negotiate fuzzy matching of names.
    """

    filter_by_calling_ae: bool = False
    hide_statuses: tuple[str, ...] = ()
    days_back: int | None = None
    days_ahead: int | None = None
    overnight_hours: int = 0
    limit: int = 0
    fuzzy_names: bool = False


EVERYTHING_SHOWN = WorklistPolicy()
