"""Keep the worklist what the orders say: one row per step a modality may see."""

from __future__ import annotations

from typing import Protocol

from bridge.domain.order import Order, Procedure, Step
from bridge.domain.patient import Patient
from bridge.domain.scheduling import ON_HOLD, WITHOUT_TIME, missing_attributes
from bridge.domain.step_history import is_unscheduled
from bridge.domain.step_status import ON_WORKLIST, StepStatus
from bridge.domain.worklist import WorklistEntry, WorklistItem
from bridge.services.surrogates import as_shown
from bridge.services.transaction import Transaction


class WorklistEncoder(Protocol):
    """Makes the answer a modality gets, once, when the order is written."""

    def encode(self, entry: WorklistEntry) -> WorklistItem:
        """The whole item of PS3.4 Table K.6-1 for this entry."""


def why_not_projected(patient: Patient, procedure: Procedure, step: Step) -> str:
    """Why a step has no entry on the worklist at all; empty when it has one."""
    lacking = missing_attributes(patient, procedure, step)
    missing = f"missing {', '.join(sorted(lacking))}" if lacking else ""
    if step.status in ON_WORKLIST:
        return missing
    hold = WITHOUT_TIME if is_unscheduled(step.history) else ON_HOLD
    reason = hold if step.status is StepStatus.HELD else ""
    said = "; ".join(each for each in (reason, missing) if each)
    return f"its status is {step.status.value}" + (f": {said}" if said else "")


class ProjectWorklist:
    """Writes the rows of an order's steps in the transaction that changed the order."""

    def __init__(self, encoder: WorklistEncoder) -> None:
        self._encoder = encoder

    def project(
        self, tx: Transaction, order: Order, patient: Patient, *, new: bool = False
    ) -> None:
        """Show or hide every step of `order`; `new` says that no step has a row yet."""
        for procedure in order.procedures:
            for step in procedure.steps:
                entry = WorklistEntry(patient=patient, order=order, procedure=procedure, step=step)
                visible = not why_not_projected(patient, procedure, step)
                if visible:
                    entry = as_shown(tx, entry)
                if visible and new:
                    tx.worklist.add(entry, self._encoder.encode(entry))
                elif visible:
                    tx.worklist.put(entry, self._encoder.encode(entry))
                elif not new:
                    tx.worklist.remove(step.pk)
