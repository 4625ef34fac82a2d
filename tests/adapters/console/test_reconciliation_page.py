"""Given studies that wait, when an operator decides, then it is previewed, done and audited."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from itertools import count
from typing import Any

import httpx2
import pytest

from bridge.console.access import CSRF_FIELD
from bridge.domain.access import Role
from bridge.wiring.core import Core
from tests.adapters.console.desk import TOKEN, Desk, open_desk, text_of
from tests.adapters.console.seeds import image, place, settle
from tests.unit.services.core import order, patient, procedure

_CASES = count(1)


@dataclass(frozen=True)
class Case:
    """A study whose accession number is that of another patient's order; its own order waits.

    Beside it a study without any order, `lonely`.
    """

    number: int

    @property
    def study(self) -> str:
        return f"1.2.8.{self.number}"

    @property
    def lonely(self) -> str:
        return f"1.2.9.{self.number}"

    @property
    def here(self) -> str:
        return f"/reconciliation/{self.study}"

    def arrive(self, core: Core) -> None:
        n = self.number
        other = patient(f"P{n}", PatientName="NGUYỄN^VĂN ÁNH")
        place(core, order("NW", procedure(f"1.2.1.{n}", f"R{n}"), who=other, accession=f"A{n}"))
        own = procedure(f"1.2.7.{n}", f"R7{n}")
        place(core, order("NW", own, who=patient(f"Q{n}"), accession=f"B{n}"))
        image(
            core,
            f"{self.study}.1.1",
            self.study,
            patient_id=f"Q{n}",
            accession=f"A{n}",
            StudyDescription="Head <b>",
            Rows="512",
        )
        image(
            core,
            f"{self.lonely}.1.1",
            self.lonely,
            accession="",
            patient_id=f"Z{n}",
            modality="MR",
        )
        settle(core)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with open_desk(tmp_path_factory.mktemp("desk")) as opened:
        yield opened


@pytest.fixture
def case(desk: Desk) -> Case:
    """A new one for each test."""
    found = Case(next(_CASES))
    found.arrive(desk.core)
    return found


def hidden_fields(page: str) -> dict[str, str]:
    """The fields of the form that does what was previewed."""
    form = page[page.index('class="actions"') :]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: unescape(value) for name, value in found}


def preview(desk: Desk, here: str, **form: Any) -> httpx2.Response:
    return desk.post(f"{here}/preview", **form)


def do(desk: Desk, here: str, **form: Any) -> httpx2.Response:
    seen = preview(desk, here, **form)
    assert seen.status_code == 200, text_of(seen.text)
    return desk.browser().post(here, data=hidden_fields(seen.text))


def test_given_studies_that_wait_then_the_queue_shows_and_filters_them(
    desk: Desk, case: Case
) -> None:
    queue = desk.get("/reconciliation")
    assert "contradicts its order" in queue
    assert "no order" in queue
    assert "Head <b>" in queue, "what images say is text and no markup"

    conflicts = desk.get("/reconciliation", outcome="conflict")
    assert f"Q{case.number}" in conflicts
    assert f"Z{case.number}" not in conflicts
    assert f"Z{case.number}" in desk.get("/reconciliation", modality="MR")
    assert "No study waits here." in desk.get("/reconciliation", outcome="rejected")
    assert ("operator-mai", "study", "outcome conflict") in desk.trail()


def test_given_a_conflict_then_study_and_order_stand_side_by_side_with_what_differs(
    desk: Desk, case: Case
) -> None:
    page = desk.browser().get(case.here).text
    assert f"<mark>Q{case.number}</mark>" in page
    assert f"<mark>P{case.number}</mark>" in page
    assert (
        f"/dicom-web/studies/{case.study}/series/{case.study}.1/instances/{case.study}.1.1/thumbnail"
        in page
    )
    assert "<meter" in page

    other = desk.get(case.here, beside=f"B{case.number}")
    assert f"This study and the order B{case.number}" in other
    assert "no order has the number A404" in desk.get(case.here, beside="A404")
    assert desk.browser().get("/reconciliation/1.2.404").status_code == 404
    assert desk.browser().get("/reconciliation/none").status_code == 422


def test_given_an_order_to_link_then_it_is_previewed_and_nothing_is_changed_yet(
    desk: Desk, case: Case
) -> None:
    seen = text_of(
        preview(desk, case.here, action="link", orders=f"B{case.number}", reason="technician").text
    )

    assert f"Orders – B{case.number}" in seen
    assert f"A{case.number} B{case.number}" in seen, "the accession number under which it is found"
    assert f"ehr published {case.study}" in seen
    assert f"Q{case.number}" in desk.get("/reconciliation", outcome="conflict")


def test_given_the_preview_then_doing_it_links_tells_and_audits_and_undo_takes_it_back(
    desk: Desk, case: Case
) -> None:
    done = do(desk, case.here, action="link", orders=f"B{case.number}", reason="technician")
    assert (done.status_code, done.headers["location"]) == (303, f"{case.here}?done=link")
    page = desk.get(case.here, done="link")
    assert "The study was linked." in page
    assert "operator operator-mai" in page
    assert ("operator-mai", "study", f"link B{case.number}: technician") in desk.trail()
    rows = desk.core.store.read(lambda tx: tx.deliveries.listed(("pending",)))
    assert [row.correlation for row in rows if row.kind == "study.available"][-1:] == [case.study]

    do(desk, case.here, action="undo")
    assert "contradicts its order" in desk.get(case.here)
    assert "taken back by operator-mai" in desk.get(case.here)


@pytest.mark.parametrize(
    ("is_lonely", "form", "said"),
    [
        (False, {"action": "reject", "reason": "phantom"}, "rejected"),
        (False, {"action": "move", "patient": "P%d", "reason": "wrong entry"}, "matched"),
        (True, {"action": "order", "procedure": "Sọ não", "reason": "emergency"}, "matched"),
    ],
)
def test_given_another_act_then_it_is_done_as_previewed(
    desk: Desk, case: Case, is_lonely: bool, form: dict[str, str], said: str
) -> None:
    here = f"/reconciliation/{case.lonely if is_lonely else case.study}"
    form = {name: text.replace("%d", str(case.number)) for name, text in form.items()}
    assert do(desk, here, **form).status_code == 303
    assert f" {said} " in desk.get(here).partition("Accession number")[0]


def test_given_a_study_that_changed_since_the_preview_then_it_is_shown_again_and_not_done(
    desk: Desk, case: Case
) -> None:
    fields = hidden_fields(preview(desk, case.here, action="reject", reason="phantom").text)
    do(desk, case.here, action="link", orders=f"B{case.number}", reason="technician")
    answer = desk.browser().post(case.here, data=fields)

    assert answer.status_code == 200
    assert "Something has changed since the preview" in text_of(answer.text)
    assert " matched " in desk.get(case.here).partition("Accession number")[0]
    again = desk.browser().post(case.here, data=hidden_fields(answer.text))
    assert again.status_code == 303


def test_given_what_cannot_be_done_then_why_is_said_and_what_was_typed_is_kept(
    desk: Desk, case: Case
) -> None:
    refused = preview(desk, case.here, action="link", orders="A404", reason="typed before")
    assert refused.status_code == 409
    assert "no order has the number A404" in text_of(refused.text)
    assert 'value="typed before"' in refused.text
    assert (
        preview(desk, case.here, action="link", orders=f"B{case.number}", reason=" ").status_code
        == 409
    )
    assert preview(desk, case.here, action="nonsense").status_code == 409
    assert preview(desk, case.here, action="unlink", reason="x").status_code == 409


def test_given_a_viewer_or_a_foreign_form_then_nothing_can_be_done(desk: Desk, case: Case) -> None:
    viewer = desk.browser(Role.VIEWER)
    assert "What to do" not in text_of(viewer.get(case.here).text)
    form = {CSRF_FIELD: TOKEN, "action": "reject", "reason": "x"}
    assert viewer.post(case.here, data=form).status_code == 403
    assert desk.browser().post(case.here, data=form | {CSRF_FIELD: "stolen"}).status_code == 403
    assert "contradicts its order" in desk.get(case.here)
