"""Modality Performed Procedure Step (PS3.4 Annex F): what the modality says it does and did."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from bridge.domain.journal import Direction, Disposition, JournalEntry, Mention
from bridge.domain.order import Order, Procedure, Step
from bridge.domain.performed_step import (
    WRONG_WORKLIST_ENTRY,
    DuplicatePerformedStep,
    InvalidPerformedStepStatus,
    NoSuchPerformedStep,
    PerformedStepFinal,
    PerformedStepReport,
    PerformedStepStatus,
    ScheduledReference,
)
from bridge.domain.step_status import StepEvent
from bridge.services.complete_study import CompleteStudy
from bridge.services.move_steps import move_steps
from bridge.services.project_worklist import ProjectWorklist
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
        if tx.performed_steps.lock(report.sop_instance_uid) is not None:
            raise DuplicatePerformedStep("a performed step of this UID exists")
        now = self._clock()
        found = [each for ref in report.scheduled for each in _scheduled(tx, ref)]
        mine = [each for each in found if _same_patient(tx, each[0], report)]
        step_pks = {step.pk for _, _, step in mine}
        tx.performed_steps.add(report, sorted(step_pks), now)
        self._move(tx, step_pks, StepEvent.START)
        self._write_down(tx, report, peer, "N-CREATE", now)

    def _update(self, tx: Transaction, report: PerformedStepReport, peer: str) -> None:
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
            self._move(tx, held.step_pks, StepEvent.COMPLETE)
        elif status is PerformedStepStatus.DISCONTINUED:
            wrong = report.discontinuation_reason == WRONG_WORKLIST_ENTRY
            self._move(tx, held.step_pks, StepEvent.WRONG_ENTRY if wrong else StepEvent.DISCONTINUE)
        if status is not PerformedStepStatus.IN_PROGRESS:
            for uid in sorted({ref.study_instance_uid for ref in held.scheduled}):
                self._complete.step_ended(tx, uid, now)
        self._write_down(tx, replace(report, scheduled=held.scheduled), peer, "N-SET", now)

    def _move(self, tx: Transaction, step_pks: Iterable[int], event: StepEvent) -> None:
        wanted = frozenset(step_pks)
        for order in tx.orders.with_steps(wanted) if wanted else ():
            moved = move_steps(tx, order, wanted, event)
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


def _scheduled(tx: Transaction, ref: ScheduledReference) -> list[tuple[Order, Procedure, Step]]:
    """The steps one item names: by Study UID and step ID, else accession and procedure ID."""
    by_uid = tx.orders.with_study_instance_uids([ref.study_instance_uid])
    found = [
        (order, procedure, step)
        for order in by_uid
        for procedure in order.procedures
        for step in procedure.steps
        if procedure.study_instance_uid == ref.study_instance_uid
        and ref.sps_id in ("", step.sps_id)
    ]
    if found or ref.accession is None:
        return found
    accession = ref.accession
    found = [
        (order, procedure, step)
        for order in tx.orders.with_accession_numbers([accession.value])
        if order.numbers.accession and order.numbers.accession.agrees_with(accession)
        for procedure in order.procedures
        for step in procedure.steps
        if ref.rp_id in ("", procedure.rp_id)
    ]
    exact = [each for each in found if each[2].sps_id == ref.sps_id]
    return exact or found


def _same_patient(tx: Transaction, order: Order, report: PerformedStepReport) -> bool:
    """A step is not started by a report about somebody else (wrong worklist entry)."""
    return report.patient_id is None or tx.patients.get(order.patient_pk).is_called(
        report.patient_id
    )
