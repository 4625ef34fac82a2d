"""Given a hospital at work, when an operator steers it from the console, then it does as told."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Opens, picture
from tests.browser.hospital import Hospital

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
