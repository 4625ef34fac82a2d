"""Signing in at FHIR servers: tokens, certificates, and keys that are changed while all goes on."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, KeySetSerialization

from bridge.domain.delivery import TransportError
from bridge.domain.errors import BridgeError
from bridge.fhir.authorization import Client
from bridge.fhir.client import FhirClient, Server
from bridge.fhir.signing_keys import ALGORITHMS, SigningKeys, key_set
from tests.adapters.fhir.scripted_server import Asked, Reply, ScriptedServer
from tests.adapters.hl7.test_mllp_tls import Authority, Files


class Secured:
    """Asks for a token with each request; gives tokens to who signs with a key of the bridge."""

    def __init__(self, keys: SigningKeys) -> None:
        self.keys = keys
        self.given: list[str] = []
        self.taken: set[str] = set()
        self.claims: list[dict[str, Any]] = []
        self.lives: int | None = 300
        self.refusing = Reply(401)
        self.documented = True
        self.url = ""

    def __call__(self, asked: Asked) -> Reply:
        path = asked.path.removeprefix("/fhir/")
        if path == ".well-known/smart-configuration":
            return Reply(body={"token_endpoint": f"{self.url}/token"} if self.documented else {})
        if path == "metadata":
            uri = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
            told = {"url": "token", "valueUri": f"{self.url}/token"}
            extension = [{"url": uri, "extension": [told]}]
            return Reply(body={"rest": [{"security": {"extension": extension}}]})
        if path == "token":
            return self._token(asked)
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        return Reply(body={"resourceType": "Patient"}) if token in self.taken else Reply(401)

    def _token(self, asked: Asked) -> Reply:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
        assert form["grant_type"] == "client_credentials"
        known = KeySet.import_key_set(cast(KeySetSerialization, key_set(self.keys)))
        signed = jwt.decode(form["client_assertion"], known, algorithms=[*ALGORITHMS])
        self.claims.append(signed.claims | {"alg": signed.header["alg"], "scope": form["scope"]})
        if self.refusing.status != 401 or not self.url:
            return self.refusing
        token = f"token-{len(self.given)}"
        self.given.append(token)
        self.taken = {token}
        lives: dict[str, Any] = {"expires_in": self.lives} if self.lives else {}
        return Reply(body={"access_token": token, "token_type": "bearer", **lives})


@contextmanager
def mutual_tls(authority: Authority, own: Files) -> Iterator[str]:
    """A server that speaks only to who shows a certificate of the authority."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_arguments: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_arguments: object) -> None:
            pass

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    context.load_cert_chain(own.certificate, own.key)
    context.verify_mode = ssl.CERT_REQUIRED
    server = Quiet(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/fhir"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def keys(tmp_path: Path) -> SigningKeys:
    made = SigningKeys(tmp_path / "keys")
    made.generate("ES384", 0.0, 0.0)
    return made


@pytest.fixture
def secured(ehr: ScriptedServer, keys: SigningKeys) -> Secured:
    server = Secured(keys)
    server.url = ehr.url
    ehr.script = server
    return server


@pytest.fixture
def client(ehr: ScriptedServer, keys: SigningKeys) -> Iterator[Callable[..., FhirClient]]:
    made: list[FhirClient] = []

    def make(**keywords: Any) -> FhirClient:
        sign = {"sign": lambda: keys.signing("", time.time())}
        who = Client(**{"client_id": "bridge", **sign, **keywords})
        made.append(FhirClient(Server(url=ehr.url, client=who)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_given_a_secured_server_then_one_token_serves_until_it_ends(
    secured: Secured, client: Callable[..., FhirClient]
) -> None:
    speaker = client(scope="system/ImagingStudy.cu")
    for _ in range(3):
        speaker.request("GET", "Patient/1")
    assert secured.given == ["token-0"]
    [claims] = secured.claims
    assert claims["iss"] == claims["sub"] == "bridge"
    assert claims["aud"] == f"{secured.url}/token"
    assert 0 < claims["exp"] - time.time() <= 300
    assert (claims["alg"], claims["scope"]) == ("ES384", "system/ImagingStudy.cu")


def test_given_a_token_that_is_about_to_end_then_a_new_one_is_asked_for_before(
    secured: Secured, client: Callable[..., FhirClient]
) -> None:
    speaker = client()
    secured.lives = 300
    speaker.request("GET", "Patient/1")
    speaker._authorization._until = time.time() - 1  # type: ignore[attr-defined]
    speaker.request("GET", "Patient/1")
    assert secured.given == ["token-0", "token-1"]
    assert len({each["jti"] for each in secured.claims}) == 2


def test_given_a_token_the_server_no_longer_takes_then_it_is_renewed_at_once(
    secured: Secured, client: Callable[..., FhirClient]
) -> None:
    speaker = client()
    speaker.request("GET", "Patient/1")
    secured.taken.clear()
    speaker.request("GET", "Patient/1")
    assert secured.given == ["token-0", "token-1"]


def test_given_many_at_once_then_one_of_them_asks(
    secured: Secured, client: Callable[..., FhirClient]
) -> None:
    speaker = client()
    threads = [
        threading.Thread(target=lambda: speaker.request("GET", "Patient/1")) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert secured.given == ["token-0"]


def test_given_a_server_that_takes_no_token_of_ours_then_it_is_asked_twice_and_no_more(
    ehr: ScriptedServer, secured: Secured, client: Callable[..., FhirClient]
) -> None:
    ehr.script = lambda asked: secured(asked) if "Patient" not in asked.path else Reply(401)
    with pytest.raises(TransportError) as caught:
        client().request("GET", "Patient/1")
    assert caught.value.unreachable
    assert len([each for each in ehr.asked if "Patient" in each.path]) == 2


@pytest.mark.parametrize(
    "reply", [Reply(400, {"error": "invalid_client"}), Reply(503), Reply(200, {"no": "token"})]
)
def test_given_no_token_then_the_destination_waits_and_nothing_secret_is_told(
    secured: Secured, client: Callable[..., FhirClient], reply: Reply
) -> None:
    secured.refusing = reply
    with pytest.raises(TransportError) as caught:
        client().request("GET", "Patient/1", b"{}")
    assert caught.value.unreachable
    assert str(reply.status) in caught.value.message
    assert b"client_assertion" not in caught.value.request


def test_given_a_server_without_smarts_document_then_its_statement_says_it(
    secured: Secured, client: Callable[..., FhirClient]
) -> None:
    secured.documented = False
    client().request("GET", "Patient/1")
    assert secured.given


def test_given_no_key_then_the_error_says_what_to_do(
    secured: Secured, client: Callable[..., FhirClient], tmp_path: Path
) -> None:
    none = SigningKeys(tmp_path / "none")
    with pytest.raises(TransportError, match="bridge signing-key generate"):
        client(sign=lambda: none.signing("", 0)).request("GET", "Patient/1")
    assert not secured.given


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_given_a_new_key_then_it_is_shown_at_once_and_signs_when_it_is_due(
    tmp_path: Path, algorithm: str
) -> None:
    keys = SigningKeys(tmp_path / "keys")
    old = keys.generate(algorithm, 1000.0, 0.0)
    new = keys.generate(algorithm, 1010.0, 600.0)

    assert [each["kid"] for each in key_set(keys)["keys"]] == [new.kid, old.kid]
    assert keys.signing(algorithm, 1020.0).kid == old.kid
    assert keys.signing("", 1611.0).kid == new.kid
    assert all("d" not in each for each in key_set(keys)["keys"])
    assert (tmp_path / "keys" / f"{new.kid}.json").stat().st_mode & 0o077 == 0
    assert keys.retire(old.kid)
    assert not keys.retire(old.kid)
    assert not keys.retire("../keys/x")
    assert [each.kid for each in keys.all()] == [new.kid]
    with pytest.raises(BridgeError, match="no key of"):
        keys.signing("ES384" if algorithm == "RS384" else "RS384", 2000.0)


def test_given_a_file_that_is_no_key_then_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(BridgeError, match=r"bad\.json: no signing key"):
        SigningKeys(tmp_path).all()


def test_given_a_server_that_wants_a_certificate_then_the_bridge_shows_its_own(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path, "ehr")
    own = authority.issue("bridge")
    with mutual_tls(authority, authority.issue("server")) as url:
        shown = FhirClient(
            Server(
                url=url,
                authorities=str(authority.file),
                certificate=str(own.certificate),
                certificate_key=str(own.key),
            )
        )
        bare = FhirClient(Server(url=url, authorities=str(authority.file)))
        try:
            assert shown.request("GET", "metadata").status == 200
            with pytest.raises(TransportError):
                bare.request("GET", "metadata")
        finally:
            shown.close()
            bare.close()


def test_given_a_certificate_that_is_none_then_it_is_said_before_anything_is_sent() -> None:
    with pytest.raises(BridgeError, match="cannot be used"):
        FhirClient(Server(url="https://ehr.example/fhir", certificate="/no/such.pem"))
