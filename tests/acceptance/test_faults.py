"""Faults under load, on one bridge with SQLite and on three behind a balancer.

The long form is a table of every fault (`make soak`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.acceptance.faults import Fault, Row, Site, endure, table
from tests.acceptance.fleet import DATABASE, DICOM, HL7, Fleet
from tests.acceptance.hospital import Hospital
from tests.peers.bridge_process import Bridge, configure, fhir_destination
from tests.peers.dcmjs import DcmjsModality
from tests.peers.hl7_node import His
from tests.peers.medplum import MedplumServer

LEASE_SECONDS = 60.0

EHR_FAULTS = (
    Fault("EHR down", lambda site: site.ehr.down(), lambda site: site.ehr.up()),
    Fault("EHR slow (2 s)", lambda site: site.ehr.delay(2000), lambda site: site.ehr.recover()),
    Fault(
        "EHR answers 500",
        lambda site: site.ehr.answer(500, writes=True),
        lambda site: site.ehr.recover(),
    ),
    Fault(
        "EHR answers 429",
        lambda site: site.ehr.answer(429, writes=True),
        lambda site: site.ehr.recover(),
    ),
)
FLEET_FAULTS = (
    Fault("none", lambda _: None, lambda _: None),
    Fault("kill -9 of a bridge", lambda fleet: fleet.kill(0), lambda fleet: fleet.nodes[0].start()),
    Fault(
        "SIGSTOP of a bridge, past its leases",
        lambda fleet: fleet.stop(1),
        lambda fleet: fleet.go_on(1),
        LEASE_SECONDS + 10,
    ),
    Fault(
        "a bridge ends and starts (upgrade)",
        lambda fleet: fleet.nodes[2].stop(),
        lambda fleet: fleet.nodes[2].start(),
        1.0,
    ),
    Fault("PostgreSQL restarts", lambda fleet: fleet.postgres.restart(3.0), lambda _: None, 0.0),
    Fault(
        "a bridge loses its database",
        lambda fleet: fleet.link.cut(DATABASE),
        lambda fleet: fleet.link.mend(DATABASE),
    ),
    Fault(
        "silence between a bridge and its database",
        lambda fleet: fleet.link.freeze(),
        lambda fleet: fleet.link.thaw(),
        10.0,
    ),
    Fault(
        "object store down", lambda fleet: fleet.s3.close(), lambda fleet: fleet.s3.start_again()
    ),
    *EHR_FAULTS,
    Fault(
        "network of the HIS and the modalities cut",
        lambda fleet: [fleet.front.cut(each) for each in (HL7, DICOM)],
        lambda fleet: [fleet.front.mend(each) for each in (HL7, DICOM)],
        2.0,
    ),
)
ONE_FAULTS = (
    Fault("none", lambda _: None, lambda _: None),
    Fault(
        "kill -9", lambda one: one.hospital.bridge.kill(), lambda one: one.hospital.bridge.start()
    ),
    Fault(
        "ends and starts",
        lambda one: one.hospital.bridge.stop(),
        lambda one: one.hospital.bridge.start(),
        1.0,
    ),
    *EHR_FAULTS,
)


@dataclass(frozen=True, slots=True)
class One:
    """One bridge on SQLite."""

    hospital: Hospital
    ehr: MedplumServer
    images: Path


@pytest.fixture
def fleet(tmp_path: Path, his: His, mpps: DcmjsModality, ehr: MedplumServer) -> Iterator[Fleet]:
    with closing(Fleet(tmp_path, his, mpps, ehr)) as fleet:
        yield fleet


@pytest.fixture
def one(tmp_path: Path, his: His, mpps: DcmjsModality, ehr: MedplumServer) -> Iterator[One]:
    destination = fhir_destination(ehr.url) | {"retry": {"base_seconds": 0.2}}
    configuration = configure(
        tmp_path,
        f"sqlite:///{tmp_path}/bridge.db",
        dicom={"settle_seconds": 1},
        destinations=[destination],
    )
    with closing(Bridge(configuration, tmp_path)) as bridge:
        bridge.start()
        yield One(Hospital(bridge, his, mpps, ehr), ehr, bridge.images)


def check_all_work_on(fleet: Fleet) -> None:
    """Every node is older than the database now, works on, and says so."""
    for node in fleet.nodes:
        with urlopen(f"{node.url}/health/ready", timeout=10) as answer:
            told = json.load(answer)
        assert "a newer version brought the database to 9999" in told["warnings"]["schema"]


@pytest.mark.timeout(300)
def test_given_three_bridges_when_one_is_killed_or_a_newer_one_migrates_then_nothing_is_lost(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = next(fault for fault in FLEET_FAULTS if fault.name.startswith("kill"))
    migrated = Fault(
        "migrated by a newer version", lambda fleet: fleet.migrate(), check_all_work_on, 1.0
    )
    faults = (killed, migrated)
    rows = [endure(fleet, each, tmp_path / f"sent{n}") for n, each in enumerate(faults)]
    show(capsys, "three bridges, PostgreSQL, S3", rows)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_given_every_fault_of_three_bridges_then_nothing_is_lost_doubled_or_overtaken(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show(capsys, "three bridges, PostgreSQL, S3", endure_all(fleet, FLEET_FAULTS, tmp_path, capsys))


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_given_every_fault_of_one_bridge_then_nothing_is_lost_doubled_or_overtaken(
    one: One, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show(capsys, "one bridge, SQLite", endure_all(one, ONE_FAULTS, tmp_path, capsys))


def endure_all(
    site: Site, faults: Sequence[Fault], directory: Path, capsys: pytest.CaptureFixture[str]
) -> list[Row]:
    """One after the other; SOAK_FAULTS names some of them by a part of their names."""
    wanted = os.environ.get("SOAK_FAULTS", "").split(",")
    rows = []
    for number, fault in enumerate(faults):
        if any(part in fault.name for part in wanted):
            rows.append(endure(site, fault, directory / f"sent{number}"))
            with capsys.disabled():
                print(f"\n{rows[-1]}", flush=True)
    return rows


def show(capsys: pytest.CaptureFixture[str], title: str, rows: list[Row]) -> None:
    with capsys.disabled():
        print(table(title, rows))
    assert rows
    assert [row for row in rows if not row.is_clean] == []
