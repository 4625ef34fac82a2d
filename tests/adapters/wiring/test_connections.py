"""Given a configuration, when connections are looked at, then each is listed, tested and dated."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bridge.domain.access import Role, SignedIn
from bridge.domain.audit import AuditEvent
from bridge.domain.errors import UnknownKey
from bridge.services.check_connections import CheckConnections, Connection, Standing
from bridge.settings import Settings, load
from bridge.wiring.connections import ConfiguredConnections
from tests.adapters.fhir.scripted_server import Reply, ScriptedServer, serving
from tests.peers.process import choose_port

MAI = SignedIn(name="mai", role=Role.OPERATOR)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Trail:
    """What is written down of tests."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []

    @property
    def audit(self) -> Trail:
        return self

    def add(self, event: AuditEvent) -> None:
        self.events.append(event)

    def transact(self, work: Callable[[Trail], None]) -> None:
        work(self)


@pytest.fixture
def ehr() -> Iterator[ScriptedServer]:
    with serving() as server:
        yield server


def configured(tmp_path: Path, **sections: object) -> Settings:
    file = tmp_path / "bridge.yaml"
    file.write_text(yaml.safe_dump(sections))
    return load(file, {})


def checking(settings: Settings, trail: Trail | None = None) -> CheckConnections:
    return CheckConnections(
        store=trail or Trail(),  # type: ignore[arg-type]
        neighbours=ConfiguredConnections(settings),
        clock=NOW.timestamp,
    )


def by_key(settings: Settings) -> dict[str, Connection]:
    return {each.key: each for each in checking(settings).every()}


def write_certificate(file: Path, days: int) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bridge.hosp")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(days=400))
        .not_valid_after(NOW + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return file


def test_given_a_configuration_then_every_connection_is_listed_with_what_can_be_asked(
    tmp_path: Path,
) -> None:
    settings = configured(
        tmp_path,
        dicom={
            "peers": [{"ae_title": "CT01", "host": "10.0.0.1", "port": 104}, {"ae_title": "US"}]
        },
        destinations=[
            {"name": "ehr", "kind": "fhir", "url": "http://127.0.0.1:9/fhir", "version": "R5"},
            {"name": "pacs", "kind": "dicom_store", "ae_title": "P", "host": "h", "port": 4},
            {"name": "off", "kind": "webhook", "url": "http://h/e", "enabled": False},
        ],
        sources=[{"name": "his", "kind": "fhir", "url": "http://127.0.0.1:8/fhir"}],
    )
    found = by_key(settings)

    assert [*found][:3] == ["listener hl7", "listener dicom", "listener http"]
    assert (found["peer CT01"].address, found["peer CT01"].test) == ("10.0.0.1:104", "C-ECHO")
    assert (found["peer US"].address, found["peer US"].test) == ("", "")
    assert found["destination ehr"].test == "CapabilityStatement"
    assert ("version", "R5") in found["destination ehr"].says
    assert (found["destination pacs"].address, found["destination pacs"].test) == ("h:4", "C-ECHO")
    assert (found["destination off"].enabled, found["destination off"].test) == (False, "")
    assert found["source his"].test == "CapabilityStatement"


def test_given_a_fhir_server_then_its_statement_is_asked_and_the_test_is_audited(
    tmp_path: Path, ehr: ScriptedServer
) -> None:
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
    ehr.script = lambda asked: Reply(body=statement | {"software": {"name": "An EHR"}})
    settings = configured(
        tmp_path, destinations=[{"name": "ehr", "kind": "fhir", "url": f"{ehr.url}"}]
    )
    trail = Trail()
    result = checking(settings, trail).test("destination ehr", MAI)

    assert result.is_well, result.words
    assert result.words == "FHIR 4.0.1, An EHR"
    (event,) = trail.events
    assert (event.who, event.object_id) == ("mai", "destination ehr")
    assert event.detail == "CapabilityStatement: FHIR 4.0.1, An EHR"


def test_given_nobody_at_an_address_then_the_test_says_so(tmp_path: Path) -> None:
    peer = {"ae_title": "CT01", "host": "127.0.0.1", "port": choose_port()}
    settings = configured(tmp_path, dicom={"peers": [peer, {"ae_title": "US"}]})

    result = checking(settings).test("peer CT01", MAI)
    assert not result.is_well
    assert "nobody answers" in result.words
    for key in ("peer US", "peer NONE", "listener dicom"):
        with pytest.raises(UnknownKey):
            checking(settings).test(key, MAI)


def test_given_a_sender_that_is_answered_elsewhere_then_its_address_can_be_tried(
    tmp_path: Path,
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        back = {"host": "127.0.0.1", "port": server.getsockname()[1]}
        listener = {"name": "his", "acknowledgements": "return_connection"}
        settings = configured(tmp_path, hl7={"listeners": [listener | {"return_connection": back}]})
        (key,) = (k for k, each in by_key(settings).items() if each.kind == "MLLP")
        assert checking(settings).test(key, MAI).is_well


@pytest.mark.parametrize(
    ("days", "standing"),
    [(400, Standing.VALID), (29, Standing.ENDS_SOON), (0, Standing.ENDED), (-9, Standing.ENDED)],
)
def test_given_a_certificate_then_it_is_told_how_long_it_holds(
    tmp_path: Path, days: int, standing: Standing
) -> None:
    file = write_certificate(tmp_path / "port.pem", days)
    settings = configured(
        tmp_path, hl7={"listeners": [{"name": "his", "tls": {"certificate": str(file)}}]}
    )
    (found,) = by_key(settings)["listener his"].certificates

    assert (found.use, found.subject) == ("tls.certificate", "CN=bridge.hosp")
    assert found.not_after == (NOW + timedelta(days=days)).timestamp()
    assert found.standing(NOW.timestamp()) is standing
    assert len(checking(settings).expiring()) == (standing is not Standing.VALID)


def test_given_a_file_that_is_no_certificate_then_why_is_said(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")
    tls = {"certificate": str(broken), "client_ca": str(tmp_path / "missing.pem")}
    settings = configured(tmp_path, hl7={"listeners": [{"name": "his", "tls": tls}]})

    found = by_key(settings)["listener his"].certificates
    assert [each.standing(0) for each in found] == [Standing.UNREADABLE] * 2
    assert found[1].problem == "No such file or directory"
