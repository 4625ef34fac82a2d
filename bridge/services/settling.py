"""Look at studies again, as soon as this transaction is committed: a timer row for each."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.domain.decision import is_given_up
from bridge.domain.matching import keys_brought, keys_of_performed_step
from bridge.domain.order import Order
from bridge.services.transaction import Transaction

SETTLE = "settle"
"""The kind of timer that a study is looked at by; its subject is the Study Instance UID."""

_AT_ONCE = 0.0


def look_at_studies_of(tx: Transaction, performed_step_uids: Iterable[str]) -> None:
    """Something is new of performed steps: of studies that were decided, by what they lead to."""
    for uid in performed_step_uids:
        keys = keys_of_performed_step(uid, tx.performed_steps.studies(uid))
        for study_instance_uid in tx.studies.waiting(keys):
            tx.timers.set(SETTLE, study_instance_uid, _AT_ONCE)


def look_at_studies_of_order(tx: Transaction, before: Order, after: Order) -> None:
    """Steps of an order moved: of its studies, where something is given up now, or no more."""
    if [*map(is_given_up, before.procedures)] == [*map(is_given_up, after.procedures)]:
        return
    keys = keys_brought([after], tx.patients.get(after.patient_pk))
    matched = tx.studies.of_procedures([each.pk for each in after.procedures])
    for study_instance_uid in {*tx.studies.waiting(keys), *matched}:
        tx.timers.set(SETTLE, study_instance_uid, _AT_ONCE)
