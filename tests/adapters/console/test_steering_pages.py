"""Given what the bridge holds, when people look and act, then pages show and the trail says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.console.access import CSRF_FIELD
from bridge.domain.access import Role
from bridge.domain.delivery import (
    Delivery,
    DeliveryState,
    EventKind,
    RetryDecision,
    TransportError,
)
from bridge.domain.link import Link, LinkKind
from bridge.domain.patient_events import PatientsLinked
from bridge.wiring.link_watch import watch_links
from tests.adapters.console.desk import TOKEN, Desk, open_desk, text_of
from tests.adapters.console.seeds import image, place, settle
from tests.unit.services.core import merge, order, patient, procedure

CONFIGURATION: dict[str, Any] = {
    "dicom": {"peers": [{"ae_title": "CT01"}, {"ae_title": "US01", "host": "h", "port": 9}]},
    "destinations": [
        {"name": "ehr", "kind": "fhir", "url": "http://127.0.0.1:9/fhir", "token": "geheimnis"},
        {"name": "his", "kind": "webhook", "url": "http://127.0.0.1:9/e?key=geheimnis"},
    ],
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with open_desk(tmp_path_factory.mktemp("desk"), CONFIGURATION) as opened:
        yield opened


def queue(desk: Desk, subject: str) -> int:
    """A delivery to the EHR of a study."""
    desk.core.store.transact(
        lambda tx: tx.deliveries.enqueue(
            "ehr", f"study:{subject}", EventKind.STUDY_AVAILABLE, subject, 1000.0
        )
    )
    rows = desk.core.store.read(lambda tx: tx.deliveries.listed(("pending",)))
    return next(int(row.pk) for row in rows if row.correlation == subject)


def fail(desk: Desk, subject: str, state: DeliveryState) -> int:
    """A delivery that the EHR refused."""
    pk = queue(desk, subject)
    claimed = desk.core.outbox.claim("ehr", "node", 2000.0, 60.0, 100)
    mine = next(each for each in claimed if each.pk == pk)
    for each in claimed:
        if each.pk != pk:
            give_back(desk, each)
    error = TransportError(
        "refused: no such patient", permanent=True, request=b"PUT /x", response=b"HTTP/1.1 422"
    )
    desk.core.outbox.failed(mine, error, RetryDecision(state), 2001.0)
    return pk


def give_back(desk: Desk, claimed: Delivery) -> None:
    away = TransportError("away", permanent=False, unreachable=True)
    decision = RetryDecision(DeliveryState.PENDING, 0.0, counts=False)
    desk.core.outbox.failed(claimed, away, decision, 2000.0)


def state_of(desk: Desk, pk: int) -> str:
    rows = desk.core.store.read(lambda tx: tx.deliveries.listed(()))
    return next(str(row.state) for row in rows if row.pk == pk)


# --- deliveries


def test_given_a_dead_letter_then_its_attempt_is_shown_and_it_is_sent_again(desk: Desk) -> None:
    pk = fail(desk, "1.2.31", DeliveryState.DEAD)
    listed = desk.get("/deliveries", destination="ehr", state="dead")
    assert "refused: no such patient" in listed
    one = desk.get(f"/deliveries/{pk}")
    assert "PUT /x" in one
    assert "HTTP/1.1 422" in one
    assert "given up" in one

    done = desk.post(
        "/deliveries/move", act="retry", pk=str(pk), next=f"/deliveries/{pk}", why="mended"
    )
    assert done.headers["location"] == f"/deliveries/{pk}?moved=1&overtaken=0"
    assert state_of(desk, pk) == "pending"
    assert any(
        kind == "delivery" and "retry" in detail and "mended" in detail
        for _, kind, detail in desk.trail()
    )
    assert desk.get(f"/deliveries/{pk}", moved=1).count("Done.") == 1


def test_given_several_then_those_that_are_ticked_or_all_of_a_choice_are_moved(desk: Desk) -> None:
    pks = [fail(desk, f"1.2.4{n}", DeliveryState.PARKED) for n in range(3)]
    answer = desk.browser().post(
        "/deliveries/move",
        data={CSRF_FIELD: TOKEN, "act": "retry", "pk": [str(pks[0]), str(pks[1])]},
    )
    assert answer.headers["location"] == "/deliveries?moved=2&overtaken=0"
    assert [state_of(desk, pk) for pk in pks] == ["pending", "pending", "parked"]

    everything = {"all": "yes", "chosen_destination": "ehr", "chosen_reason": "no such patient"}
    here = "/deliveries?destination=ehr&moved=9"
    parked = desk.post("/deliveries/move", act="park", next=here, **everything)
    assert parked.headers["location"].startswith("/deliveries?destination=ehr&moved=")
    assert {state_of(desk, pk) for pk in pks} == {"parked"}
    assert desk.post("/deliveries/move", act="retry").status_code == 409
    assert desk.post("/deliveries/move", act="burn", all="yes").status_code == 404


def test_given_a_destination_then_it_is_paused_drained_and_resumed(desk: Desk) -> None:
    queue(desk, "1.2.51")
    desk.post("/deliveries/hold", act="pause", destination="his", next="/deliveries")
    shown = desk.get("/deliveries")
    assert "his 0 0 0 – paused operator-mai" in shown
    desk.post("/deliveries/hold", act="drain", destination="his")
    assert "draining" in desk.get("/deliveries")
    desk.post("/deliveries/hold", act="resume", destination="his")
    assert "draining" not in desk.get("/deliveries")

    lane = {"destination": "ehr", "subject": "study:1.2.51"}
    desk.post("/deliveries/hold", act="pause", **lane)
    assert "lane held study:1.2.51" in desk.get("/deliveries")
    desk.post("/deliveries/hold", act="resume", **lane)
    assert "lane held" not in desk.get("/deliveries")
    answer = desk.post("/deliveries/hold", act="pause", destination="his", next="//evil.example")
    assert answer.headers["location"] == "/"
    desk.post("/deliveries/hold", act="resume", destination="his")


# --- patients


def test_given_a_merge_then_it_is_found_and_taken_back_with_a_reason(desk: Desk) -> None:
    place(desk.core, order("NW", who=patient("P1", PatientName="NGUYỄN^VĂN ÁNH"), accession="A1"))
    second = procedure("1.2.2", "R2")
    place(desk.core, order("NW", second, who=patient("P2", PatientName="TRẦN^AN"), accession="A2"))
    place(desk.core, merge(patient("P1", PatientName="NGUYỄN^VĂN ÁNH"), "P2"))
    found = desk.get("/patients", q="nguyen van")
    assert "NGUYỄN VĂN ÁNH P1, P2 1970-01-01 F 2" in found

    page = desk.browser().get("/patients/1").text
    assert "taken back" not in text_of(page)
    assert desk.post("/patients/merges/1/undo", why=" ").status_code == 409
    undone = desk.post("/patients/merges/1/undo", why="another person")
    assert undone.headers["location"] == "/patients/1?done=undone"
    shown = desk.get("/patients/1", done="undone")
    assert "The merge was taken back." in shown
    assert "taken back by operator-mai" in shown
    assert ("operator-mai", "patient", "merge 1 taken back: another person") in desk.trail()
    assert "TRẦN AN P2 1970-01-01 F 1" in desk.get("/patients", q="P2")
    assert desk.post("/patients/merges/404/undo", why="x").status_code == 404


def test_given_linked_records_then_the_link_is_taken_back(desk: Desk) -> None:
    both = (patient("L1", PatientName="LÊ^AN"), patient("L2", PatientName="LÊ^AN"))
    for n, who in enumerate(both):
        place(desk.core, order("NW", procedure(f"1.2.6{n}"), who=who, accession=f"L{n}"))
    place(desk.core, PatientsLinked(patients=both, linked=True))
    page = desk.browser().get("/patients", params={"q": "L1"}).text
    pk = int(page.split('href="/patients/')[-1].partition('"')[0])
    shown = desk.get(f"/patients/{pk}")
    assert "Linked records of the same person LÊ AN L2" in shown

    done = desk.post(f"/patients/{pk}/unlink", other=str(pk + 1), why="twins")
    assert done.headers["location"] == f"/patients/{pk}?done=unlinked"
    assert "Linked records" not in desk.get(f"/patients/{pk}")
    assert desk.post(f"/patients/{pk}/unlink", other=str(pk + 1), why="x").status_code == 409
    assert desk.post(f"/patients/{pk}/unlink", other="9" * 30, why="x").status_code == 404
    assert desk.browser().get(f"/patients/{'9' * 30}").status_code == 404


# --- connections, mappings, settings, audit, charts


def test_given_connections_then_they_are_listed_and_tested(desk: Desk) -> None:
    desk.core.tally.succeeded(Link(LinkKind.DICOM, "US01"))
    desk.core.tally.failed(Link(LinkKind.DICOM, "STRANGER"), "rejected")
    watch_links(desk.core.settings, desk.core.store, desk.core.tally).note()
    shown = desk.get("/connections")
    assert "US01 DICOM h:9 20" in shown, "with the time of the last traffic"
    assert "STRANGER dicom" in shown.partition("Others that called")[2]
    assert "C-ECHO" in shown
    assert "geheimnis" not in shown
    free = socket.create_server(("127.0.0.1", 0))
    free.close()

    tested = desk.post("/connections/test", key="destination ehr")
    assert "does not answer · destination ehr" in text_of(tested.text)
    assert any(kind == "connection" for _, kind, _ in desk.trail())
    assert desk.post("/connections/test", key="nobody").status_code == 404
    form = {CSRF_FIELD: TOKEN, "key": "destination ehr"}
    assert desk.browser(Role.VIEWER).post("/connections/test", data=form).status_code == 403


def test_given_profiles_then_they_are_shown_compared_and_tried(desk: Desk) -> None:
    assert "ihe-swf" in desk.get("/mappings")
    assert "What it says" in desk.get("/mappings/profiles/his-vn")
    assert "rows differ" in desk.get("/mappings/difference", before="ihe-swf", after="his-vn")
    assert "They say the same." in desk.get(
        "/mappings/difference", before="ihe-swf", after="ihe-swf"
    )
    assert desk.browser().get("/mappings/profiles/none").status_code == 404

    message = (
        "MSH|^~\\&|KIS|HAUS|||20260312080000||ORM^O01|M1|P|2.5.1\r\n"
        "PID|1||4711^^^KIS^MR||NGUYỄN^VĂN ÁNH||19800101|M\r\nORC|NW|P1^KIS\r\n"
        "OBR|1|P1^KIS||CTHEAD^CT <Head>^L||||||||||||||ACC1||||||CT\r\n"
    )
    tried = desk.post("/mappings/dry-run", profile="ihe-swf", message=message)
    assert "PatientName NGUYỄN^VĂN ÁNH" in text_of(tried.text)
    assert "CT &lt;Head&gt;" in tried.text
    refused = desk.post("/mappings/dry-run", profile="ihe-swf", message="PID|1")
    assert refused.status_code == 422
    assert "It would be refused" in text_of(refused.text)
    assert not any("4711" in detail for _, _, detail in desk.trail())


def test_given_settings_then_an_administrator_sees_where_each_was_written_and_no_secret(
    desk: Desk,
) -> None:
    assert desk.browser(Role.OPERATOR).get("/settings").status_code == 403
    page = desk.browser(Role.ADMIN).get("/settings", params={"q": "destinations"}).text
    assert "geheimnis" not in page
    shown = text_of(page)
    assert "destinations[0].url http://127.0.0.1:9/fhir file" in shown
    assert "bridge.yaml:" in shown
    only = text_of(desk.browser(Role.ADMIN).get("/settings", params={"changed": "true"}).text)
    assert "dicom.settle_seconds" not in only


def test_given_the_trail_then_an_administrator_reads_it_by_choice(desk: Desk) -> None:
    desk.get("/patients", q="somebody")
    admin = desk.browser(Role.ADMIN)
    shown = text_of(admin.get("/audit", params={"who": "operator-mai", "kind": "patient"}).text)
    assert "somebody" in shown
    assert "search · done" in shown
    assert "Nothing matches." in text_of(admin.get("/audit", params={"since": "2099-01-01"}).text)
    assert admin.get("/audit", params={"below": "x"}).status_code == 422
    assert desk.browser(Role.VIEWER).get("/audit").status_code == 403


def test_given_studies_and_orders_then_charts_tell_their_figures_without_a_script(
    desk: Desk,
) -> None:
    image(desk.core, "1.2.71.1.1", "1.2.71", accession="", patient_id="C9", modality="MG")
    settle(desk.core)
    for period in ("hour", "day", "week", "month", "nonsense"):
        shown = desk.get("/charts", period=period)
        assert "order to worklist" in shown
        assert "MG" in shown
    vietnamese = desk.browser(language="vi").get("/charts")
    assert "Biểu đồ" in vietnamese.text
    assert 'title="1 ' in vietnamese.text


@pytest.mark.parametrize(
    "path", ["/deliveries", "/patients", "/connections", "/mappings", "/charts", "/reconciliation"]
)
def test_given_a_viewer_then_pages_are_shown_without_what_changes_something(
    desk: Desk, path: str
) -> None:
    answer = desk.browser(Role.VIEWER, "vi").get(path)
    assert answer.status_code == 200
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    assert 'method="post"' not in main
