"""Given a stray study, then orders are suggested by patient, place and time, and never matched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.domain.errors import UnknownKey
from bridge.domain.matching import Outcome, RankedCandidate, Verdict
from bridge.services.suggest_orders import SuggestOrders
from tests.unit.services.core import Core, header, order, patient, procedure, step

UID = "9.9"
NINE = {"StudyDate": "20260105", "StudyTime": "093000"}


def suggested(core: Core) -> tuple[RankedCandidate, ...]:
    suggest = SuggestOrders(store=core.store, reconcile=core.reconcile, zone=UTC)
    return suggest.for_study(UID)


def numbers(core: Core) -> list[str]:
    return [each.number for each in suggested(core)]


def verdicts(found: RankedCandidate) -> dict[str, Verdict]:
    return {each.field: each.verdict for each in found.evidence}


def stray(core: Core, *, peer: str = "CT01", **said: Any) -> None:
    """A study with an identity that leads nowhere."""
    usual = {"patient_id": "", "name": "", "accession": "", "PatientBirthDate": ""}
    arriving = header("9.9.1", UID, **{**usual, "PatientSex": "", **NINE, **said})
    core.instances.receive(arriving, b"x", "x", peer)
    core.settle()
    assert core.outcome(UID) is Outcome.UNSCHEDULED


def place(core: Core, accession: str, *, who: str = "P1", **said: Any) -> None:
    """An order of nine o'clock on CT01, unless said otherwise."""
    number = accession.removeprefix("A")
    named = said.pop("name", f"TRAN^{who}")
    what = procedure(f"1.2.{number}", f"R{number}", step(f"S{number}", **said))
    core.place(order("NW", what, who=patient(who, PatientName=named), accession=accession))


@pytest.fixture(autouse=True)
def today(core: Core) -> None:
    core.now = datetime(2026, 1, 5, 9, 40, tzinfo=UTC).timestamp()


def test_given_no_identifiers_then_the_open_step_of_station_and_time_is_suggested_not_matched(
    core: Core,
) -> None:
    place(core, "A1")
    place(core, "A2", who="P2", modality="MR")
    place(core, "A3", who="P3", start_date="20260109")
    stray(core)
    (found,) = suggested(core)
    assert (found.number, found.keys) == ("A1", ())
    said = verdicts(found)
    assert {said[each] for each in ("Modality", "StationAETitle", "StudyDateTime")} == {
        Verdict.AGREES
    }
    assert said["PatientName"] is Verdict.UNKNOWN
    assert core.outcome(UID) is Outcome.UNSCHEDULED


def test_given_several_open_steps_then_the_likeliest_comes_first(core: Core) -> None:
    place(core, "A1", who="P1")
    place(core, "A2", who="P2", station_ae_titles=())
    place(core, "A3", who="P3", name="LE^AN")
    stray(core, name="LE^AN", PatientBirthDate="19700101")
    assert numbers(core)[0] == "A3"


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        ("NGUYEN^VAN^ANH", Verdict.AGREES),  # folded
        ("NGUIEN^VAN^ANH", Verdict.SOUNDS_ALIKE),
    ],
)
def test_given_a_name_that_is_folded_or_sounds_alike_and_the_birth_date_then_suggested_any_day(
    core: Core, typed: str, verdict: Verdict
) -> None:
    place(core, "A1", name="NGUYỄN^VĂN^ÁNH", start_date="20260108", station_ae_titles=())
    stray(core, name=typed, PatientBirthDate="19700101", PatientSex="F", StudyDate="20260107")
    (found,) = suggested(core)
    assert found.number == "A1"
    assert verdicts(found)["PatientName"] is verdict


def test_given_a_name_alike_but_another_birth_date_then_it_counts_against_it(core: Core) -> None:
    place(core, "A1", name="NGUYEN^VAN^ANH", start_date="20260205")
    stray(core, name="NGUYEN^VAN^ANH", PatientBirthDate="19880808")
    assert suggested(core) == ()


def test_given_a_patient_id_alone_then_done_steps_of_that_patient_are_suggested_too(
    core: Core,
) -> None:
    place(core, "A1")
    core.place(order("SC", procedure("1.2.1", "R1", step("S1")), status="CM", accession="A1"))
    stray(core, patient_id="P1", PatientBirthDate="19700101")
    assert numbers(core) == ["A1"]


def test_given_a_cancelled_order_then_it_is_not_suggested(core: Core) -> None:
    place(core, "A1")
    core.place(order("CA", accession="A1"))
    stray(core)
    assert suggested(core) == ()


def test_given_a_modality_whose_clock_is_off_then_the_time_of_arrival_leads_to_the_step(
    core: Core,
) -> None:
    place(core, "A1", name="LE^AN")
    stray(core, StudyDate="20200101", name="LE^AN", PatientBirthDate="19700101")
    (found,) = suggested(core)
    assert verdicts(found)["StudyDateTime"] is Verdict.DIFFERS


def test_given_orders_that_identifiers_lead_to_then_they_are_candidates_not_suggestions(
    core: Core,
) -> None:
    place(core, "A1")
    arriving = header("9.9.1", UID, accession="A1", patient_id="", name="", PatientBirthDate="")
    core.instances.receive(arriving, b"x", "x", "CT01")
    core.settle()
    assert core.outcome(UID) is Outcome.CANDIDATES
    assert suggested(core) == ()


def test_given_no_such_study_then_it_says_so(core: Core) -> None:
    with pytest.raises(UnknownKey):
        suggested(core)
