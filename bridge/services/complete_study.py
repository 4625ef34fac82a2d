"""Notice that a study is complete: the modality said so, or it has been quiet long enough.

A timer row per study says when to look; whoever claims it reconciles and publishes. No meaning is
taken from associations or the order of C-STOREs (PS3.4 B.4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bridge.domain.delivery import EventKind
from bridge.domain.performed_step import PerformedStep, PerformedStepStatus
from bridge.domain.study import Study
from bridge.services.reconcile import Reconcile
from bridge.services.settling import SETTLE
from bridge.services.transaction import FiredTimer, Store, Transaction

GRACE_SECONDS = 0.25
"""After a completed MPPS, how long to wait for the next of the instances it still misses."""


class CompleteStudy:
    """Decides when a study is worth telling about.

    `settle_seconds` is the quiet time after which a study without MPPS counts as complete.
    """

    def __init__(self, *, store: Store, reconcile: Reconcile, settle_seconds: float) -> None:
        self._store = store
        self._reconcile = reconcile
        self._settle_seconds = settle_seconds

    def first_arrived(self, tx: Transaction, study_instance_uid: str, now: float) -> None:
        """A study begins to arrive: who asked for it hears so."""
        self._reconcile.first_image(tx, study_instance_uid, now)

    def rejected(
        self, tx: Transaction, study_instance_uid: str, kind: EventKind, now: float
    ) -> None:
        """Something of a study was rejected. The transaction holds orders still."""
        self._reconcile.rejected(tx, study_instance_uid, kind, now)

    def instance_arrived(
        self,
        tx: Transaction,
        study_instance_uid: str,
        now: float,
        performed_step_uids: Iterable[str] = (),
    ) -> None:
        """Wait for quiet; only a moment when the modality has already said that it is done.

        `performed_step_uids` are the performed steps that the instance says it was made in.
        """
        # The timer first: a step that ends at this very moment then waits for us, or we for it.
        tx.timers.set(SETTLE, study_instance_uid, now + self._settle_seconds)
        performed = tx.performed_steps.of_study(study_instance_uid)
        if _all_ended(performed or tx.performed_steps.with_uids(performed_step_uids)):
            tx.timers.set(SETTLE, study_instance_uid, now + GRACE_SECONDS)

    def step_ended(self, tx: Transaction, study_instance_uid: str, now: float) -> None:
        """Look at once: every instance may be here already, or its first one just arriving."""
        if study_instance_uid:
            tx.studies.lock(study_instance_uid)  # in the sequence of `_look`: no deadlock
            tx.timers.set(SETTLE, study_instance_uid, now)

    def look(self, fired: FiredTimer, now: float) -> None:
        """A timer fired: reconcile a study that is complete or has settled, else wait on."""
        self._store.transact(lambda tx: self._look(tx, fired, now))

    def _look(self, tx: Transaction, fired: FiredTimer, now: float) -> None:
        tx.orders.hold_still()
        study = tx.studies.lock(fired.subject)
        if not tx.timers.finish(fired) or study is None:
            return  # another instance arrived and set the timer anew, or none ever did
        settled_at = study.updated_at + self._settle_seconds
        performed = _performed_for(tx, study)
        if now < settled_at and not _is_complete(tx, study, performed):
            tx.timers.set(SETTLE, fired.subject, settled_at)
            return
        self._reconcile.study(tx, fired.subject, now)


def _performed_for(tx: Transaction, study: Study) -> tuple[PerformedStep, ...]:
    """The performed steps that name a study, and those that its images name."""
    named = tx.performed_steps.of_study(study.study_instance_uid)
    known = {each.sop_instance_uid for each in named}
    others = [uid for uid in study.performed_step_uids if uid not in known]
    return (*named, *tx.performed_steps.with_uids(others))


def _all_ended(performed: tuple[PerformedStep, ...]) -> bool:
    return bool(performed) and all(
        each.status is not PerformedStepStatus.IN_PROGRESS for each in performed
    )


def _is_complete(tx: Transaction, study: Study, performed: tuple[PerformedStep, ...]) -> bool:
    """Every performed step ended, and every instance they list is held, here or elsewhere.

    A performed step for several procedures may list instances of another study, too.
    """
    if not _all_ended(performed):
        return False
    whole = {each.series_instance_uid: each for each in study.whole_series}
    listed = {i.sop_instance_uid for each in whole.values() for i in each.instances}
    absent = {
        uid: series_uid
        for each in performed
        for uid, series_uid in each.instances.items()
        if uid not in listed
    }
    in_other_studies = tx.studies.kept(absent) if absent else {}
    missing = Counter(series for uid, series in absent.items() if uid not in in_other_studies)
    return all(uid in whole and count <= whole[uid].elsewhere for uid, count in missing.items())
