"""kill -9 at random points: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.acceptance.conftest import NewHospital
from tests.acceptance.kill import KillRun
from tests.acceptance.losses import doubled_studies, lost_entries, lost_instances, lost_studies

KILLS, KILLS_OF_SEVERAL, SOAK_KILLS = 30, 12, int(os.environ.get("SOAK_KILLS", "500"))


@pytest.mark.timeout(600)
def test_given_thirty_kills_then_nothing_acknowledged_is_lost_and_nothing_is_doubled(
    new_hospital: NewHospital, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    survive(new_hospital, tmp_path, capsys, KILLS)


@pytest.mark.timeout(600)
def test_given_kills_of_several_processes_then_nothing_is_lost_and_nothing_is_doubled(
    new_hospital: NewHospital, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    survive(new_hospital, tmp_path, capsys, KILLS_OF_SEVERAL, processes=2)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_given_hundreds_of_kills_then_nothing_acknowledged_is_lost_and_nothing_is_doubled(
    new_hospital: NewHospital, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    survive(new_hospital, tmp_path, capsys, SOAK_KILLS)


def survive(
    new_hospital: NewHospital,
    directory: Path,
    capsys: pytest.CaptureFixture[str],
    kills: int,
    processes: int = 1,
) -> None:
    hospital = new_hospital(dicom={"settle_seconds": 1}, processes=processes)
    seed = int(time.time())
    run = KillRun(hospital, directory / "sent", seed)
    tally = run.perform(kills)
    studies = {case.study.uid: case for case in tally.cases if case.study}
    lost = [
        *lost_entries(hospital, tally),
        *lost_instances(hospital.bridge.images, tally),
        *lost_studies(hospital, studies),
    ]
    doubled = doubled_studies(hospital)
    with capsys.disabled():
        print(
            f"\nkill test (seed {seed}, {processes} processes): "
            f"{tally.messages} messages acknowledged, "
            f"{len(tally.instances)} instances, {len(studies)} studies, {run.kills} kills, "
            f"lost={len(lost)}, doubled={len(doubled)}"
        )
    assert all(case.done for case in tally.cases)
    assert lost == []
    assert doubled == []
