"""Order status of HL7 v2 (table 0038) from the status of steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from bridge.domain.step_status import StepStatus

SCHEDULED: Final = "SC"
HELD: Final = "HD"
PARTLY: Final = "A"
"""Some, but not all, is done."""

STATUSES: Final[Mapping[StepStatus, str]] = {
    StepStatus.SCHEDULED: SCHEDULED,
    StepStatus.ARRIVED: SCHEDULED,
    StepStatus.READY: SCHEDULED,
    StepStatus.STARTED: "IP",
    StepStatus.DEPARTED: "CM",
    StepStatus.COMPLETED: "CM",
    StepStatus.DISCONTINUED: "DC",
    StepStatus.CANCELED: "CA",
    StepStatus.HELD: HELD,
}

# Any step so → the status of the procedure: the first row that holds counts.
_TOGETHER: Final = ("IP", SCHEDULED, HELD, "CM", "DC", "CA")


def status_of_steps(statuses: Collection[StepStatus], *, is_held: bool) -> str:
    """The status of a procedure whose steps have these; held where nothing has begun yet.

    Steps that are done beside others that are not make a procedure that is done in part.
    """
    found = {STATUSES[status] for status in statuses}
    if not found:
        return HELD
    if is_held and found <= {SCHEDULED, HELD}:
        return HELD
    if "CM" in found and found & {SCHEDULED, HELD} and "IP" not in found:
        return PARTLY
    return next(each for each in _TOGETHER if each in found)
