"""An operator's work from beginning to end, in each language that the console speaks."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from bridge.simulate.ehr import Ehr
from tests.adapters.fhir.scripted_server import Reply, outcome, serving
from tests.browser.conftest import Operator, picture
from tests.browser.hospital import Hospital
from tests.browser.looking import has_image, reload_until

Axe = Callable[[Page], list[str]]


def test_given_an_accession_number_when_typed_then_its_timeline_opens_with_every_event(
    operator: Operator, axe: Axe
) -> None:
    say, page = operator.say, operator.open("/")

    page.keyboard.press("/")
    page.keyboard.type("ACC0002")
    page.keyboard.press("Enter")

    page.wait_for_url(re.compile(r"/orders/\d+$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("ACC0002")
    lanes = page.locator(".lanes")
    for lane in ("his", "bridge", "CT01", "ehr", operator.work.destination):
        expect(lanes.locator("text.lane-name", has_text=re.compile(f"^{lane}$"))).to_have_count(1)
    expect(page.locator(".legs")).to_contain_text(say("order → worklist"))
    expect(page.locator(".legs")).to_contain_text(say("not yet"))
    assert axe(page) == []
    picture(page, operator.named("timeline"), whole=True)
    page.get_by_role("link", name=f"{say('message')}: OMI^O23").last.click()
    expect(page.get_by_role("heading", name=say("Taken apart"))).to_be_visible()
    expect(page.locator(".tree").first).to_contain_text("Patient name")


def test_given_an_unmatched_study_when_it_is_linked_then_it_is_previewed_done_and_taken_back(
    operator: Operator,
) -> None:
    say, work, page = operator.say, operator.work, operator.open("/reconciliation")
    page.get_by_role("row").filter(has_text=work.patient).get_by_role("link").click()
    expect(page.get_by_role("heading", name=work.patient)).to_be_visible()
    loaded = "image => image.decode().then(() => image.naturalWidth)"
    assert page.locator(".pictures img").evaluate(loaded) > 0
    page.get_by_label(say("Accession or order number")).first.fill(work.unbegun)
    page.get_by_role("button", name=say("Compare")).click()
    expect(page.locator("table.beside tr.differs").first).to_be_visible()
    picture(page, operator.named("reconciliation-study"))

    form = page.locator("#acts form")
    link = form.filter(has=page.get_by_role("heading", name=say("Link to an order")))
    expect(link.get_by_label(say("Accession or order number"))).to_have_value(work.unbegun)
    link.get_by_label(say("Reason")).fill("confirmed by the technician")
    link.get_by_role("button", name=say("Preview")).click()
    expect(page.locator("main")).to_contain_text(say("Who will be told"))
    expect(page.locator("main")).to_contain_text("ehr")
    picture(page, operator.named("reconciliation-preview"))
    page.get_by_role("button", name=say("Do it")).click()
    expect(page.get_by_role("status")).to_contain_text(say("The study was linked."))

    undo = form.filter(has=page.get_by_role("heading", name=say("Take the last decision back")))
    undo.get_by_role("button", name=say("Preview")).click()
    page.get_by_role("button", name=say("Do it")).click()
    expect(page.get_by_role("status")).to_contain_text(say("The last decision was taken back."))
    page.goto(page.url.partition("?")[0])
    expect(undo).to_have_count(0)


def test_given_a_code_that_no_table_holds_when_it_is_added_then_the_refused_message_is_applied(
    hospital: Hospital, operator: Operator
) -> None:
    say, work = operator.say, operator.work
    page = operator.open(f"/messages?disposition=refused&mentions={work.control_id}")
    page.locator("table.rows tbody a").first.click()
    expect(page.locator(".facts")).to_contain_text(say("refused"))
    expect(page.locator("#trace")).to_contain_text("OBR^1^4")
    because = operator.reason("not in the table kis-procedures")
    expect(page.locator(".facts")).to_contain_text(because)
    message = page.url
    page.goto(f"{hospital.bridge.url}/mappings/profiles/kis")
    versions = page.locator("section", has=page.get_by_role("heading", name=say("Versions")))
    before = versions.locator("tbody tr").count()

    hospital.add_procedure(work.code, "CT")

    reload_until(page, lambda: versions.locator("tbody tr").count() > before)
    page.get_by_role("link", name=say("compare with the one before")).first.click()
    expect(page.locator("table.change")).to_contain_text(work.code)
    picture(page, operator.named("mapping-difference"))
    page.goto(message)
    modality = page.locator("#trace tr").filter(has_text="Modality")
    expect(modality).to_contain_text("CT")
    expect(modality).to_contain_text("table procedures (kis")
    again = page.locator("#replay > form")
    again.get_by_label(say("Reason")).fill("the code is in the table now")
    again.get_by_role("button", name=say("As it came")).click()
    expect(page.locator(".facts")).to_contain_text(say("applied"))
    expect(page.locator(".facts")).to_contain_text("the code is in the table now")
    picture(page, operator.named("replayed"))
    page.goto(f"{hospital.bridge.url}/worklist?ae=CT01&AccessionNumber={work.refused}")
    expect(page.locator("table.rows tbody tr")).to_have_count(1)


def test_given_a_dead_letter_when_its_receiver_is_mended_then_it_is_sent_again_by_hand(
    hospital: Hospital, operator: Operator
) -> None:
    say, destination = operator.say, operator.work.destination
    chosen = f"/deliveries?destination={destination}&kind=study.available"
    page = operator.open(chosen)
    page.locator("table.rows input[name=pk]").last.check()  # of an order that came through
    page.get_by_role("button", name=say("Park"), exact=True).click()
    moved = say("%(count)s deliveries were moved.") % {"count": 1}
    expect(page.get_by_role("status")).to_contain_text(moved)
    page.goto(f"{hospital.bridge.url}{chosen}&state=parked")
    page.locator("form table.rows td a").first.click()

    state = page.locator("h1 .tag")
    port = hospital.port_of(destination)
    with serving(port) as server:
        refusal = Reply(422, outcome("invalid", "no such patient here"), {"Connection": "close"})
        server.script = lambda asked: refusal
        page.get_by_role("button", name=say("Send again")).click()
        reload_until(page, lambda: state.inner_text() == say("given up"))
        expect(page.locator("main")).to_contain_text("no such patient here")
        page.get_by_text(say("Response"), exact=True).first.click()
        picture(page, operator.named("delivery"))
    mended = Ehr(port=port)
    mended.start()
    try:
        page.get_by_role("button", name=say("Send again")).click()
        reload_until(page, lambda: state.inner_text() == say("delivered"))
    finally:
        mended.stop()


def test_given_a_held_order_when_asked_as_an_ae_then_its_absence_is_explained(
    operator: Operator,
) -> None:
    say, page = operator.say, operator.open("/worklist")
    page.get_by_label(say("Query as AE title")).fill("CT01")
    page.get_by_label(say("Why is this number missing?")).fill("ACC0004")
    page.get_by_role("button", name=say("Query")).click()

    shown = say("%(ae)s is shown %(count)s entries").partition(" %(count)s")[0]
    expect(page.locator("main")).to_contain_text(shown % {"ae": "CT01"})
    expect(page.locator("li.why")).to_contain_text(say("not on the worklist"))
    expect(page.locator("li.why")).to_contain_text(operator.reason("missing PatientName"))
    expect(page.locator("table.rows")).to_contain_text(operator.work.unbegun)
    picture(page, operator.named("worklist"))


def test_given_an_accession_number_when_its_study_is_opened_then_the_viewer_shows_its_images(
    hospital: Hospital, operator: Operator
) -> None:
    page = operator.open("/search?q=ACC0001", elsewhere=hospital.viewer)
    page.get_by_role("link", name=operator.say("Open in the viewer")).click()
    expect(page).to_have_url(re.compile(rf"^{hospital.viewer}/viewer\?StudyInstanceUIDs=[\d.]+"))
    page.wait_for_function("document.querySelectorAll('canvas').length > 0")
    page.wait_for_function(has_image)
    picture(page, operator.named("viewer"))
