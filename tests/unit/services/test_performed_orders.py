"""Which scheduled steps a performed step is for, when little is said or numbers are used again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.performed_step import PerformedStepReport
from tests.unit.services.core import Core, order, patient, procedure, report, scheduled, step

IN_PROGRESS, COMPLETED = "IN PROGRESS", "COMPLETED"


@pytest.fixture
def two_steps(core: Core) -> Core:
    core.place(order("NW", procedure("1.2.1", "R1", step("S1"), step("S2"))))
    return core


# --- which step is meant, when little is said


def test_given_a_step_id_nobody_has_then_a_step_among_several_is_not_guessed(
    two_steps: Core,
) -> None:
    two_steps.start_step("1.9.1", IN_PROGRESS, scheduled(uid="1.7", sps_id="S9"))
    two_steps.start_step("1.9.2", IN_PROGRESS, scheduled(sps_id="S9", accession=""))
    assert two_steps.statuses() == {"S1": "SCHEDULED", "S2": "SCHEDULED"}


def test_given_a_step_id_nobody_has_then_the_only_step_of_the_study_is_meant(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled(sps_id="S9", accession=""))
    assert core.statuses() == {"S1": "STARTED"}


def test_given_an_accession_number_of_several_procedures_then_the_modality_tells(
    core: Core,
) -> None:
    core.place(
        order("NW", procedure("1.2.1", "R1"), procedure("1.2.2", "R2", step("S2", modality="MR")))
    )
    ref = scheduled(uid="1.7", sps_id="", rp_id="")
    core.start_step("1.9.1", IN_PROGRESS, ref)
    assert core.statuses() == {"S1": "SCHEDULED", "S2": "SCHEDULED"}
    core.performed.create(replace(report("1.9.2", IN_PROGRESS, ref), modality="MR"), "MR01")
    assert core.statuses() == {"S1": "SCHEDULED", "S2": "STARTED"}


def test_given_neither_study_nor_accession_number_then_procedure_step_and_patient_tell(
    core: Core,
) -> None:
    core.place(order(), order("NW", procedure("1.2.2", "R1"), who=patient("P2"), accession="A2"))
    core.start_step("1.9.1", IN_PROGRESS, scheduled(uid="", accession=""))
    assert (core.statuses("A1"), core.statuses("A2")) == ({"S1": "STARTED"}, {"S1": "SCHEDULED"})


def test_given_procedure_and_step_but_nobody_then_nothing_moves(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled(uid="", accession=""), patient_id="")
    assert core.statuses() == {"S1": "SCHEDULED"}


@pytest.mark.parametrize("placeholder", ["UNKNOWN", "0", "9999999"])
def test_given_a_placeholder_for_a_patient_id_then_it_is_nobodys(
    core: Core, placeholder: str
) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled(), patient_id=placeholder)
    assert core.statuses() == {"S1": "STARTED"}


@pytest.mark.parametrize("patient_id", ["P1", ""])
def test_given_another_name_and_birth_date_then_the_step_is_not_started(
    core: Core, patient_id: str
) -> None:
    """Somebody was typed over the worklist entry, or its number is another's."""
    core.place(order())
    other = replace(
        report("1.9.1", IN_PROGRESS, scheduled(), patient_id=patient_id),
        patient_name="LE^VAN^NAM",
        attributes={"PatientBirthDate": "20010203"},
    )
    recorded = core.performed.create(other, "CT01")
    assert core.statuses() == {"S1": "SCHEDULED"}
    assert "another patient's" in recorded.warnings[0]


def test_given_only_a_birth_date_that_differs_then_it_may_be_a_typing_error(core: Core) -> None:
    core.place(order())
    other = replace(
        report("1.9.1", IN_PROGRESS, scheduled()), attributes={"PatientBirthDate": "19700110"}
    )
    core.performed.create(other, "CT01")
    assert core.statuses() == {"S1": "STARTED"}


def test_given_an_accession_number_before_its_order_then_the_order_knows_of_it(core: Core) -> None:
    """The modality gave the study a UID of its own, and the order comes late."""
    core.start_step("1.9.1", IN_PROGRESS, scheduled(uid="1.7", sps_id="S2"))
    core.place(order("NW", procedure("1.2.1", "R1", step("S1"), step("S2"))))
    assert core.statuses() == {"S1": "SCHEDULED", "S2": "STARTED"}
    core.end_step("1.9.1", COMPLETED)
    assert core.statuses() == {"S1": "SCHEDULED", "S2": "COMPLETED"}


def test_given_an_accession_number_of_another_issuer_before_the_order_then_it_stays_apart(
    core: Core,
) -> None:
    ref = replace(scheduled(uid="1.7"), accession=Identifier("A1", Authority("CLINIC")))
    core.start_step("1.9.1", IN_PROGRESS, ref)
    core.place(order())
    assert core.statuses() == {"S1": "SCHEDULED"}


def test_given_procedure_and_step_before_their_order_then_the_patient_tells(core: Core) -> None:
    core.start_step("1.9.1", IN_PROGRESS, scheduled(uid="", accession=""))
    core.place(order(who=patient("P2"), accession="A2"))
    assert core.statuses("A2") == {"S1": "SCHEDULED"}
    core.place(order("NW", procedure("1.2.2", "R1")))
    assert core.statuses("A1") == {"S1": "STARTED"}


def test_given_a_group_of_which_one_order_is_late_then_that_one_moves_too(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled(), scheduled("1.2.2", "S1", "A2", "R2"))
    core.end_step("1.9.1", COMPLETED)
    core.place(order("NW", procedure("1.2.2", "R2"), accession="A2"))
    assert (core.statuses("A1"), core.statuses("A2")) == ({"S1": "COMPLETED"},) * 2


# --- accession numbers that are given out again


def done_on(date: str, uid: str = "1.9.1", **ref: str) -> PerformedStepReport:
    named = scheduled(**{"uid": "1.7", **ref})
    return replace(
        report(uid, IN_PROGRESS, named), attributes={"PerformedProcedureStepStartDate": date}
    )


def test_given_an_old_performed_step_then_a_new_order_of_its_number_is_not_done(
    core: Core,
) -> None:
    core.performed.create(done_on("20230105"), "CT01")
    core.end_step("1.9.1", COMPLETED)
    core.place(order())  # for 5 January 2026
    assert core.statuses() == {"S1": "SCHEDULED"}


def test_given_a_performed_step_that_found_its_order_then_a_new_order_of_the_number_is_not_done(
    core: Core,
) -> None:
    core.place(order("NW", placer="P1"))
    core.performed.create(done_on("20260105"), "CT01")
    core.end_step("1.9.1", COMPLETED)
    core.place(order("NW", procedure("1.2.2", "R1"), placer="P2"))
    assert sorted(item["uid"] for item in core.worklist()) == ["1.2.2"]


def test_given_an_old_order_of_the_number_then_the_new_one_is_done(core: Core) -> None:
    """The step of the old order has the same ID, as they have everywhere that counts from 1."""
    old = procedure("1.2.2", "R1", step("S1", start_date="20230105"))
    core.place(order("NW", old, placer="P2"), order("NW", placer="P3"))
    core.performed.create(done_on("20260106"), "CT01")
    assert {item["uid"]: item["status"] for item in core.worklist()} == {
        "1.2.1": "STARTED",
        "1.2.2": "SCHEDULED",
    }


def test_given_two_open_orders_of_the_number_then_neither_is_guessed(core: Core) -> None:
    core.place(
        order("NW", procedure("1.2.2", "R1"), placer="P2"),
        order("NW", procedure("1.2.1", "R1"), placer="P3"),
    )
    core.performed.create(done_on("20260105"), "CT01")
    assert {item["status"] for item in core.worklist()} == {"SCHEDULED"}
