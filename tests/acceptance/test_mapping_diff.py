"""`bridge mapping diff` on what a bridge really received, on both databases."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.acceptance.conftest import NewHospital
from tests.acceptance.hospital import Hospital
from tests.acceptance.orders import new_order, new_patient, omi, orm
from tests.peers.bridge_process import PROGRAM
from tests.peers.process import run

DRAFT = """\
profile: draft
extends: ihe-swf
rows:
  step:
    - {to: ScheduledProcedureStepLocation, from: PV1-3, as: location}
"""


def diff(hospital: Hospital, folder: Path, *arguments: str) -> tuple[int, str]:
    file = folder / "diff.yaml"
    file.write_text(yaml.safe_dump(hospital.bridge.configuration))
    command: list[str | Path] = [
        PROGRAM,
        "mapping",
        "diff",
        "--against",
        "journal",
        *arguments,
        "--config",
        file,
    ]
    ended = run(command, directory=folder)
    return ended.returncode, ended.stdout


def test_given_traffic_when_a_draft_is_held_against_it_then_it_tells_each_and_changes_nothing(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    hospital = new_hospital()
    orders = [new_order(new_patient(family="ĐẶNG")) for _ in range(2)]
    hospital.place(orm(orders[0]))
    hospital.place(omi(orders[1]))
    before = hospital.worklist(PatientName="*")
    (tmp_path / "draft.yaml").write_text(DRAFT)
    code, told = diff(hospital, tmp_path, "--to", str(tmp_path / "draft.yaml"))
    assert code == 1, told
    assert "2 messages compared: 2 differ, 0 of them in events" in told
    assert told.count("ScheduledProcedureStepLocation: - → CDHA") == 2
    assert orders[0].accession not in told
    code, told = diff(hospital, tmp_path, "--to", "ihe-swf")
    assert code == 0, told
    assert hospital.worklist(PatientName="*") == before
