"""What happened to a step, in the order in which it happened: its status follows from that alone.

Messages overtake each other. What is older than the newest event is put in its place among the
others, and the status is worked out anew; so the order of arrival does not matter, save that an
older message never undoes a newer one that was acknowledged.
"""

from __future__ import annotations

from typing import TypeAlias

from bridge.domain.step_status import ON_WORKLIST, StepEvent, StepStatus, after

Happened: TypeAlias = tuple[str, StepEvent]
"""When (`YYYYMMDDHHMMSS` in UTC, empty when nobody said) and what."""

History: TypeAlias = tuple[Happened, ...]

ENDINGS = frozenset(
    {
        StepEvent.CANCEL,
        StepEvent.WITHDRAW,
        StepEvent.DISCONTINUE,
        StepEvent.COMPLETE,
        StepEvent.ANNUL,
    }
)
_CANCELS = frozenset({StepEvent.CANCEL, StepEvent.WITHDRAW, StepEvent.ANNUL})
_TAKES_OFF = frozenset(
    {StepEvent.HOLD, StepEvent.CANCEL, StepEvent.WITHDRAW, StepEvent.DISCONTINUE}
)
_ORDERS = frozenset({StepEvent.SCHEDULE, StepEvent.REORDER})
"""What a snapshot of the order says of its steps: that they are wanted."""
_HOLDS = frozenset({StepEvent.HOLD, StepEvent.UNSCHEDULE})
_LEADS_TO = {
    StepStatus.ARRIVED: StepEvent.ARRIVE,
    StepStatus.STARTED: StepEvent.START,
    StepStatus.COMPLETED: StepEvent.COMPLETE,
    StepStatus.DISCONTINUED: StepEvent.DISCONTINUE,
    StepStatus.CANCELED: StepEvent.CANCEL,
    StepStatus.HELD: StepEvent.HOLD,
}


def history_of(status: StepStatus, at: str = "") -> History:
    """The shortest history that leads to a status."""
    event = _LEADS_TO.get(status)
    return ((at, event),) if event else ()


def wanted_at(at: str) -> History:
    """The history of a step that an order of this time wants; nothing when nobody said when."""
    return ((at, StepEvent.SCHEDULE),) if at else ()


def status_of(history: History) -> StepStatus:
    """The status of a step after all that happened to it; it begins as scheduled."""
    status = StepStatus.SCHEDULED
    for _, event in history:
        status = after(status, event)
    return status


def is_late(history: History, at: str) -> bool:
    """Whether something newer than this time happened already."""
    return bool(at) and any(when > at for when, _ in history)


def recorded(history: History, at: str, event: StepEvent) -> History | None:
    """The history with one more event at its place; None when something newer stands against it.

    An event without a time is the newest. One older than what ended the step is too late, and so
    is one that would show again what a newer event took off the worklist, or take off what a newer
    order wants.
    """
    newest = max((when for when, _ in history), default="")
    if not at or at >= newest:
        return (
            history if _comes_too_late(history, event) else _joined(history, (at or newest, event))
        )
    against = ENDINGS | _ORDERS if event in _TAKES_OFF else ENDINGS
    if any(when > at and each in against for when, each in history):
        return None
    place = sum(when <= at for when, _ in history)
    changed = (*history[:place], (at, event), *history[place:])
    shown = status_of(changed) in ON_WORKLIST
    return None if shown and status_of(history) is StepStatus.HELD else changed


def _comes_too_late(history: History, event: StepEvent) -> bool:
    """Whether an end finds that the step has begun or ended otherwise: it never took place."""
    status = status_of(history)
    ends_as = after(StepStatus.SCHEDULED, event)
    return event in ENDINGS and status is after(status, event) is not ends_as


def _joined(history: History, new: Happened) -> History:
    """Append; of the same event several times in a row the last counts."""
    if history and history[-1][1] is new[1]:
        return (*history[:-1], new)
    return (*history, new)


def cancelled_at(history: History) -> str:
    """When the step was last cancelled; empty when it was not, or nobody said when."""
    return max((when for when, event in history if event in _CANCELS), default="")


def is_still_cancelled(history: History) -> bool:
    """Whether the newest that orders say of a step is that it is not wanted."""
    said = [event for _, event in history if event in _CANCELS or event in _ORDERS]
    return bool(said) and said[-1] in _CANCELS


def is_annulled(history: History) -> bool:
    """Whether the newest of a step is that the person who ordered it took that back."""
    return bool(history) and history[-1][1] is StepEvent.ANNUL


def can_be_ordered_again(history: History, at: str) -> bool:
    """Whether an order of this time is newer than the cancel that ended the step."""
    cancelled = cancelled_at(history)
    return status_of(history) is StepStatus.CANCELED and bool(cancelled) and at > cancelled


def is_unscheduled(history: History) -> bool:
    """Whether a held step waits for a time, and is not held for another reason."""
    holds = [event for _, event in history if event in _HOLDS or event is StepEvent.RELEASE]
    return status_of(history) is StepStatus.HELD and holds[-1] is StepEvent.UNSCHEDULE
