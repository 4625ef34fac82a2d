"""Given the console on a socket, when it is asked, then only those are answered who may ask."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import pytest
import uvicorn

from bridge.console import navigation
from bridge.console.access import local_path
from bridge.domain.access import Account, Role
from bridge.services.overview import ReadOverview
from bridge.settings import load
from bridge.store import schema
from bridge.wiring.console import build_accounts, build_console
from bridge.wiring.core import Core, build_core

PASSWORD = "correct horse battery"


@dataclass
class Console:
    """The console, with an account of each role."""

    url: str
    core: Core

    @contextmanager
    def browser(self, name: str = "") -> Iterator[httpx2.Client]:
        """A browser in which somebody is signed in, by the role they are named after."""
        with httpx2.Client(base_url=self.url) as client:
            if name:
                fields = {"name": name, "password": PASSWORD}
                assert client.post("/sign-in", data=fields).status_code == 303
            yield client

    @staticmethod
    def token(client: httpx2.Client) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', client.get("/search").text)
        assert found is not None
        return found[1]


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    yield from serve(tmp_path_factory.mktemp("console"), "")


@pytest.fixture(scope="module")
def behind_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    address = "http: {public_url: 'https://bridge.example'}"
    yield from serve(tmp_path_factory.mktemp("behind"), address)


def serve(folder: Path, more: str) -> Iterator[Console]:
    file = folder / "bridge.yaml"
    file.write_text(f"var: {folder}\n{more}\n", encoding="utf-8")
    core = build_core(load(file, {}), {})
    schema.upgrade(core.database)
    accounts = build_accounts(core.settings, core.store)
    for role in Role:
        accounts.add(Account(name=role.value, role=role), PASSWORD, "test")
    overview = ReadOverview(store=core.store, clock=time.time, zone=ZoneInfo("UTC"))
    listener = socket.create_server(("127.0.0.1", 0))
    application = build_console(core, overview, {})
    server = uvicorn.Server(uvicorn.Config(application, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield Console(f"http://127.0.0.1:{listener.getsockname()[1]}", core)
    server.should_exit = True
    application.state.end_streams()
    thread.join()
    core.database.close()
    core.pixels.close()


OPEN = ("/", "/search", "/messages", "/messages/1", "/orders/1", "/studies/1.2", "/instances/1.2")
PLACES = sorted({*OPEN, *(each.path for each in navigation.ENTRIES)})


@pytest.mark.parametrize("path", PLACES)
def test_given_nobody_when_a_page_is_asked_then_the_sign_in_is_shown_and_leads_back(
    console: Console, path: str
) -> None:
    answer = httpx2.get(console.url + path)

    assert answer.status_code == 303
    assert answer.headers["location"] in ("/sign-in", f"/sign-in?next={path}")


@pytest.mark.parametrize("path", ["/events/now", "/events/messages", "/stragglers/matched"])
def test_given_nobody_when_a_program_asks_then_401_in_problem_json(
    console: Console, path: str
) -> None:
    answer = httpx2.get(console.url + path, headers={"Accept": "application/json"})

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 401


def test_given_every_route_when_listed_then_none_but_the_sign_in_is_open(console: Console) -> None:
    overview = ReadOverview(store=console.core.store, clock=time.time, zone=ZoneInfo("UTC"))
    described = build_console(console.core, overview, {}).openapi()["paths"]
    paths = {
        (method.upper(), re.sub(r"\{[^}]*\}", "1", path))
        for path, methods in described.items()
        for method in methods
        if not path.startswith(("/sign-in", "/language"))
    }
    assert len(paths) > len(PLACES)
    for method, path in sorted(paths):
        answer = httpx2.request(method, console.url + path)
        assert answer.status_code in (303, 401), f"{method} {path}: {answer.status_code}"


def test_given_any_answer_when_looked_at_then_it_forbids_what_is_not_needed(
    console: Console,
) -> None:
    for path in ("/sign-in", "/nowhere", "/static/console.css"):
        headers = httpx2.get(console.url + path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in policy
    assert httpx2.get(f"{console.url}/sign-in").headers["cache-control"] == "no-store"
    for path in ("/static/../access.py", "/static/%2e%2e/access.py", "/static//etc/passwd"):
        assert httpx2.get(console.url + path).status_code in (303, 404)


def test_given_pages_when_looked_at_then_no_script_or_style_is_in_them(console: Console) -> None:
    with console.browser("admin") as browser:
        for path in ("/", "/search?q=x", "/messages", "/messages?live=true"):
            text = browser.get(path).text
            assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", text), path
            assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text), path


def test_given_a_role_when_more_is_asked_then_403(console: Console) -> None:
    with console.browser("viewer") as browser:
        fields = {"reason": "x", "csrf": console.token(browser)}

        refused = browser.post("/messages/1/replay", data=fields)

    assert refused.status_code == 403
    assert "Your role does not allow this" in refused.text


@pytest.mark.parametrize("token", ["", "guessed", "ő"])
def test_given_no_token_when_something_is_changed_then_403_and_nothing_happens(
    console: Console, token: str
) -> None:
    with console.browser("operator") as browser:
        for how in ({"data": {"csrf": token}}, {"headers": {"X-CSRF-Token": "guessed"}}):
            assert browser.post("/sign-out", **how).status_code == 403  # type: ignore[arg-type]
        assert browser.get("/search").status_code == 200


def test_given_the_token_in_the_header_when_something_is_changed_then_it_is(
    console: Console,
) -> None:
    with console.browser("operator") as browser:
        token = console.token(browser)
        assert browser.post("/sign-out", headers={"X-CSRF-Token": token}).status_code == 303
        assert browser.get("/search").status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://evil.example"},
    ],
)
def test_given_another_site_when_it_has_a_browser_sign_in_then_403(
    console: Console, headers: dict[str, str]
) -> None:
    fields = {"name": "admin", "password": PASSWORD}

    answer = httpx2.post(f"{console.url}/sign-in", data=fields, headers=headers)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_given_a_console_behind_tls_when_somebody_signs_in_then_the_cookie_stays_there(
    behind_tls: Console,
) -> None:
    fields = {"name": "admin", "password": PASSWORD}
    origin = {"Origin": "https://bridge.example"}

    answer = httpx2.post(f"{behind_tls.url}/sign-in", data=fields, headers=origin)

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-bridge_session=")
    for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert part in cookie
    assert "strict-transport-security" in answer.headers


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "https://evil.example", "/\\evil", "javascript:alert(1)", "", "/a\nb"],
)
def test_given_a_way_back_that_leads_elsewhere_then_the_first_page_is_taken(path: str) -> None:
    assert local_path(path) == "/"


def test_given_a_way_back_of_ours_then_it_is_kept() -> None:
    assert local_path("/messages?peer=his&live=true#x") == "/messages?peer=his&live=true#x"


def test_given_wrong_passwords_when_there_are_too_many_then_429_says_when_to_come_back(
    console: Console,
) -> None:
    fields = {"name": "nobody", "password": "wrong"}
    codes = [httpx2.post(f"{console.url}/sign-in", data=fields).status_code for _ in range(6)]
    last = httpx2.post(f"{console.url}/sign-in", data=fields)

    assert codes == [401] * 5 + [429]
    assert int(last.headers["retry-after"]) > 0
    assert "Wait 15 minutes" in last.text


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("vi-VN,vi;q=0.9,en;q=0.8", "vi"),
        ("de, en;q=0.5, vi;q=0.9", "vi"),
        ("en-GB", "en"),
        ("de", "en"),
        ("vi;q=0", "en"),
        ("vi;q=x", "en"),
        (";;;,=", "en"),
    ],
)
def test_given_what_a_browser_speaks_then_the_page_speaks_it_where_it_can(
    console: Console, header: str, language: str
) -> None:
    page = httpx2.get(f"{console.url}/sign-in", headers={"Accept-Language": header}).text

    assert f'<html lang="{language}">' in page


def test_given_a_language_when_chosen_then_it_stays_and_leads_back(console: Console) -> None:
    with console.browser() as browser:
        answer = browser.post("/language", data={"language": "vi", "next": "/sign-in"})
        assert answer.headers["location"] == "/sign-in"
        assert "Đăng nhập" in browser.get("/sign-in").text
        browser.post("/language", data={"language": "../../etc", "next": "/"})
        assert "Đăng nhập" in browser.get("/sign-in").text


@pytest.mark.parametrize(
    "path", ["/messages/0", f"/messages/{2**70}", "/orders/0", "/messages?before=0", "/orders/x"]
)
def test_given_what_cannot_be_when_asked_then_a_page_says_so(console: Console, path: str) -> None:
    with console.browser("viewer") as browser:
        answer = browser.get(path)

    assert answer.status_code in (404, 422)
    assert "<h1>" in answer.text


def test_given_names_that_are_markup_when_shown_then_they_are_text(console: Console) -> None:
    with console.browser("viewer") as browser:
        for path in ("/search", "/messages"):
            key = {"q": "<img src=x>", "type": "<img src=x>"}
            assert "<img src=x>" not in browser.get(path, params=key).text
