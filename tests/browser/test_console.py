"""Given a hospital at work, when an operator uses the console, then what they need is there."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from bridge.simulate.orders import order_message
from bridge.simulate.rounds import SCENARIOS, make_order
from tests.browser.conftest import ADMINISTRATOR, PASSWORD, Opens, picture
from tests.browser.hospital import Hospital

Axe = Callable[[Page], list[str]]


def test_given_nobody_signed_in_when_a_page_is_opened_then_it_is_shown_after_the_sign_in(
    hospital: Hospital, opens: Opens, axe: Axe
) -> None:
    page = opens("/messages?protocol=hl7", signed_in=False)

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert axe(page) == []
    picture(page, "sign-in")
    page.get_by_label("Name").fill(ADMINISTRATOR)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not fit")
    page.get_by_label("Name").fill(ADMINISTRATOR)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    page.wait_for_url("**/messages?protocol=hl7")
    expect(page.get_by_role("heading", name="Messages")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.goto(f"{hospital.bridge.url}/messages/1")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_given_work_left_over_when_the_first_page_is_opened_then_it_is_one_click_away(
    hospital: Hospital, opens: Opens
) -> None:
    page = opens("/")

    expect(page.locator(".funnel")).to_contain_text("1 held")
    expect(page.locator(".links").filter(has_text="his")).to_be_visible()
    expect(page.locator(".links").filter(has_text="CT01")).to_be_visible()
    expect(page.locator(".problems")).to_contain_text("destination archive")
    expect(page.get_by_role("link", name="3 × hl7 refused today")).to_be_visible()
    picture(page, "now")
    page.get_by_role("link", name="1 held").click()
    expect(page.get_by_role("heading", name="Orders that are not on the worklist")).to_be_visible()
    expect(page.locator("table.rows tbody tr")).to_have_count(1)


def test_given_the_first_page_open_when_an_order_comes_then_it_is_counted_without_a_reload(
    hospital: Hospital, opens: Opens
) -> None:
    page = opens("/")
    ordered = page.locator(".funnel li").first.locator("b")
    before = int(ordered.inner_text())

    assert hospital.send(order_message(make_order(22, SCENARIOS[0]))) == "AA"

    expect(ordered).to_have_text(str(before + 1))


@pytest.mark.parametrize("sought", ["nguyen van anh", "Ánh Nguyễn", "NGUYEN ANH"])
def test_given_a_name_without_accents_when_typed_then_its_patient_is_found(
    opens: Opens, sought: str
) -> None:
    page = opens(f"/search?q={sought}")

    expect(page.locator("main")).to_contain_text("NGUYỄN ÁNH VĂN")
    expect(page.locator("main")).to_contain_text("ACC0001")


def test_given_rows_when_keys_are_pressed_then_they_walk_and_open(opens: Opens) -> None:
    page = opens("/messages")

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("tr.current")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/messages/\d+$"))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/search")


def test_given_a_refused_message_when_edited_and_applied_then_its_order_is_there(
    opens: Opens, axe: Axe
) -> None:
    page = opens("/messages?disposition=refused&peer=his")
    page.locator("table.rows tbody a").first.click()
    expect(page.locator(".facts")).to_contain_text("refused")
    expect(page.locator("#trace")).to_be_visible()
    assert axe(page) == []

    page.get_by_text("Edit it first").click()
    text = page.get_by_label("Message")
    text.fill(text.input_value().replace("PID|1||", "PID|1||BN000105"))
    form = page.locator("form").filter(has=text)
    form.get_by_label("Reason").fill("patient ID by telephone")
    picture(page, "message")
    form.get_by_role("button").click()

    expect(page.locator(".facts")).to_contain_text("applied")
    expect(page.locator(".facts")).to_contain_text("patient ID by telephone")
    page.goto(page.url.partition("/messages")[0] + "/search?q=ACC0005")
    expect(page.get_by_role("heading", level=1)).to_have_text("ACC0005")


def test_given_a_message_when_tried_on_another_profile_then_its_attributes_are_shown(
    opens: Opens,
) -> None:
    page = opens("/messages/1")
    expect(page.locator("#trace")).to_contain_text("The profile that reads such messages now")

    page.get_by_label("Profile").select_option("epic")

    page.wait_for_url("**/messages/1?profile=epic*")
    expect(page.locator("#trace")).to_contain_text("Tried only")
    expect(page.locator("#trace table").first).to_contain_text("PatientName")


def test_given_the_journal_followed_when_a_message_comes_then_it_appears(
    hospital: Hospital, opens: Opens
) -> None:
    page = opens("/messages?type=ORM&live=true")
    rows = page.locator("#journal tr")
    before = rows.count()

    assert hospital.send(order_message(make_order(21, SCENARIOS[0]))) == "AA"

    expect(rows).to_have_count(before + 1)
    rows.first.get_by_role("link").click()
    expect(page.locator(".facts")).to_contain_text("ACC0021")


def test_given_vietnamese_when_the_pages_are_opened_then_they_speak_it(
    opens: Opens, axe: Axe
) -> None:
    page = opens("/", language="vi-VN")

    expect(page.locator("html")).to_have_attribute("lang", "vi")
    expect(page.locator(".funnel")).to_contain_text("đã chụp")
    expect(page.get_by_role("link", name="Tìm kiếm")).to_be_visible()
    assert axe(page) == []
    picture(page, "now-vi")
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_given_a_phone_in_the_dark_when_pages_are_opened_then_nothing_is_cut_off_or_unreadable(
    opens: Opens, axe: Axe
) -> None:
    how = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
    for path in ("/", "/messages", "/search?q=nguyen", "/orders/1", "/messages/1"):
        page = opens(path, **how)

        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, f"{path} is {width} pixels wide"
        assert axe(page) == []
        if path == "/":
            picture(page, "phone")


def test_given_a_viewer_when_they_look_then_they_see_no_button_that_is_not_theirs(
    hospital: Hospital, opens: Opens
) -> None:
    address = hospital.bridge.command("user", "add", "binh", "--role", "viewer", "--link").strip()
    page = opens("/sign-in", signed_in=False)
    page.goto(address)
    page.get_by_role("button", name="Sign in as binh").click()
    page.goto(f"{hospital.bridge.url}/messages/1")

    expect(page.get_by_role("heading", level=1)).to_contain_text("Message 1")
    expect(page.get_by_role("heading", name="Apply it again")).to_have_count(0)
    answer = page.request.post(
        f"{hospital.bridge.url}/messages/1/replay",
        form={"reason": "because", "csrf": page.locator("input[name=csrf]").first.input_value()},
    )
    assert answer.status == 403
