"""The life of a Scheduled Procedure Step (0040,0020): a table of every event in every state."""

from __future__ import annotations

from enum import StrEnum


class StepStatus(StrEnum):
    """DICOM's terms (PS3.3 C.4-10), and the ends and the hold that DICOM has no term for."""

    SCHEDULED = "SCHEDULED"
    ARRIVED = "ARRIVED"
    READY = "READY"
    STARTED = "STARTED"
    DEPARTED = "DEPARTED"
    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"
    CANCELED = "CANCELED"
    HELD = "HELD"


class StepEvent(StrEnum):
    """What can happen to a step.

    `WRONG_ENTRY` is MPPS reason 110514 or the like: the step is still to be done. `UNSCHEDULE`
    takes its time away, `REORDER` wants again what was cancelled, `WITHDRAW` is a cancel that is
    taken although the step has begun. `ANNUL` takes an order back that a person made of a study.
    """

    SCHEDULE = "schedule"
    ARRIVE = "arrive"
    HOLD = "hold"
    RELEASE = "release"
    START = "start"
    COMPLETE = "complete"
    DISCONTINUE = "discontinue"
    CANCEL = "cancel"
    WITHDRAW = "withdraw"
    REORDER = "reorder"
    UNSCHEDULE = "unschedule"
    WRONG_ENTRY = "wrong entry"
    ANNUL = "annul"


ON_WORKLIST = frozenset(
    {StepStatus.SCHEDULED, StepStatus.ARRIVED, StepStatus.READY, StepStatus.STARTED}
)
FINAL = frozenset({StepStatus.COMPLETED, StepStatus.DISCONTINUED, StepStatus.CANCELED})

_S, _E = StepStatus, StepEvent
_UNCHANGED = {status: status for status in StepStatus}


def _row(**moves: StepStatus) -> dict[StepStatus, StepStatus]:
    return _UNCHANGED | {StepStatus[name]: target for name, target in moves.items()}


# Event → (state before → state after). An event never moves a step backwards: a late or replayed
# order message updates data, not the state. Only the modality's word (110514) and a newer order for
# what was cancelled reopen a step.
TRANSITIONS: dict[StepEvent, dict[StepStatus, StepStatus]] = {
    _E.SCHEDULE: _row(),
    _E.ARRIVE: _row(SCHEDULED=_S.ARRIVED),
    _E.HOLD: _row(SCHEDULED=_S.HELD, ARRIVED=_S.HELD, READY=_S.HELD),
    _E.RELEASE: _row(HELD=_S.SCHEDULED),
    _E.START: _row(
        SCHEDULED=_S.STARTED,
        ARRIVED=_S.STARTED,
        READY=_S.STARTED,
        HELD=_S.STARTED,
        CANCELED=_S.STARTED,
    ),
    _E.COMPLETE: _row(
        SCHEDULED=_S.COMPLETED,
        ARRIVED=_S.COMPLETED,
        READY=_S.COMPLETED,
        STARTED=_S.COMPLETED,
        DEPARTED=_S.COMPLETED,
        HELD=_S.COMPLETED,
        CANCELED=_S.COMPLETED,
        DISCONTINUED=_S.COMPLETED,
    ),
    _E.DISCONTINUE: _row(
        SCHEDULED=_S.DISCONTINUED,
        ARRIVED=_S.DISCONTINUED,
        READY=_S.DISCONTINUED,
        STARTED=_S.DISCONTINUED,
        DEPARTED=_S.DISCONTINUED,
        HELD=_S.DISCONTINUED,
    ),
    _E.CANCEL: _row(
        SCHEDULED=_S.CANCELED,
        ARRIVED=_S.CANCELED,
        READY=_S.CANCELED,
        HELD=_S.CANCELED,
    ),
    _E.WITHDRAW: _row(
        SCHEDULED=_S.CANCELED,
        ARRIVED=_S.CANCELED,
        READY=_S.CANCELED,
        STARTED=_S.CANCELED,
        DEPARTED=_S.CANCELED,
        HELD=_S.CANCELED,
    ),
    _E.REORDER: _row(CANCELED=_S.SCHEDULED),
    _E.UNSCHEDULE: _row(SCHEDULED=_S.HELD, ARRIVED=_S.HELD, READY=_S.HELD),
    _E.ANNUL: _row(
        SCHEDULED=_S.CANCELED,
        ARRIVED=_S.CANCELED,
        READY=_S.CANCELED,
        STARTED=_S.CANCELED,
        DEPARTED=_S.CANCELED,
        HELD=_S.CANCELED,
        COMPLETED=_S.CANCELED,
    ),
    _E.WRONG_ENTRY: _row(STARTED=_S.SCHEDULED, DISCONTINUED=_S.SCHEDULED),
}


def after(status: StepStatus, event: StepEvent) -> StepStatus:
    """The state a step is in once `event` happened to it. Total: every pair has an answer."""
    return TRANSITIONS[event][status]
