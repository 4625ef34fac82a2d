"""MPPS beyond the bridge: a RIS is told what modalities said, dose and series can be asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import PEERS, NewHospital
from tests.acceptance.hospital import DISCONTINUED, Hospital, ended, started
from tests.acceptance.images import scan
from tests.acceptance.orders import new_order, orm
from tests.adapters.dicom.ris import Ris, running_ris
from tests.peers.process import choose_port, wait_until

EQUIPMENT_FAILURE = {
    "CodeValue": "110501",
    "CodingSchemeDesignator": "DCM",
    "CodeMeaning": "Equipment failure",
}
DOSE = {
    "TotalNumberOfExposures": 2,
    "EntranceDoseInmGy": "4.2",
    "CommentsOnRadiationDose": "TotalDLP=612.3",
    "ExposureDoseSequence": [{"KVP": "120", "RadiationMode": "CONTINUOUS"}],
}


def hospital_with_ris(new_hospital: NewHospital, port: int, **mpps: Any) -> Hospital:
    ris = {
        "name": "ris",
        "kind": "mpps",
        "ae_title": "RIS",
        "host": "127.0.0.1",
        "port": port,
        "retry": {"base_seconds": 0.2, "ceiling_seconds": 1},
    }
    return new_hospital(destinations=[ris], dicom={"peers": PEERS, "mpps": mpps})


def told(ris: Ris, uid: str, count: int) -> list[str]:
    """Wait until the RIS was told so many things of a step, and give the operations."""

    def ask() -> list[str] | None:
        operations = [operation for operation, step, _ in ris.told if step == uid]
        return operations if len(operations) >= count else None

    operations = wait_until(ask, f"{count} messages about {uid}", seconds=30)
    assert operations is not None
    return operations


def test_given_a_ris_that_is_away_and_a_bridge_that_is_killed_then_it_is_told_all_in_order(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    port = choose_port()
    hospital = hospital_with_ris(new_hospital, port)
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path, series=(2,))
    step = hospital.start_step(order)
    hospital.bridge.restart()
    on_the_way = {"PerformedProcedureStepDescription": "first scan"}
    assert hospital.mpps.set_step(hospital.bridge.dicom_port, step, on_the_way) == 0x0000
    hospital.store(study)
    answer = hospital.mpps.set_step(hospital.bridge.dicom_port, step, ended(study) | DOSE)
    assert answer == 0x0000
    hospital.bridge.restart()
    with running_ris(port=port) as ris:
        assert told(ris, step, 3) == ["N-CREATE", "N-SET", "N-SET"]
        assert [b"COMPLETED" in content for *_, content in ris.told] == [False, False, True]
        later = hospital.start_step(new_order())
        assert told(ris, later, 1) == ["N-CREATE"]
        assert len(ris.told) == 4

    shown = hospital.bridge.command("step", "show", step)
    assert order.accession in shown
    assert "CT head" in shown
    assert "2 images" in shown
    assert "entrance_dose=4.2" in shown
    assert "dose_length_product=612.3" in shown
    assert "kvp=120" in shown


def test_given_a_failed_scanner_then_the_entry_comes_back_and_what_it_left_open_is_ended(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    with running_ris() as ris:
        rule = {"reason": "110501", "step": "schedule"}
        hospital = hospital_with_ris(new_hospital, ris.port, open_hours=0, discontinued=[rule])
        order = new_order()
        hospital.place(orm(order))
        step = hospital.start_step(order)
        failed = ended(scan(order, tmp_path, series=(1,)), DISCONTINUED)
        reason = "PerformedProcedureStepDiscontinuationReasonCodeSequence"
        status = hospital.mpps.set_step(
            hospital.bridge.dicom_port, step, failed | {reason: [EQUIPMENT_FAILURE]}
        )
        assert status == 0x0000
        assert hospital.step_ids(order) == [order.step.id]

        left = hospital.start_step(order)
        assert left in hospital.bridge.command("step", "list", "--overdue")
        with pytest.raises(AssertionError, match=f"WRONG  performed steps: 1 .*{left}"):
            hospital.bridge.command("doctor")
        hospital.bridge.command(
            "step",
            "end",
            left,
            "--status",
            "discontinued",
            "--reason",
            "scanner off",
            "--by",
            "lan",
        )
        assert told(ris, left, 2) == ["N-CREATE", "N-SET"]
        assert hospital.worklist(AccessionNumber=order.accession) == []
        assert left not in hospital.bridge.command("step", "list", "--overdue")


def test_given_what_may_not_be_set_then_the_modality_is_warned_and_nothing_changes(
    hospital: Hospital,
) -> None:
    order = new_order()
    hospital.place(orm(order))
    step = hospital.start_step(order)
    port = hospital.bridge.dicom_port
    assert hospital.mpps.set_step(port, step, {"PatientID": "SOMEBODY"}) == 0x0107
    assert hospital.mpps.set_step(port, step, {"PatientID": order.patient.id}) == 0x0000
    assert hospital.mpps.create_step(port, step, started(order)) == 0x0000
