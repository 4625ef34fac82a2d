"""Modality Performed Procedure Step (PS3.4 Annex F): what the modality says it does and did."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from bridge.domain.journal import Direction, Disposition, JournalEntry, Mention
from bridge.domain.performed_step import (
    WRONG_WORKLIST_ENTRY,
    DuplicatePerformedStep,
    InvalidPerformedStepStatus,
    NoSuchPerformedStep,
    PerformedStepFinal,
    PerformedStepReport,
    PerformedStepStatus,
)
from bridge.domain.step_status import StepEvent
from bridge.services.complete_study import CompleteStudy
from bridge.services.move_steps import move_steps
from bridge.services.performed_orders import find_steps
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.surrogates import of_report
from bridge.services.transaction import Clock, Store, Transaction


class RecordPerformedStep:
    """Keeps performed steps and moves the scheduled steps they are about."""

    def __init__(
        self, *, store: Store, worklist: ProjectWorklist, complete: CompleteStudy, clock: Clock
    ) -> None:
        self._store = store
        self._worklist = worklist
        self._complete = complete
        self._clock = clock

    def create(self, report: PerformedStepReport, peer: str) -> None:
        """N-CREATE. Raises DuplicatePerformedStep or InvalidPerformedStepStatus."""
        if report.status != PerformedStepStatus.IN_PROGRESS:
            raise InvalidPerformedStepStatus("N-CREATE needs the status IN PROGRESS")
        self._store.transact(lambda tx: self._create(tx, report, peer))

    def update(self, report: PerformedStepReport, peer: str) -> None:
        """N-SET. Raises NoSuchPerformedStep, PerformedStepFinal or InvalidPerformedStepStatus."""
        self._store.transact(lambda tx: self._update(tx, report, peer))

    def _create(self, tx: Transaction, report: PerformedStepReport, peer: str) -> None:
        tx.orders.hold_still()
        if tx.performed_steps.lock(report.sop_instance_uid) is not None:
            raise DuplicatePerformedStep("a performed step of this UID exists")
        now = self._clock()
        report = of_report(tx, report)
        step_pks = find_steps(tx, report.scheduled, report.patient_id)
        tx.performed_steps.add(report, sorted(step_pks), now)
        self._move(tx, step_pks, StepEvent.START, now)
        self._write_down(tx, report, peer, "N-CREATE", now)

    def _update(self, tx: Transaction, report: PerformedStepReport, peer: str) -> None:
        tx.orders.hold_still()
        held = tx.performed_steps.lock(report.sop_instance_uid)
        if held is None:
            raise NoSuchPerformedStep("no performed step of this UID was created")
        if held.status is not PerformedStepStatus.IN_PROGRESS:
            raise PerformedStepFinal("Performed Procedure Step Object may no longer be updated")
        status = _status(report.status or held.status.value)
        now = self._clock()
        instances = report.instances or held.instances
        tx.performed_steps.change(report, status, instances, now)
        if status is PerformedStepStatus.COMPLETED:
            self._move(tx, held.step_pks, StepEvent.COMPLETE, now)
        elif status is PerformedStepStatus.DISCONTINUED:
            wrong = report.discontinuation_reason == WRONG_WORKLIST_ENTRY
            event = StepEvent.WRONG_ENTRY if wrong else StepEvent.DISCONTINUE
            self._move(tx, held.step_pks, event, now)
        if status is not PerformedStepStatus.IN_PROGRESS:
            for uid in sorted({ref.study_instance_uid for ref in held.scheduled}):
                self._complete.step_ended(tx, uid, now)
        self._write_down(tx, replace(report, scheduled=held.scheduled), peer, "N-SET", now)

    def _move(self, tx: Transaction, step_pks: Iterable[int], event: StepEvent, now: float) -> None:
        wanted = frozenset(step_pks)
        for order in tx.orders.with_steps(wanted) if wanted else ():
            moved = move_steps(tx, order, wanted, event)
            tx.orders.change(moved, now)
            self._worklist.project(tx, moved, tx.patients.get(order.patient_pk))

    def _write_down(
        self, tx: Transaction, report: PerformedStepReport, peer: str, kind: str, now: float
    ) -> None:
        mentions = [(Mention.CONTROL_ID, report.sop_instance_uid)]
        if report.patient_id:
            mentions.append((Mention.PATIENT_ID, report.patient_id.value))
        for ref in report.scheduled:
            mentions.append((Mention.STUDY_INSTANCE_UID, ref.study_instance_uid))
            mentions.append(
                (Mention.ACCESSION_NUMBER, ref.accession.value if ref.accession else "")
            )
        tx.journal.add(
            JournalEntry(
                direction=Direction.IN,
                protocol="dicom",
                peer=peer,
                type=f"MPPS {kind} {report.status}".strip(),
                control_id=report.sop_instance_uid,
                content_hash=hashlib.sha256(report.encoded).hexdigest(),
                received_at=now,
                disposition=Disposition.APPLIED,
                raw=report.encoded,
                mentions=tuple(mentions),
            )
        )


def _status(text: str) -> PerformedStepStatus:
    try:
        return PerformedStepStatus(text)
    except ValueError:
        raise InvalidPerformedStepStatus(
            "the status must be IN PROGRESS, COMPLETED or DISCONTINUED"
        ) from None
