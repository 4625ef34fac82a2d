"""Each peer against a trivial counterpart, so that a red acceptance test blames the right side."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import psycopg
import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid
from pynetdicom import AE, evt

from tests.peers.dcmjs import DcmjsModality
from tests.peers.dcmtk import STEP, Modality, StoreScp, WlmScpfs, dump2dcm
from tests.peers.hl7_node import Client, His
from tests.peers.hl7_sink import Hl7Sink
from tests.peers.medplum import Medplum
from tests.peers.mllp import MllpSocket
from tests.peers.orthanc import Orthanc
from tests.peers.postgres import Postgres
from tests.peers.process import choose_port
from tests.peers.sekmet import Sekmet

CT = Path(str(get_testdata_file("CT_small.dcm")))
ORDER = "\r".join(
    [
        "MSH|^~\\&|HIS|H|RIS|H|20240102030405||ORM^O01^ORM_O01|M1|P|2.5.1|||||||UNICODE UTF-8",
        "PID|1||P1^^^HOSP^MR||NGUYỄN^ÁNH^VĂN||19800102|F",
        "ORC|NW|O1|F1||SC",
        "OBR|1|O1|F1|CT1^CT head^L|||20240102030405||||||||||||||||||CT",
    ]
)
STEP_IN_FILE = """
(0008,0005) CS [ISO_IR 192]
(0008,0050) SH [A1]
(0010,0010) PN [NGUYỄN^ÁNH]
(0010,0020) LO [P1]
(0020,000d) UI [1.2.3.4]
(0032,1060) LO [CT head]
(0040,1001) SH [R1]
(0040,0100) SQ
(fffe,e000) na
(0008,0060) CS [CT]
(0040,0001) AE [CT01]
(0040,0002) DA [20240102]
(0040,0003) TM [030405]
(0040,0007) LO [CT head]
(0040,0009) SH [S1]
(fffe,e00d) na
(fffe,e0dd) na
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("peers")


@pytest.fixture(scope="module")
def medplum(folder: Path) -> Iterator[Medplum]:
    with closing(Medplum(folder)) as peer:
        yield peer


def study(status: str = "available") -> dict[str, Any]:
    return {
        "resourceType": "ImagingStudy",
        "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}],
        "status": status,
        "subject": {"reference": "urn:uuid:2b1d1a8e-6b0c-4d52-9a63-1f0b6f5d7a11"},
    }


def transaction(imaging_study: dict[str, Any]) -> dict[str, Any]:
    patient = {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "P1"}]}
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:2b1d1a8e-6b0c-4d52-9a63-1f0b6f5d7a11",
                "resource": patient,
                "request": {
                    "method": "POST",
                    "url": "Patient",
                    "ifNoneExist": "identifier=urn:x|P1",
                },
            },
            {
                "resource": imaging_study,
                "request": {
                    "method": "PUT",
                    "url": "ImagingStudy?identifier=urn:dicom:uid|urn:oid:1.2.3",
                },
            },
        ],
    }


def test_medplum_keeps_one_imaging_study_however_often_it_is_put(medplum: Medplum) -> None:
    with closing(medplum.open()) as ehr:
        for _ in range(2):
            ehr.exchange("POST", "", transaction(study()))
        (found,) = ehr.imaging_studies("1.2.3")
        assert ehr.read(found["subject"]["reference"])["identifier"][0]["value"] == "P1"


def test_medplum_refuses_what_its_validator_finds_wrong(medplum: Medplum) -> None:
    with closing(medplum.open()) as ehr, pytest.raises(HTTPError, match="422"):
        ehr.exchange("POST", "", transaction(study() | {"numberOfSeries": "two"}))


def test_medplum_fails_as_asked_and_comes_back_on_the_same_port(medplum: Medplum) -> None:
    with closing(medplum.open()) as ehr:
        ehr.answer(503, times=1)
        with pytest.raises(HTTPError, match="503"):
            ehr.exchange("POST", "", transaction(study()))
        ehr.exchange("POST", "", transaction(study()))
        ehr.down()
        with pytest.raises(OSError, match="refused"):
            ehr.imaging_studies("1.2.3")
        ehr.up()
        assert len(ehr.imaging_studies("1.2.3")) == 1
        assert [request["status"] for request in ehr.requests()] == [503, 200, 200]


def test_sekmet_keeps_one_imaging_study_however_often_it_is_put(tmp_path: Path) -> None:
    with closing(Sekmet(tmp_path)) as ehr:
        for _ in range(2):
            ehr.exchange("POST", "", transaction(study()))
        assert len(ehr.imaging_studies("1.2.3")) == 1


@pytest.mark.parametrize("client", ["node-hl7-client", "@medplum/hl7"])
def test_the_his_is_acknowledged_by_a_third_party(tmp_path: Path, client: Client) -> None:
    with closing(Hl7Sink(tmp_path)) as sink, closing(His(tmp_path)) as his:
        assert "MSA|AA|M1" in his.send(sink.port, ORDER, client)
        second = his.send(sink.port, ORDER.replace("|M1|", "|M2|"), client)
        assert "MSA|AA|M2" in second
        with MllpSocket(sink.port) as wire:
            assert b"MSA|AA|M3" in (wire.exchange(ORDER.replace("|M1|", "|M3|").encode()) or b"")


def test_findscu_and_orthanc_see_a_worklist_of_files(tmp_path: Path) -> None:
    with closing(WlmScpfs(tmp_path)) as worklist:
        dump2dcm(STEP_IN_FILE, tmp_path).rename(worklist.files / "1.wl")
        modality = Modality(worklist.port)
        assert modality.echo()
        found = modality.find({"PatientName": "NGUY*", STEP + "Modality": "CT"})
        assert found.status == "Success", found.output
        assert [item.PatientID for item in found.items] == ["P1"]
        assert modality.find({STEP + "Modality": "MR"}).items == []
        with closing(Orthanc(tmp_path, worklist.port)) as orthanc:
            assert orthanc.echo()
            assert len(orthanc.find_worklist({"PatientID": "P1"})) == 1


def test_storescu_and_orthanc_store(tmp_path: Path) -> None:
    with closing(StoreScp(tmp_path)) as store:
        stored = Modality(store.port).store([CT])
        assert stored.ok, stored.output
        with closing(Orthanc(tmp_path, store.port)) as orthanc:
            study_id = orthanc.upload(CT.read_bytes())["ParentStudy"]
            assert orthanc.send(study_id)["InstancesCount"] == 1
        assert len(list(store.directory.iterdir())) == 1


def test_dcmjs_creates_and_sets_a_performed_procedure_step(tmp_path: Path) -> None:
    received: list[Dataset] = []

    def create(event: evt.Event) -> tuple[int, Dataset]:
        received.append(event.attribute_list)
        return 0x0000, event.attribute_list

    def modify(event: evt.Event) -> tuple[int, None]:
        received.append(event.modification_list)
        return 0x0112, None

    entity = AE("BRIDGE")
    entity.add_supported_context("1.2.840.10008.3.1.2.3.3")
    port, uid = choose_port(), generate_uid()
    handlers: list[Any] = [(evt.EVT_N_CREATE, create), (evt.EVT_N_SET, modify)]
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    assert server is not None
    try:
        with closing(DcmjsModality(tmp_path)) as modality:
            elements = {
                "PerformedProcedureStepStatus": "IN PROGRESS",
                "ScheduledStepAttributesSequence": [{"StudyInstanceUID": "1.2.3"}],
            }
            assert modality.create_step(port, uid, elements) == 0
            assert modality.set_step(port, uid, {"PerformedProcedureStepStatus": "COMPLETED"}) == (
                0x0112
            )
    finally:
        server.shutdown()
    assert [item.PerformedProcedureStepStatus for item in received] == ["IN PROGRESS", "COMPLETED"]
    assert received[0].ScheduledStepAttributesSequence[0].StudyInstanceUID == "1.2.3"


def test_postgres_gives_each_test_a_database_of_its_own() -> None:
    with closing(Postgres()) as postgres:
        first, second = postgres.create_database(), postgres.create_database()
        assert first != second
        with psycopg.connect(first, autocommit=True) as connection:
            connection.execute("CREATE TABLE only_here (id integer)")
        with (
            psycopg.connect(second) as connection,
            pytest.raises(psycopg.errors.UndefinedTable),
        ):
            connection.execute("SELECT * FROM only_here")


def test_no_peer_is_left_behind() -> None:
    """Debian's packages bring services that must not run on their default ports."""
    for port in (4242, 8042):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
