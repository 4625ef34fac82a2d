"""Searches of the FHIR server on both databases."""

from __future__ import annotations

from tests.unit.fhir_server.house import Desk, patient, request
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
