"""Performed steps that stay in progress for too long: warned of, or ended where a site wants it.

A modality that was switched off never says that it is done. PS3.4 F.7.2.2.2 lets the SCP force the
final state; the bridge does so only when it was told to.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.domain.errors import BridgeError
from bridge.domain.performed_step import PerformedStep, PerformedStepReport, PerformedStepStatus
from bridge.services.transaction import Clock, FiredTimer, Store, Transaction

OPEN = "performed step"
"""The kind of timer this module sets; its subject is the SOP Instance UID."""

MOST_LISTED = 1000
_log = logging.getLogger(__name__)


class Recorder(Protocol):
    """Takes an N-SET: services.record_performed_step."""

    def update(self, report: PerformedStepReport, peer: str, /) -> object:
        """Record how a step goes on, or that it ended."""


WriteEnd = Callable[[str, PerformedStepStatus, float, str], PerformedStepReport]
"""Writes the N-SET that ends a step: SOP Instance UID, status, when (unix time), comment."""


@dataclass(frozen=True, slots=True)
class OpenTooLong:
    """After how many seconds a step is open for too long, and how it is ended then; None: never."""

    seconds: float
    end: PerformedStepStatus | None = None


class OverduePerformedSteps:
    """Finds performed steps that nobody ends, and ends them."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        rule: OpenTooLong,
        recorder: Recorder,
        write: WriteEnd,
    ) -> None:
        self._store = store
        self._clock = clock
        self._rule = rule
        self._recorder = recorder
        self._write = write

    def found(self, limit: int = MOST_LISTED) -> tuple[PerformedStep, ...]:
        """The performed steps that are overdue now, the oldest first."""
        before = self._clock() - self._rule.seconds
        return self._store.read(lambda tx: tx.performed_steps.open_since(before, limit))

    def problem(self) -> str:
        """What is overdue, in words; empty when nothing is."""
        return in_words(self.found(), self._rule, self._clock())

    def end(self, sop_instance_uid: str, status: PerformedStepStatus, who: str, why: str) -> None:
        """Force a final state. Raises NoSuchPerformedStep or PerformedStepFinal."""
        report = self._write(sop_instance_uid, status, self._clock(), why)
        self._recorder.update(report, who)

    def look(self, fired: FiredTimer, now: float) -> None:
        """A step has been open for long: end it, where that is wanted and can be answered for."""
        if not self._store.transact(lambda tx: tx.timers.finish(fired)):
            return
        step = self._store.read(lambda tx: _open(tx, fired.subject))
        if step is None or self._rule.end is None:
            return
        complete = self._rule.end is PerformedStepStatus.COMPLETED
        if complete and not self._store.read(lambda tx: _is_all_here(tx, step)):
            return  # stays open, and is warned of
        try:
            self.end(fired.subject, self._rule.end, "bridge", "in progress for too long")
        except BridgeError as error:  # the modality was faster
            about = {"performed_step": fired.subject, "reason": error.message}
            _log.warning("performed_step.not_ended", extra=about)


def in_words(found: Sequence[PerformedStep], rule: OpenTooLong, now: float) -> str:
    """What is overdue (the oldest first, at most MOST_LISTED); empty when nothing is."""
    if not found:
        return ""
    count = f"at least {MOST_LISTED}" if len(found) >= MOST_LISTED else str(len(found))
    oldest = found[0]
    return (
        f"{count} in progress for more than {rule.seconds / 3600:g} h; the oldest,"
        f" {oldest.sop_instance_uid} of station {oldest.station_ae_title or 'unknown'},"
        f" for {(now - oldest.created_at) / 3600:.0f} h"
    )


def _open(tx: Transaction, uid: str) -> PerformedStep | None:
    found = tx.performed_steps.with_uids([uid])
    return next((each for each in found if each.is_open), None)


def _is_all_here(tx: Transaction, step: PerformedStep) -> bool:
    """Whether it lists instances, and each of them is held."""
    listed = step.instances.keys()
    return bool(listed) and len(tx.studies.kept(listed)) == len(listed)
