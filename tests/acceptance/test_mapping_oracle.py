"""A second opinion on the mapping of an order to a worklist item: mwlkit, by somebody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mwlkit
import pytest
from pydicom import Dataset

from tests.acceptance.hospital import Hospital
from tests.acceptance.orders import FORMS, new_order, new_patient

# What both sides must say alike. Left out: texts of which either choice is right (the description
# of a step may be that of the procedure or of the protocol), and mwlkit's own issuer.
ALIKE = (
    "AccessionNumber",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
    "RequestedProcedurePriority",
)
ALIKE_IN_STEP = (
    "Modality",
    "ScheduledStationAETitle",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepID",
)


def ours(item: Dataset) -> dict[str, str]:
    (step,) = item.ScheduledProcedureStepSequence
    values = {keyword: str(item.get(keyword, "")) for keyword in ALIKE}
    return values | {keyword: str(step.get(keyword, "")) for keyword in ALIKE_IN_STEP}


def theirs(item: Mapping[str, Any]) -> dict[str, str]:
    steps: Sequence[Mapping[str, str]] = item["ScheduledProcedureStepSequence"]
    values = {keyword: item.get(keyword, "") for keyword in ALIKE}
    return values | {keyword: steps[0].get(keyword, "") for keyword in ALIKE_IN_STEP}


@pytest.mark.parametrize("priority", ["R", "S", "A"])
@pytest.mark.parametrize("form", list(FORMS))
def test_given_an_order_then_mwlkit_would_have_put_the_same_on_the_worklist(
    hospital: Hospital, form: str, priority: str
) -> None:
    patient = new_patient(family="NGUYỄN", given="ÁNH", middle="VĂN")
    order = new_order(patient, priority=priority)
    message = FORMS[form](order)
    hospital.place(message)

    opinion = mwlkit.worklist_item(message.encode(), default_station_ae="CT01")

    assert ours(hospital.entry(order)) == theirs(opinion.to_keyword_dict())
