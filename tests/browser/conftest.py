"""One bridge with simulated traffic and one browser, for all tests that drive the console."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from bridge.console.language import translations
from bridge.console.reasons import reasons
from tests.browser.hospital import WORK, Hospital, Work, open_hospital
from tests.peers.process import HERE

CHROMIUM = "/usr/bin/chromium"
AXE = HERE / "node" / "node_modules" / "axe-core" / "axe.min.js"
ADMINISTRATOR, PASSWORD = "anh", "correct horse battery"
SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
"""Folder for pictures of what the tests see; none are taken without it (`make screenshots`)."""

PATIENCE_MS = 20_000
"""A busy machine looks less often (`console.live`), and tests share theirs."""

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    with open_hospital(tmp_path_factory.mktemp("console")) as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium(session_state: dict[str, object]) -> Iterator[Browser]:
    """The browser of one file's tests: while it runs, an event loop runs in this thread.

    `session_state` comes before it, having had a browser of its own.
    """
    with browsing() as browser:
        yield browser


@contextmanager
def browsing() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Without a sandbox: containers in which tests run have none to give.
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@dataclass
class Watch:
    """What a browser did that it must not: requests to elsewhere, and errors on its console."""

    hosts: set[str]
    elsewhere: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def requested(self, request: Request) -> None:
        if urlsplit(request.url).netloc not in {*self.hosts, ""}:
            self.elsewhere.append(request.url)

    def said(self, message: ConsoleMessage) -> None:
        # That a page was answered 4xx is the matter of the test that asked for it.
        if message.type == "error" and "status of 4" not in message.text:
            self.errors.append(message.text)


Opens = Callable[..., Page]


@pytest.fixture(scope="session")
def session_state(hospital: Hospital) -> dict[str, object]:
    """The administrator, made by the bridge's first link as its owner would."""
    with browsing() as browser, browser.new_context(locale="en-GB") as context:
        page = context.new_page()
        page.goto(hospital.link())
        page.get_by_label("Name").fill(ADMINISTRATOR)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Password again").fill(PASSWORD)
        page.get_by_role("button", name="Make the account").click()
        page.wait_for_url(f"{hospital.bridge.url}/")
        state: dict[str, object] = dict(context.storage_state())
    return state


@pytest.fixture
def opens(
    hospital: Hospital, chromium: Browser, session_state: dict[str, object]
) -> Iterator[Opens]:
    """Opens a page of the console, signed in unless told otherwise; all that it did is watched."""
    contexts: list[BrowserContext] = []
    watch = Watch({urlsplit(hospital.bridge.url).netloc})

    def open_page(
        path: str,
        *,
        signed_in: bool = True,
        language: str = "en-GB",
        elsewhere: str = "",
        **how: object,
    ) -> Page:
        watch.hosts.add(urlsplit(elsewhere).netloc)
        options: dict[str, object] = {"locale": language, **how}
        if signed_in:
            options["storage_state"] = session_state
        context = chromium.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        context.on("request", watch.requested)
        context.on("console", watch.said)
        page = context.new_page()
        page.goto(f"{hospital.bridge.url}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert watch.elsewhere == []
    assert watch.errors == []


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who reads the console in one language, and what is left over for them to do."""

    opens: Opens
    language: str
    work: Work

    def open(self, path: str, **how: object) -> Page:
        """A page, in their language."""
        page = self.opens(path, language=f"{self.language}-{_COUNTRIES[self.language]}", **how)
        expect(page.locator("html")).to_have_attribute("lang", self.language)
        return page

    def named(self, name: str) -> str:
        """What a picture is called that they see."""
        return name if self.language == "en" else f"{name}-{self.language}"

    def say(self, text: str) -> str:
        """What the console calls something in their language."""
        return translations(self.language).gettext(text)

    def reason(self, text: str) -> str:
        """A reason of the bridge in their language."""
        said = reasons(self.language).say(text)
        assert (said == text) is (self.language == "en")
        return said


_COUNTRIES = {"en": "GB", "vi": "VN"}


@pytest.fixture(params=_COUNTRIES)
def operator(request: pytest.FixtureRequest, opens: Opens) -> Operator:
    return Operator(opens, request.param, WORK[request.param])


@pytest.fixture(scope="session")
def axe() -> Callable[[Page], list[str]]:
    """Has axe-core look at a page: serious and critical violations of WCAG 2.1 A and AA."""
    script = AXE.read_text(encoding="utf-8")

    def look(page: Page) -> list[str]:
        # Not by a script element, which the page's own policy forbids.
        page.evaluate(script)
        found = page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})"
        )
        return [
            f"{page.url} {each['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"][:3]
        ]

    return look


def picture(page: Page, name: str, *, whole: bool = False) -> None:
    """Keep a picture of the page, or the whole of it, where pictures are wanted."""
    if SCREENSHOTS:
        folder = Path(SCREENSHOTS)
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png", animations="disabled", full_page=whole)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process drives all of them, one after the other: they share one hospital."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.xdist_group("browser"))
