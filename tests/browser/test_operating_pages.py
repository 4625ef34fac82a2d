"""Given a hospital at work, when an operator steers it from the console, then it does as told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from bridge.simulate.ehr import Ehr
from tests.adapters.fhir.scripted_server import Reply, outcome, serving
from tests.browser.conftest import Hospital, Opens, picture

Axe = Callable[[Page], list[str]]
PAGES = (
    "/worklist?ae=CT01",
    "/reconciliation",
    "/deliveries",
    "/patients",
    "/patients/merges",
    "/connections",
    "/mappings",
    "/mappings/profiles/ihe-swf",
    "/mappings/dry-run",
    "/charts",
    "/settings",
    "/audit",
)


def test_given_each_page_when_axe_looks_in_the_dark_then_all_may_use_it(
    hospital: Hospital, opens: Opens, axe: Axe
) -> None:
    page = opens(PAGES[0], color_scheme="dark")
    for path in PAGES:
        page.goto(f"{hospital.bridge.url}{path}")
        assert axe(page) == []


def test_given_a_phone_when_each_page_is_opened_in_vietnamese_then_all_may_use_it(
    hospital: Hospital, opens: Opens, axe: Axe
) -> None:
    page = opens(PAGES[0], language="vi-VN", viewport={"width": 390, "height": 844})
    for path in PAGES:
        page.goto(f"{hospital.bridge.url}{path}")
        assert axe(page) == []
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, f"nobody scrolls sideways on a phone: {path}"


@pytest.mark.parametrize(
    ("language", "missing", "shown"),
    [
        ("en-GB", "not on the worklist", "CT01 is shown"),
        ("vi-VN", "không có trong danh sách", "CT01 thấy"),
    ],
)
def test_given_a_held_order_when_asked_as_an_ae_then_its_absence_is_explained(
    opens: Opens, language: str, missing: str, shown: str
) -> None:
    page = opens("/worklist", language=language)
    page.locator("input[name=ae]").fill("CT01")
    page.locator("input[name=why]").fill("ACC0004")
    page.locator("main form button").click()

    expect(page.locator("main")).to_contain_text(shown)
    expect(page.locator("main")).to_contain_text(missing)
    expect(page.locator("table.rows")).to_contain_text("ACC0003")


def test_given_an_unmatched_study_when_it_is_linked_then_it_is_previewed_done_and_taken_back(
    hospital: Hospital, opens: Opens
) -> None:
    page = opens("/reconciliation")
    page.get_by_role("row").filter(has_text="PHAM VAN LAC").get_by_role("link").click()
    expect(page.get_by_role("heading", name="PHAM VAN LAC")).to_be_visible()
    expect(page.locator(".pictures img")).to_be_visible()
    loaded = "image => image.decode().then(() => image.naturalWidth)"
    assert page.locator(".pictures img").evaluate(loaded) > 0
    page.get_by_label("Accession or order number").first.fill("ACC0003")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("table.beside tr.differs").first).to_be_visible()
    picture(page, "reconciliation-study")

    link = page.locator("form").filter(has=page.get_by_role("heading", name="Link to an order"))
    expect(link.get_by_label("Accession or order number")).to_have_value("ACC0003")
    link.get_by_label("Reason").fill("confirmed by the technician")
    link.get_by_role("button", name="Preview").click()
    expect(page.locator("main")).to_contain_text("Who will be told")
    expect(page.locator("main")).to_contain_text("ehr")
    picture(page, "reconciliation-preview")
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_role("status")).to_contain_text("The study was linked.")

    page = opens(f"/reconciliation/{hospital.study_without_order}", language="vi-VN")
    undo = page.locator("form").filter(
        has=page.get_by_role("heading", name="Hoàn tác quyết định gần nhất")
    )
    undo.get_by_role("button", name="Xem trước").click()
    page.get_by_role("button", name="Thực hiện").click()
    expect(page.get_by_role("status")).to_contain_text("Đã hoàn tác quyết định gần nhất.")


def test_given_a_dead_letter_when_its_receiver_is_mended_then_it_is_sent_again_by_hand(
    hospital: Hospital, opens: Opens
) -> None:
    page = opens("/deliveries?destination=archive&kind=study.available")
    page.locator("table.rows input[name=pk]").last.check()  # of an order that came through
    page.get_by_role("button", name="Park", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("1 deliveries were moved.")
    page.goto(
        f"{hospital.bridge.url}/deliveries?destination=archive&state=parked&kind=study.available"
    )
    page.locator("form table.rows td a").first.click()

    port = _port_of(hospital, "archive")
    with serving(port) as archive:
        refusal = Reply(422, outcome("invalid", "no such patient here"), {"Connection": "close"})
        archive.script = lambda asked: refusal
        page.get_by_role("button", name="Send again").click()
        _until(page, "given up")
        expect(page.locator("main")).to_contain_text("no such patient here")
        page.get_by_text("Response", exact=True).first.click()
        picture(page, "delivery")
    mended = Ehr(port=port)
    mended.start()
    try:
        page.get_by_role("button", name="Send again").click()
        _until(page, "delivered")
    finally:
        mended.stop()


def test_given_a_message_when_it_is_pasted_then_each_value_says_where_it_came_from(
    opens: Opens,
) -> None:
    page = opens("/mappings/dry-run?profile=ihe-swf")
    page.locator("textarea").fill(
        "MSH|^~\\&|KIS|HAUS|||20260312080000||ORM^O01|M1|P|2.5.1\n"
        "PID|1||4711^^^KIS^MR||NGUYỄN^VĂN ÁNH||19800101|M\nORC|NW|P1^KIS\n"
        "OBR|1|P1^KIS||CTHEAD^CT Head^L||||||||||||||ACC1||||||CT\n"
    )
    page.get_by_role("button", name="Try", exact=True).click()
    row = page.get_by_role("row").filter(has_text="PatientName")
    expect(row).to_contain_text("NGUYỄN^VĂN ÁNH")
    picture(page, "mapping-dry-run")


def test_given_traffic_when_charts_are_opened_then_they_are_drawn(opens: Opens) -> None:
    page = opens("/charts?period=hour")
    expect(page.locator(".chart canvas").first).to_be_visible()
    page.locator("select[name=period]").select_option("day")
    page.wait_for_url("**/charts?period=day")
    expect(page.locator(".chart canvas").first).to_be_visible()
    picture(page, "charts")


def test_given_a_peer_that_does_not_answer_when_it_is_tested_then_that_is_said(
    opens: Opens,
) -> None:
    page = opens("/connections")
    page.get_by_role("button", name="CapabilityStatement ehr").click()
    expect(page.locator("#result")).to_contain_text("answers")
    picture(page, "connections")


def _port_of(hospital: Hospital, name: str) -> int:
    found: list[dict[str, Any]] = hospital.bridge.configuration["destinations"]
    return urlsplit(next(each["url"] for each in found if each["name"] == name)).port or 0


def _until(page: Page, word: str) -> None:
    """A page that is not live is looked at again."""
    for _ in range(60):
        if page.locator("h1 .tag").inner_text() == word:
            return
        page.wait_for_timeout(250)
        page.reload()
    raise AssertionError(f"not {word} but {page.locator('h1 .tag').inner_text()}")
