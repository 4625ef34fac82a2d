"""Fixtures of the acceptance tests: one hospital shared by most tests, and hospitals of their own.

Everything runs on SQLite and on PostgreSQL. Peers live as long as the session; identifiers are
unique, so that tests that share a bridge do not see each other.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.acceptance.hospital import Hospital
from tests.peers.bridge_process import Bridge, configure, fhir_destination
from tests.peers.dcmjs import DcmjsModality
from tests.peers.dcmtk import StoreScp
from tests.peers.fhir_client import FhirClient
from tests.peers.hl7_node import His
from tests.peers.medplum import Medplum, MedplumServer
from tests.peers.orthanc import Orthanc
from tests.peers.postgres import Postgres
from tests.peers.process import choose_port

PEERS = [{"ae_title": "LATIN1", "specific_character_set": "ISO_IR 100"}]


def orthanc_peer(port: int) -> dict[str, Any]:
    """Orthanc as the bridge knows it."""
    return {"ae_title": "ORTHANC", "host": "127.0.0.1", "port": port}


class NewHospital(Protocol):
    """Starts a hospital of the test's own; keywords change its bridge's configuration."""

    def __call__(self, ehr: FhirClient | None = None, /, **changes: Any) -> Hospital: ...


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], str]:
    """Give the address of a new, empty database each time."""
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        return postgres.create_database
    folder, numbers = tmp_path_factory.mktemp("sqlite"), count(1)
    return lambda: f"sqlite:///{folder}/{next(numbers)}.db"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with closing(Postgres()) as peer:
        yield peer


@pytest.fixture(scope="session")
def peers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("peers")


@pytest.fixture(scope="session")
def medplum(peers_folder: Path) -> Iterator[Medplum]:
    with closing(Medplum(peers_folder)) as peer:
        yield peer


@pytest.fixture(scope="session")
def his(peers_folder: Path) -> Iterator[His]:
    with closing(His(peers_folder)) as peer:
        yield peer


@pytest.fixture(scope="session")
def mpps(peers_folder: Path) -> Iterator[DcmjsModality]:
    with closing(DcmjsModality(peers_folder)) as peer:
        yield peer


@pytest.fixture
def ehr(medplum: Medplum) -> Iterator[MedplumServer]:
    """An EHR of the test's own."""
    with closing(medplum.open()) as server:
        yield server


@pytest.fixture(scope="session")
def orthanc_port() -> int:
    """Where Orthanc takes what the bridge sends it; known before either is started."""
    return choose_port()


@pytest.fixture(scope="session")
def shared_hospital(
    database: Callable[[], str],
    orthanc_port: int,
    medplum: Medplum,
    his: His,
    mpps: DcmjsModality,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Hospital]:
    folder = tmp_path_factory.mktemp("hospital")
    with closing(medplum.open()) as server:
        configuration = configure(
            folder,
            database(),
            dicom={"peers": [*PEERS, orthanc_peer(orthanc_port)], "settle_seconds": 1},
            destinations=[fhir_destination(server.url)],
        )
        with closing(Bridge(configuration, folder)) as bridge:
            bridge.start()
            yield Hospital(bridge, his, mpps, server)
            assert bridge.stop() == 0, bridge.output()


@pytest.fixture
def hospital(shared_hospital: Hospital) -> Hospital:
    """The hospital that most tests share. A bridge that somebody brought down is started again."""
    if not shared_hospital.bridge.running:
        shared_hospital.bridge.start()
    return shared_hospital


@pytest.fixture(scope="session")
def running_witness(peers_folder: Path) -> Iterator[StoreScp]:
    with closing(StoreScp(peers_folder, "--bit-preserving")) as peer:
        yield peer


@pytest.fixture
def witness(running_witness: StoreScp) -> StoreScp:
    """A third party's empty store that keeps the bytes as they come."""
    running_witness.clear()
    return running_witness


@pytest.fixture(scope="session")
def orthanc(
    shared_hospital: Hospital,
    running_witness: StoreScp,
    orthanc_port: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Orthanc]:
    """An Orthanc that knows the shared bridge, and the witness."""
    folder = tmp_path_factory.mktemp("orthanc")
    port = shared_hospital.bridge.dicom_port
    witness_port = running_witness.port
    with closing(Orthanc(folder, port, witness_port=witness_port, dicom_port=orthanc_port)) as peer:
        yield peer


@pytest.fixture
def new_hospital(
    database: Callable[[], str],
    his: His,
    mpps: DcmjsModality,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[NewHospital]:
    numbers = count(1)
    with ExitStack() as stack:

        def start(ehr: FhirClient | None = None, /, **changes: Any) -> Hospital:
            server = ehr or request.getfixturevalue("ehr")
            folder = tmp_path / f"hospital{next(numbers)}"
            folder.mkdir()
            destination = fhir_destination(server.url) | {"retry": {"base_seconds": 0.2}}
            settings = {"destinations": [destination], "dicom": {"peers": PEERS}} | changes
            bridge = Bridge(configure(folder, database(), **settings), folder)
            stack.callback(bridge.close)
            bridge.start()
            return Hospital(bridge, his, mpps, server)

        yield start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the bridge's log with a failed test."""
    report = yield
    hospital = getattr(item, "funcargs", {}).get("hospital")
    if report.failed and isinstance(hospital, Hospital):
        report.sections.append(("bridge", hospital.bridge.output()))
    return report
