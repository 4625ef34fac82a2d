"""Searches of the FHIR server on both databases."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bridge.store.database import Database
from tests.unit.fhir_server.house import MRN, ORDERS, Desk, patient, request
from tests.unit.fhir_server.searches import SEARCHES
from tests.unit.services.core import Core, order


def test_an_order_is_found_by_what_integrators_ask(core: Core) -> None:
    desk = Desk(core)
    core.place(order("NW", placer="PL1", filler="FI1"))
    wrong = [url for url, found in SEARCHES if bool(desk.ids(url)) is not found]
    assert wrong == []


def test_what_clients_wrote_is_found_and_paged(core: Core) -> None:
    desk = Desk(core)
    someone = desk.post(patient())
    written = [
        desk.post(request(f"Patient/{someone['id']}", f"O{number}"))["id"] for number in range(5)
    ]
    device = desk.post(
        {"resourceType": "Device", "deviceName": [{"name": "CT 01", "type": "other"}]}
    )
    for sort in ("_id", "_lastUpdated", "-_lastUpdated"):
        seen: list[str] = []
        url = f"ServiceRequest?_count=2&_sort={sort}&patient={someone['id']}"
        while url:
            page = desk.get(url)
            seen += [each["resource"]["id"] for each in page["entry"]]
            links = {each["relation"]: each["url"] for each in page["link"]}
            url = links.get("next", "")
        assert sorted(seen) == sorted(written)
    assert desk.ids("Device?device-name=CT") == [device["id"]]
    assert desk.ids("Device?device-name=MR") == []
    assert desk.ask("DELETE", f"ServiceRequest/{written[0]}").status == 204
    assert len(desk.ids("ServiceRequest")) == 4


def test_a_study_is_found_by_everything_it_has(core: Core) -> None:
    desk = Desk(core)
    core.place(order("NW", placer="PL1"))
    core.image()
    core.settle()
    for url in ("accession=A1", "modality=CT", "series=1.2.1.1", "started:missing=true"):
        assert desk.ids(f"ImagingStudy?{url}") == ["study-1"], url
    for url in ("started=2026", "instance=9", "_lastUpdated=lt1970-01-01"):
        assert desk.ids(f"ImagingStudy?{url}") == [], url


def test_characters_that_a_database_cannot_hold_are_refused(core: Core) -> None:
    desk = Desk(core)
    assert desk.ask("GET", "Patient?identifier=%00").status in (200, 400, 422)
    assert desk.ask("GET", "Patient/a%00").status == 404


def test_of_many_conditional_creates_at_once_one_creates(
    open_database: Callable[[], Database],
) -> None:
    desks = [Desk(Core(open_database(), start="20260105080000")) for _ in range(2)]
    someone = desks[0].post(patient("P2"))

    def ask(number: int) -> list[int]:
        desk = desks[number % 2]
        first = desk.ask("POST", "Patient", patient(), if_none_exist=f"identifier={MRN}|P1")
        ordered = request(f"Patient/{someone['id']}")
        where = f"identifier={ORDERS}|O1"
        second = desk.ask("POST", "ServiceRequest", ordered, if_none_exist=where)
        return [first.status, second.status]

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(ask, range(16)))
    for each in zip(*statuses, strict=True):
        assert sorted(each) == [200] * 15 + [201]
    assert len(desks[0].ids("Patient")) == 2
    assert len(desks[1].ids("ServiceRequest")) == 1
