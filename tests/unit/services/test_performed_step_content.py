"""MPPS: what messages say of a performed step, what they may not, and what is kept of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.domain.identifiers import Identifier
from bridge.domain.performed_series import read_series
from bridge.domain.performed_step import (
    InvalidPerformedStepStatus,
    MissingAttribute,
    MissingAttributeValue,
    NoSuchAttribute,
    NoSuchPerformedStep,
    PerformedStep,
    Recorded,
)
from bridge.domain.radiation_dose import read_dose
from tests.unit.services.core import Core, order, report, scheduled

IN_PROGRESS, COMPLETED = "IN PROGRESS", "COMPLETED"


def said(**content: Any) -> dict[str, Any]:
    return {"PatientID": "P1", "Modality": "CT", "PerformedProcedureStepStatus": "", **content}


def begin(core: Core, **content: Any) -> None:
    created = said(PerformedProcedureStepEndDate="", PerformedSeriesSequence=(), **content)
    core.performed.create(
        replace(report("1.9.1", IN_PROGRESS, scheduled()), content=created, series=()), "CT01"
    )


def change(core: Core, status: str = "", *, strict: bool = False, **content: Any) -> Recorded:
    changes = replace(
        report("1.9.1", status),
        content=content,
        series=read_series(content),
        dose=read_dose(content),
    )
    return core.performed.update(changes, "CT01", strict=strict)


def held(core: Core) -> PerformedStep:
    (found,) = core.store.read(lambda tx: tx.performed_steps.with_uids(["1.9.1"]))
    return found


def test_given_what_may_not_be_set_then_it_is_passed_over_and_told(core: Core) -> None:
    begin(core)
    recorded = change(core, PatientID="P2", Modality="CT", CommentsOnRadiationDose="x")
    assert recorded.ignored == ("PatientID",)
    assert held(core).patient_id == Identifier("P1")


def test_given_a_strict_device_then_what_may_not_be_set_is_refused(core: Core) -> None:
    begin(core)
    with pytest.raises(NoSuchAttribute) as refused:
        change(core, strict=True, PatientID="P2")
    assert refused.value.attributes == ("PatientID",)
    with pytest.raises(NoSuchAttribute) as refused:
        change(core, strict=True, CommentsOnRadiationDose="x")
    assert refused.value.attributes == ("CommentsOnRadiationDose",)
    assert [disposition for disposition, _ in core.journal()] == ["applied", "refused", "refused"]


def test_given_a_creation_that_lacks_attributes_then_it_is_taken_and_told(core: Core) -> None:
    created = replace(report("1.9.1", IN_PROGRESS, scheduled()), content=said())
    recorded = core.performed.create(created, "CT01")
    assert "PerformedStationAETitle is missing" in recorded.warnings
    assert "ScheduledStepAttributesSequence is missing" in recorded.warnings
    assert held(core).is_open


def test_given_a_strict_device_then_a_creation_that_lacks_attributes_is_refused(
    core: Core,
) -> None:
    created = replace(report("1.9.1", IN_PROGRESS, scheduled()), content=said())
    with pytest.raises(MissingAttribute) as missing:
        core.performed.create(created, "CT01", strict=True)
    assert "PerformedStationAETitle" in missing.value.attributes
    with pytest.raises(NoSuchPerformedStep):
        core.end_step("1.9.1", COMPLETED)


def test_given_a_strict_device_then_an_end_without_series_is_refused_and_the_step_goes_on(
    core: Core,
) -> None:
    begin(core)
    with pytest.raises(MissingAttributeValue) as empty:
        change(core, COMPLETED, strict=True, PerformedSeriesSequence=())
    assert set(empty.value.attributes) == {
        "PerformedProcedureStepEndDate",
        "PerformedProcedureStepEndTime",
        "PerformedSeriesSequence",
    }
    assert held(core).is_open


@pytest.mark.parametrize("spelling", ["IN_PROGRESS", "In  Progress", "in progress"])
def test_given_a_status_that_is_misspelt_then_it_is_understood(core: Core, spelling: str) -> None:
    core.place(order())
    core.start_step("1.9.1", spelling, scheduled())
    assert core.statuses() == {"S1": "STARTED"}


def test_given_a_strict_device_then_a_status_that_is_misspelt_is_refused(core: Core) -> None:
    with pytest.raises(InvalidPerformedStepStatus):
        core.performed.create(report("1.9.1", "IN_PROGRESS"), "CT01", strict=True)


def series(uid: str, *images: str, **content: Any) -> dict[str, Any]:
    references = tuple(
        {"ReferencedSOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "ReferencedSOPInstanceUID": each}
        for each in images
    )
    return {"SeriesInstanceUID": uid, "ReferencedImageSequence": references, **content}


def test_given_series_then_they_are_kept_and_replaced_as_a_whole(core: Core) -> None:
    begin(core)
    change(core, PerformedSeriesSequence=(series("1.3"), series("1.4")))
    last = series(
        "1.5",
        "1.5.1",
        ProtocolName="HEAD",
        OperatorsName="LE^LAN\\VU^MAI",
        PerformingPhysicianName="TRAN^BA",
    )
    change(core, PerformedSeriesSequence=(last,))
    (kept,) = core.store.read(lambda tx: tx.performed_results.series("1.9.1"))
    assert (kept.series_instance_uid, kept.protocol_name) == ("1.5", "HEAD")
    assert kept.operators == ("LE^LAN", "VU^MAI")
    assert [each.sop_instance_uid for each in kept.images] == ["1.5.1"]
    assert core.store.read(lambda tx: tx.performed_results.of_series("1.5")) == (kept,)
    change(core)
    assert core.store.read(lambda tx: tx.performed_results.series("1.9.1")) == (kept,)
    change(core, PerformedSeriesSequence=())
    assert core.store.read(lambda tx: tx.performed_results.series("1.9.1")) == ()


def test_given_doses_then_the_newest_of_each_value_is_kept(core: Core) -> None:
    begin(core)
    change(core, EntranceDoseInmGy="4.2", TotalNumberOfExposures="1")
    item = {"KVP": "120", "CTDIvol": "38.25"}
    change(
        core,
        TotalNumberOfExposures="3",
        CommentsOnRadiationDose="TotalDLP=612.3",
        ExposureDoseSequence=(item,),
    )
    dose = core.store.read(lambda tx: tx.performed_results.dose("1.9.1"))
    assert dose is not None
    assert (dose.entrance_dose, dose.number_of_exposures) == (4.2, 3)
    assert (dose.dose_length_product, dose.ctdi_vol) == (612.3, 38.25)
    assert dose.exposures[0].kvp == 120.0
    assert core.store.read(lambda tx: tx.performed_results.dose("1.9.2")) is None


def test_given_messages_then_each_is_kept_as_it_came(core: Core) -> None:
    core.start_step("1.9.1")
    core.end_step("1.9.1", "")
    core.end_step("1.9.1", COMPLETED)
    kept = core.performed.messages("1.9.1")
    assert [(each.number, each.operation.value, each.encoded) for each in kept] == [
        (1, "N-CREATE", b"1.9.1 IN PROGRESS"),
        (2, "N-SET", b"1.9.1 "),
        (3, "N-SET", b"1.9.1 COMPLETED"),
    ]
    assert core.performed.messages("1.9.2") == ()
