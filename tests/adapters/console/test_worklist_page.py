"""Given orders, when somebody asks as a modality does, then the page shows its answer and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.console.desk import Desk, open_desk, text_of
from tests.adapters.console.seeds import place
from tests.unit.services.core import order, patient, procedure, step

PEERS = [
    {
        "ae_title": "CT01",
        "modalities": ["CT"],
        "worklist": {"filter_by_calling_ae": True},
        "quirks": {"profile": "ascii-only"},
    },
    {"ae_title": "MR01"},
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("desk")
    with open_desk(folder, {"dicom": {"peers": PEERS, "unknown_peers": "reject"}}) as opened:
        mri = procedure("1.2.2", "R2", step(modality="MR", station_ae_titles=("MR01",)))
        held = procedure("1.2.3", "R3", step(modality=""))
        place(opened.core, order("NW", who=patient("P1", PatientName="NGUYỄN^VĂN ÁNH")))
        place(opened.core, order("NW", mri, who=patient("P2"), accession="A2"))
        place(opened.core, order("NW", held, who=patient("P3"), accession="A3"))
        yield opened


def test_given_a_device_then_its_answer_is_shown_as_it_gets_it(desk: Desk) -> None:
    shown = desk.get("/worklist", ae="CT01")

    assert "CT01 is shown 1 entries" in shown
    assert "NGUYEN VAN ANH" in shown, "this device cannot read more than ASCII"
    assert "2026-01-05 09:00" in shown
    assert "(0010,0010)" in shown
    assert "A2" not in shown


def test_given_a_number_that_is_missing_then_the_reason_is_shown_in_both_languages(
    desk: Desk,
) -> None:
    shown = desk.get("/worklist", ae="CT01", why="A2 A3 A404")
    assert "not for this station: ScheduledStationAETitle must be CT01, the entry has MR01" in shown
    assert "not on the worklist" in shown
    assert "missing Modality" in shown
    assert "no order and no patient is known by this number" in shown

    answer = desk.browser(language="vi").get("/worklist", params={"ae": "CT01", "why": "A2"})
    assert "không dành cho trạm này" in text_of(answer.text)


def test_given_keys_then_they_match_and_who_asked_what_is_in_the_trail(desk: Desk) -> None:
    form = {"AccessionNumber": "A2", "ScheduledProcedureStepStartDate": "2026-01-05"}
    shown = desk.get("/worklist", ae="MR01", **form)
    assert "MR01 is shown 1 entries" in shown
    said = "as MR01, AccessionNumber=A2, ScheduledProcedureStepStartDate=20260105"
    assert ("operator-mai", "worklist", said) in desk.trail()

    missed = desk.get("/worklist", ae="CT01", AccessionNumber="A2")
    assert "ScheduledStationAETitle must be CT01" in missed, "what was asked for is explained"


def test_given_a_device_or_a_key_that_gets_no_answer_then_that_is_said(desk: Desk) -> None:
    assert "XX gets no association" in desk.get("/worklist", ae="XX")
    assert "no answer" in desk.get("/worklist", ae="CT01", ScheduledProcedureStepStartDate="soon")
    form = desk.get("/worklist")
    assert "Query as AE title" in form
    assert "is shown" not in form


def test_given_nobody_signed_in_then_the_page_is_not_shown(desk: Desk) -> None:
    import httpx2  # noqa: PLC0415

    answer = httpx2.get(f"{desk.url}/worklist?ae=CT01")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/worklist%3Fae%3DCT01"
