"""Given a listener with a certificate, when peers come, then it speaks TLS, to whom it may."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bridge.domain.delivery import RetryPolicy, TransportError
from bridge.hl7.acknowledgement import parse
from bridge.hl7.destination import KINDS, Hl7Destination
from bridge.hl7.framing import FrameReader, frame
from bridge.settings import ConfigurationError, load
from bridge.settings import Hl7Destination as HisSettings
from bridge.settings.hl7_sending import ClientTls
from bridge.wiring.hl7_out import build_hl7
from tests.acceptance.orders import new_order, orm
from tests.adapters.hl7.receiver import Receiver, receiver
from tests.adapters.hl7.running import HOST, Wire, port_of, running

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Files:
    """PEM files of one holder."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority of this test."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key, authority=True)
        self.file = directory / f"{name}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> Files:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        files = Files(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        pem = serialization.Encoding.PEM
        files.certificate.write_bytes(self._sign(subject, key, authority=False).public_bytes(pem))
        files.key.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return files

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
        identifier = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(identifier if authority else issuer, critical=False)
            .add_extension(names, critical=False)
        )
        return builder.sign(self.key, hashes.SHA256())


@pytest.fixture
def hospital(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "hospital")


def settings_of(files: Files, client_ca: Path | None = None) -> dict[str, str]:
    named = {"certificate": str(files.certificate), "key": str(files.key)}
    return named | ({"client_ca": str(client_ca)} if client_ca else {})


def context(authority: Authority, own: Files | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(authority.file))
    if own is not None:
        made.load_cert_chain(own.certificate, own.key)
    return made


def exchange(port: int, how: ssl.SSLContext, *messages: bytes) -> list[str]:
    """Send messages at once over TLS; the codes that answer them."""
    reader = FrameReader()
    codes: list[str] = []
    with (
        socket.create_connection((HOST, port), 30) as plain,
        how.wrap_socket(plain, server_hostname=HOST) as secure,
    ):
        secure.sendall(b"".join(map(frame, messages)))
        while len(codes) < len(messages) and (data := secure.recv(65536)):
            found = reader.feed(data)
            codes += [parse(each.payload).acknowledgement.code for each in found]  # type: ignore[union-attr]
    return codes


def order() -> bytes:
    return orm(new_order()).encode()


def test_given_a_certificate_when_messages_come_over_tls_then_they_are_answered(
    tmp_path: Path, hospital: Authority
) -> None:
    with running(tmp_path, tls=settings_of(hospital.issue("bridge"))) as bridge:
        messages = [order() for _ in range(20)]
        assert exchange(port_of(bridge), context(hospital), *messages) == ["AA"] * 20
        large = order() + b"NTE|1||" + b"x" * 1_000_000 + b"\r"
        assert exchange(port_of(bridge), context(hospital), large) == ["AA"]


def test_given_a_client_that_trusts_others_when_it_comes_then_it_goes_and_the_port_lives(
    tmp_path: Path, hospital: Authority
) -> None:
    with running(tmp_path, tls=settings_of(hospital.issue("bridge"))) as bridge:
        with pytest.raises(ssl.SSLCertVerificationError):
            exchange(port_of(bridge), context(Authority(tmp_path, "stranger")), order())
        assert exchange(port_of(bridge), context(hospital), order()) == ["AA"]


def test_given_a_client_authority_when_clients_come_then_only_its_own_are_taken(
    tmp_path: Path, hospital: Authority
) -> None:
    stranger = Authority(tmp_path, "stranger")
    known, unknown = hospital.issue("his"), stranger.issue("other")
    tls = settings_of(hospital.issue("bridge"), hospital.file)
    with running(tmp_path, tls=tls) as bridge:
        port = port_of(bridge)
        assert exchange(port, context(hospital, known), order()) == ["AA"]
        for without in (context(hospital), context(hospital, unknown)):
            said: list[str] = []
            with suppress(OSError):  # an alert, or the end of the connection that overtakes it
                said = exchange(port, without, order())
            assert said == []
        assert exchange(port, context(hospital, known), order()) == ["AA"]


def test_given_a_client_without_tls_when_it_comes_then_it_gets_no_answer(
    tmp_path: Path, hospital: Authority
) -> None:
    with running(tmp_path, tls=settings_of(hospital.issue("bridge"))) as bridge:
        with Wire(port_of(bridge)) as wire:
            assert not (wire.exchange(order()) or b"").startswith(b"MSH")
        assert exchange(port_of(bridge), context(hospital), order()) == ["AA"]


def test_given_files_that_are_none_when_it_starts_then_it_is_told_which(
    tmp_path: Path, hospital: Authority
) -> None:
    files, other = hospital.issue("bridge"), hospital.issue("other")
    missing = Files(tmp_path / "missing.crt", files.key)
    mixed = Files(files.certificate, other.key)
    for wrong in (missing, mixed):
        with (
            pytest.raises(ConfigurationError, match=r"tls\.certificate"),
            running(tmp_path, tls=settings_of(wrong)),
        ):
            pass


# --- as a client ------------------------------------------------------------------------------
@contextmanager
def secured(authority: Authority) -> Iterator[Receiver]:
    """A receiver that speaks TLS with those who have a certificate of the authority."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    files = authority.issue("his")
    server.load_cert_chain(files.certificate, files.key)
    server.load_verify_locations(authority.file)
    server.verify_mode = ssl.CERT_REQUIRED
    with receiver(tls=server) as his:
        yield his


def adapter(port: int, trusted: Path, own: Files | None = None, **tls: str) -> Hl7Destination:
    files = ClientTls(
        enabled=True,
        ca=trusted,
        certificate=own.certificate if own else None,
        key=own.key if own else None,
        **tls,
    )
    his = HisSettings(name="his", host=HOST, port=port, timeout_seconds=2.0, tls=files)
    return build_hl7(load(None, {}), his, RetryPolicy(), KINDS)


def test_given_a_receiver_with_tls_when_it_knows_us_then_a_connection_is_taken(
    tmp_path: Path, hospital: Authority
) -> None:
    with secured(hospital) as his:
        known = adapter(his.port, hospital.file, hospital.issue("bridge"))
        assert known.check() == f"a TLS connection is taken at {HOST}:{his.port}"


def test_given_a_receiver_with_tls_when_one_does_not_trust_the_other_then_it_is_said_why(
    tmp_path: Path, hospital: Authority
) -> None:
    stranger = Authority(tmp_path, "stranger")
    with secured(hospital) as his:
        ours = hospital.issue("bridge")
        for made, why in (
            (adapter(his.port, stranger.file, ours), "certificate verify failed"),
            (adapter(his.port, hospital.file, ours, server_name="other"), "mismatch"),
            (adapter(his.port, hospital.file), "hung up at once.*certificate required"),
            (adapter(his.port, hospital.file, stranger.issue("b")), "hung up at once"),
        ):
            with pytest.raises(TransportError, match=why) as caught:
                made.check()
            assert caught.value.unreachable


def test_given_a_receiver_without_tls_when_it_is_asked_for_it_then_there_is_no_connection(
    tmp_path: Path, hospital: Authority
) -> None:
    with receiver() as plain, pytest.raises(TransportError, match="no TLS with"):
        adapter(plain.port, hospital.file).check()
