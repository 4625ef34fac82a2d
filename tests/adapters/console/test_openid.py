"""Given an OpenID provider of others (panva's oidc-provider), when people come, then roles hold."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit
from zoneinfo import ZoneInfo

import httpx2
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import text

from bridge.console.openid import NotVouchedFor, OpenIdClient, Provider, ProviderFails, Request
from bridge.domain.access import Role
from bridge.services.overview import ReadOverview
from bridge.settings import load
from bridge.store import schema
from bridge.wiring.console import build_console
from bridge.wiring.core import Core, build_core
from tests.peers.process import HERE, NODE, Process, answers, choose_port

SECRET = "a secret of the bridge & the provider"
ROLES = {Role.ADMIN: frozenset({"pacs-admins"}), Role.VIEWER: frozenset({"radiology"})}


@dataclass
class Console:
    """The console on a socket."""

    url: str
    core: Core

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with self.core.database.read() as connection:
            return [tuple(row) for row in connection.execute(text(query)).all()]


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    return choose_port(), choose_port()


@pytest.fixture(scope="module")
def provider(ports: tuple[int, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    ours, theirs = ports
    callback = f"http://127.0.0.1:{ours}/sign-in/openid/callback"
    command: list[str | Path] = [
        NODE,
        HERE / "node" / "openid.mjs",
        str(theirs),
        "bridge",
        SECRET,
        callback,
    ]
    process = Process(command, tmp_path_factory.mktemp("openid") / "openid.log")
    issuer = f"http://127.0.0.1:{theirs}"
    try:
        process.wait_for(
            lambda: answers(f"{issuer}/.well-known/openid-configuration"), "the provider answers"
        )
        yield issuer
    finally:
        process.stop()


@pytest.fixture(scope="module")
def console(
    provider: str, ports: tuple[int, int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("console")
    file = folder / "bridge.yaml"
    file.write_text(
        f"""
        var: {folder}
        http: {{port: {ports[0]}}}
        console:
          openid:
            issuer: {provider}
            name: clinic
            client_secret: "{SECRET}"
            admins: [pacs-admins]
            viewers: [radiology]
        """,
        encoding="utf-8",
    )
    core = build_core(load(file, {}), {})
    schema.upgrade(core.database)
    overview = ReadOverview(store=core.store, clock=time.time, zone=ZoneInfo("UTC"))
    listener = socket.create_server(("127.0.0.1", ports[0]))
    application = build_console(core, overview, {})
    server = uvicorn.Server(uvicorn.Config(application, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield Console(f"http://127.0.0.1:{ports[0]}", core)
    server.should_exit = True
    thread.join()
    core.database.close()
    core.pixels.close()


def sign_in(browser: httpx2.Client, url: str, name: str) -> httpx2.Response:
    """Follow the way there and back as a browser does, filling in the provider's forms."""
    answer = browser.get(url)
    for _ in range(20):
        if answer.has_redirect_location:
            answer = browser.get(urljoin(str(answer.url), answer.headers["location"]))
            continue
        form = re.search(r'<form[^>]*action="([^"]+)" method="post"', answer.text)
        if form is None or 'name="prompt"' not in answer.text:
            return answer
        prompt = re.search(r'name="prompt" value="([^"]+)"', answer.text)
        assert prompt is not None
        fields = {"prompt": prompt[1], "login": name, "password": "any"}
        answer = browser.post(urljoin(str(answer.url), form[1]), data=fields)
    raise AssertionError("it never ended")


def test_given_somebody_with_a_role_when_they_come_back_then_they_are_signed_in_with_it(
    console: Console,
) -> None:
    with httpx2.Client() as browser:
        page = sign_in(browser, f"{console.url}/sign-in/openid?next=/search", "anh")

        assert page.status_code == 200
        assert urlsplit(str(page.url)).path == "/search"
        assert "Nguyễn Văn Ánh" in page.text
        assert "administrator" in page.text
    assert ("clinic:anh", "admin", "110122", "clinic") in console.rows(
        "SELECT who, role, type, detail FROM audit"
    )


def test_given_somebody_without_a_role_when_they_come_back_then_they_are_not_let_in(
    console: Console,
) -> None:
    with httpx2.Client() as browser:
        page = sign_in(browser, f"{console.url}/sign-in/openid", "binh")

        assert page.status_code == 403
        assert "no role here" in page.text
        assert browser.get(f"{console.url}/").status_code == 303


def test_given_an_answer_that_was_not_asked_for_when_it_comes_then_it_is_refused(
    console: Console,
) -> None:
    with httpx2.Client() as browser:
        away = browser.get(f"{console.url}/sign-in/openid")
        asked = parse_qs(urlsplit(away.headers["location"]).query)
        assert asked["code_challenge_method"] == ["S256"]
        callback = f"{console.url}/sign-in/openid/callback"

        for forged in ({"code": "x", "state": "guessed"}, {"code": "x"}, {"error": "denied"}):
            assert browser.get(callback, params=forged).status_code == 403
        stolen = httpx2.get(callback, params={"code": "x", "state": asked["state"][0]})
        assert stolen.status_code == 403
        wrong = browser.get(callback, params={"code": "x", "state": asked["state"][0]})
        assert wrong.status_code == 503  # the provider says: invalid_grant


def test_given_a_provider_when_the_sign_in_is_opened_then_it_is_offered(console: Console) -> None:
    page = httpx2.get(f"{console.url}/sign-in", params={"next": "//elsewhere.example/"})

    assert "Sign in with clinic" in page.text
    assert '/sign-in/openid?next=/"' in page.text


class FakeProvider:
    """A provider in memory, whose ID token says what a test wants."""

    ISSUER = "https://id.example"

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "1"})
        self.signing: RSAKey | OctKey = self.key
        self.algorithm = "RS256"
        self.claims: dict[str, object] = {
            "iss": self.ISSUER,
            "aud": "bridge",
            "sub": "42",
            "exp": 2000,
            "iat": 1000,
            "nonce": "n",
            "realm_access": {"roles": ["pacs-admins"]},
        }
        self.issuer = self.ISSUER

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("openid-configuration"):
            return httpx2.Response(
                200,
                json={
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.ISSUER}/auth",
                    "token_endpoint": f"{self.ISSUER}/token",
                    "jwks_uri": f"{self.ISSUER}/keys",
                },
            )
        if request.url.path == "/keys":
            return httpx2.Response(200, json={"keys": [self.key.as_dict(private=False)]})
        header = {"alg": self.algorithm, "kid": "1"}
        token = jwt.encode(header, self.claims, self.signing, algorithms=[self.algorithm])
        return httpx2.Response(200, json={"id_token": token})

    def client(self) -> OpenIdClient:
        provider = Provider(
            issuer=self.ISSUER,
            name="kc",
            client_id="bridge",
            redirect_uri="https://bridge.example/back",
            role_claim="realm_access.roles",
            roles=ROLES,
        )
        http = httpx2.Client(transport=httpx2.MockTransport(self.answer))
        return OpenIdClient(provider, lambda: 1500.0, http)


WAY = Request(state="s", nonce="n", verifier="v")


def test_given_a_valid_token_when_read_then_the_nested_claim_gives_the_role_and_sub_the_name() -> (
    None
):
    account = FakeProvider().client().account("code", WAY)

    assert (account.name, account.role) == ("kc:42", Role.ADMIN)


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("iss", "https://other.example"),
        ("aud", "another"),
        ("aud", None),
        ("exp", 1400),
        ("iat", 1700),
        ("nonce", "other"),
        ("nonce", None),
        ("azp", "another"),
        ("sub", None),
        ("realm_access", {"roles": ["kitchen"]}),
        ("realm_access", "pacs-admins"),
    ],
)
def test_given_a_token_that_is_not_for_us_when_read_then_nobody_is_let_in(
    claim: str, value: object
) -> None:
    fake = FakeProvider()
    fake.claims[claim] = value
    if value is None:
        del fake.claims[claim]

    with pytest.raises(NotVouchedFor):
        fake.client().account("code", WAY)


def test_given_a_token_signed_by_another_or_with_a_shared_secret_then_nobody_is_let_in() -> None:
    other, shared = FakeProvider(), FakeProvider()
    other.signing = RSAKey.generate_key(2048, {"kid": "1"})
    shared.signing, shared.algorithm = OctKey.import_key("s" * 64), "HS256"

    for fake in (other, shared):
        with pytest.raises(NotVouchedFor):
            fake.client().account("code", WAY)


def test_given_keys_that_changed_when_a_token_comes_then_they_are_fetched_anew() -> None:
    fake = FakeProvider()
    client = fake.client()
    client.account("code", WAY)

    fake.key = fake.signing = RSAKey.generate_key(2048, {"kid": "1"})

    assert client.account("code", WAY).name == "kc:42"


def test_given_a_provider_of_another_name_or_none_when_asked_then_it_fails() -> None:
    fake = FakeProvider()
    fake.issuer = "https://impostor.example"

    with pytest.raises(ProviderFails, match="calls itself"):
        fake.client().address(WAY)
    unreachable = OpenIdClient(
        Provider(
            issuer=f"http://127.0.0.1:{choose_port()}", name="x", client_id="b", redirect_uri="y"
        ),
        time.time,
    )
    with pytest.raises(ProviderFails, match="cannot be asked"):
        unreachable.address(WAY)
