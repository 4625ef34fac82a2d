"""Whose images a study shows, where a person said it."""

from __future__ import annotations

from bridge.domain.patient import Patient
from bridge.domain.resolution import Resolution, ResolutionAction
from bridge.services.transaction import Transaction


def moved_to(tx: Transaction, study_pk: int, current: Resolution | None) -> Patient | None:
    """The patient a study was last moved to, or who took that record over; None for no move.

    A move stands until it is taken back, whatever else (`current`) was decided after it.
    """
    if current is None:
        return None
    moves = [
        each
        for each, undone_by in tx.resolutions.of_study(study_pk)
        if each.action is ResolutionAction.MOVE and not undone_by
    ]
    return tx.patients.get(tx.merges.holder_of(moves[-1].patient_pk)) if moves else None
