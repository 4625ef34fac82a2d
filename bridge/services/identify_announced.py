"""Whose images are that somebody announced without naming a patient.

An Instance Availability Notification must not name one (PS3.4 R.3.2.1.1): it names the performed
step that made the images, and their Study Instance UID, which the worklist gave out.
"""

from __future__ import annotations

from dataclasses import replace

from bridge.domain.study import Study
from bridge.services.transaction import Transaction


def identified(tx: Transaction, study: Study) -> Study:
    """A study with the patient of its performed steps, else of the one order that has its UID.

    Only where nothing else says whose it is, and no image of it has arrived.
    """
    if study.patient_id or study.patient_name or study.series or study.announced is None:
        return study
    performed = (
        *tx.performed_steps.with_uids(study.performed_step_uids),
        *tx.performed_steps.of_study(study.study_instance_uid),
    )
    said = [each.patient_id for each in performed if each.patient_id]
    if said:
        return replace(study, patient_id=said[0], further_patient_ids=tuple(said[1:]))
    orders = tx.orders.with_study_instance_uids([study.study_instance_uid])
    patients = {order.patient_pk for order in orders}
    if len(patients) != 1:
        return study
    return replace(study, patient_id=tx.patients.get(patients.pop()).patient_id)
