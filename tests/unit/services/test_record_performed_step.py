"""MPPS: what the modality says it does moves the scheduled steps, whichever came first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.domain.discontinuation import Consequence, Discontinuations
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.matching import Outcome
from bridge.domain.order import OrderNumbers
from bridge.domain.performed_step import (
    DuplicatePerformedStep,
    InvalidPerformedStepStatus,
    NoSuchPerformedStep,
    PerformedStepFinal,
    ScheduledReference,
)
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.record_performed_step import RecordPerformedStep
from tests.unit.services.core import (
    Core,
    PlainEncoder,
    merge,
    order,
    patient,
    procedure,
    report,
    scheduled,
    step,
)

IN_PROGRESS, COMPLETED, DISCONTINUED = "IN PROGRESS", "COMPLETED", "DISCONTINUED"
WRONG_ENTRY = "110514"


def test_given_a_step_in_progress_then_it_is_started_and_still_on_the_worklist(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    assert core.entry()["status"] == "STARTED"


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (COMPLETED, "", "COMPLETED"),
        (DISCONTINUED, "", "DISCONTINUED"),
        (DISCONTINUED, "110500", "DISCONTINUED"),
        (DISCONTINUED, WRONG_ENTRY, "SCHEDULED"),
        (IN_PROGRESS, "", "STARTED"),
    ],
)
def test_given_an_end_then_the_step_follows(
    core: Core, status: str, reason: str, expected: str
) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.end_step("1.9.1", status, reason=reason)
    assert core.statuses() == {"S1": expected}
    assert bool(core.worklist()) == (expected in ("SCHEDULED", "STARTED"))


def test_given_an_update_without_a_status_then_it_is_still_in_progress(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.end_step("1.9.1", "", instances=["1.2.1.1.1"])
    assert core.statuses() == {"S1": "STARTED"}
    core.end_step("1.9.1", COMPLETED)
    assert core.statuses() == {"S1": "COMPLETED"}


@pytest.mark.parametrize("status", [COMPLETED, DISCONTINUED, "", "STARTED"])
def test_given_a_birth_in_another_state_then_it_is_refused(core: Core, status: str) -> None:
    with pytest.raises(InvalidPerformedStepStatus):
        core.start_step("1.9.1", status, scheduled())


def test_given_the_same_uid_with_other_content_then_it_is_refused(core: Core) -> None:
    core.start_step("1.9.1")
    other = replace(report("1.9.1"), encoded=b"other")
    with pytest.raises(DuplicatePerformedStep):
        core.performed.create(other, "CT01")


def test_given_a_modality_that_got_no_answer_and_sends_the_same_again_then_nothing_happens_twice(
    core: Core,
) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.end_step("1.9.1", COMPLETED)
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    assert core.statuses() == {"S1": "COMPLETED"}
    assert [disposition for disposition, _ in core.journal()][-3:] == [
        "applied",
        "applied",
        "duplicate",
    ]


def test_given_a_strict_device_then_the_same_again_is_refused(core: Core) -> None:
    core.start_step("1.9.1")
    with pytest.raises(DuplicatePerformedStep):
        core.performed.create(report("1.9.1"), "CT01", strict=True)


def test_given_an_update_of_an_unknown_uid_then_it_is_refused(core: Core) -> None:
    with pytest.raises(NoSuchPerformedStep):
        core.end_step("1.9.1", COMPLETED)


@pytest.mark.parametrize("final", [COMPLETED, DISCONTINUED])
def test_given_a_final_state_then_no_update_is_taken(core: Core, final: str) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.end_step("1.9.1", final)
    with pytest.raises(PerformedStepFinal):
        core.end_step("1.9.1", IN_PROGRESS)
    assert core.statuses() == {"S1": final}


def test_given_an_update_with_an_unknown_state_then_it_is_refused_and_undone(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    with pytest.raises(InvalidPerformedStepStatus):
        core.end_step("1.9.1", "DONE")
    assert core.statuses() == {"S1": "STARTED"}


def test_given_messages_of_a_modality_then_they_are_in_the_journal(core: Core) -> None:
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.end_step("1.9.1", COMPLETED)
    for value in ("1.9.1", "A1", "1.2.1"):
        rows = core.store.read(lambda tx, v=value: tx.journal.mentioning(v))  # type: ignore[misc]
        assert [row.type for row in rows] == ["MPPS N-SET COMPLETED", "MPPS N-CREATE IN PROGRESS"]
        assert rows[0].raw == b"1.9.1 COMPLETED"


# --- which step is meant


@pytest.fixture
def two_steps(core: Core) -> Core:
    core.place(order("NW", procedure("1.2.1", "R1", step("S1"), step("S2"))))
    return core


def test_given_a_study_and_a_step_then_that_step_is_started(two_steps: Core) -> None:
    two_steps.start_step("1.9.1", IN_PROGRESS, scheduled(sps_id="S2"))
    assert two_steps.statuses() == {"S1": "SCHEDULED", "S2": "STARTED"}


def test_given_only_a_study_then_every_step_of_it_is_started(two_steps: Core) -> None:
    two_steps.start_step("1.9.1", IN_PROGRESS, scheduled(sps_id=""))
    assert two_steps.statuses() == {"S1": "STARTED", "S2": "STARTED"}


def test_given_a_study_uid_of_its_own_then_accession_and_ids_tell(two_steps: Core) -> None:
    two_steps.start_step("1.9.1", IN_PROGRESS, scheduled(uid="1.7", sps_id="S2"))
    assert two_steps.statuses() == {"S1": "SCHEDULED", "S2": "STARTED"}


def test_given_nothing_that_is_known_then_nothing_moves(two_steps: Core) -> None:
    two_steps.start_step("1.9.1", IN_PROGRESS, scheduled(uid="1.7", accession="A7"))
    two_steps.start_step("1.9.2", IN_PROGRESS, ScheduledReference())
    two_steps.start_step("1.9.3", IN_PROGRESS)
    assert two_steps.statuses() == {"S1": "SCHEDULED", "S2": "SCHEDULED"}


def test_given_a_group_of_steps_then_all_of_them_move(core: Core) -> None:
    core.place(order(), order("NW", procedure("1.2.2", "R2"), accession="A2"))
    group = (scheduled(), scheduled("1.2.2", "S1", "A2", "R2"))
    core.start_step("1.9.1", IN_PROGRESS, *group)
    core.end_step("1.9.1", COMPLETED)
    assert (core.statuses("A1"), core.statuses("A2")) == ({"S1": "COMPLETED"},) * 2


def test_given_a_second_performed_step_for_a_completed_one_then_it_stays_completed(
    core: Core,
) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.end_step("1.9.1", COMPLETED)
    core.start_step("1.9.2", IN_PROGRESS, scheduled())
    core.end_step("1.9.2", DISCONTINUED)
    assert core.statuses() == {"S1": "COMPLETED"}


def test_given_another_patient_then_the_step_is_not_started(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled(), patient_id="P2")
    core.end_step("1.9.1", COMPLETED)
    assert core.statuses() == {"S1": "SCHEDULED"}


def test_given_a_number_of_a_merged_patient_then_it_is_the_same_patient(core: Core) -> None:
    core.place(order(who=patient("R")))
    core.place(merge(patient("S"), "R"))
    core.start_step("1.9.1", IN_PROGRESS, scheduled(), patient_id="R")
    assert core.statuses() == {"S1": "STARTED"}


def test_given_a_cancelled_step_that_is_done_all_the_same_then_it_is_started(core: Core) -> None:
    core.place(order(), order("CA"))
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    assert core.statuses() == {"S1": "STARTED"}


# --- before its order


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (IN_PROGRESS, "", "STARTED"),
        (COMPLETED, "", "COMPLETED"),
        (DISCONTINUED, "", "DISCONTINUED"),
        (DISCONTINUED, WRONG_ENTRY, "SCHEDULED"),
    ],
)
def test_given_a_performed_step_before_its_order_then_the_order_knows_of_it(
    core: Core, status: str, reason: str, expected: str
) -> None:
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    if status != IN_PROGRESS:
        core.end_step("1.9.1", status, reason=reason)
    core.place(order())
    assert core.statuses() == {"S1": expected}
    if status == IN_PROGRESS:
        core.end_step("1.9.1", COMPLETED)
        assert core.statuses() == {"S1": "COMPLETED"}


def test_given_a_performed_step_before_the_change_that_names_its_study_then_it_is_known(
    ris: Core,
) -> None:
    ris.place(order("NW", procedure("", "", step(""))))
    ris.start_step("1.9.1", IN_PROGRESS, scheduled())
    ris.place(order("XO"))
    assert ris.statuses() == {"S1": "STARTED"}


def test_given_a_performed_step_of_a_number_that_is_merged_later_then_it_is_known(
    core: Core,
) -> None:
    core.place(order(who=patient("S")))
    core.start_step("1.9.1", IN_PROGRESS, scheduled(), patient_id="R")
    assert core.statuses() == {"S1": "SCHEDULED"}
    core.place(merge(patient("S"), "R"))
    assert core.statuses() == {"S1": "STARTED"}
    assert core.entry()["status"] == "STARTED"


def test_given_a_performed_step_of_another_patient_before_the_order_then_it_stays_apart(
    core: Core,
) -> None:
    core.start_step("1.9.1", IN_PROGRESS, scheduled(), patient_id="P2")
    core.place(order())
    assert core.statuses() == {"S1": "SCHEDULED"}


# --- the wrong worklist entry


def test_given_a_wrong_entry_then_its_images_are_never_matched(core: Core) -> None:
    """They carry the name of the entry that was chosen, and show somebody else (DCM 110514)."""
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.image(performed=["1.9.1"])
    core.end_step("1.9.1", DISCONTINUED, reason=WRONG_ENTRY)
    core.settle()
    assert core.outcome() is Outcome.CONFLICT
    assert core.told() == []
    core.place(order("XO"))
    assert core.outcome() is Outcome.CONFLICT


def test_given_a_wrong_entry_and_the_right_one_then_only_its_own_images_are_doubted(
    core: Core,
) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.end_step("1.9.1", DISCONTINUED, reason=WRONG_ENTRY)
    core.start_step("1.9.2", IN_PROGRESS, scheduled())
    core.image(performed=["1.9.2"])
    core.end_step("1.9.2", COMPLETED, instances=["1.2.1.1.1"])
    core.wait()
    assert core.outcome() is Outcome.MATCHED
    assert core.statuses() == {"S1": "COMPLETED"}


def test_given_no_patient_id_then_the_step_is_the_orders(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled(), patient_id="")
    assert core.statuses() == {"S1": "STARTED"}


def test_given_no_patient_id_and_an_accession_number_of_two_patients_then_nothing_moves(
    core: Core,
) -> None:
    theirs = OrderNumbers(accession=Identifier("A1", Authority("CLINIC")))
    elsewhere = order("NW", procedure("1.2.2"), who=patient("P2"))
    core.place(order(), replace(elsewhere, numbers=theirs))
    core.start_step("1.9.1", IN_PROGRESS, scheduled(uid="1.7"), patient_id="")
    assert {item["status"] for item in core.worklist()} == {"SCHEDULED"}


# --- several performed steps for one scheduled step


def test_given_one_goes_on_when_another_is_discontinued_then_the_step_goes_on(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.start_step("1.9.2", IN_PROGRESS, scheduled())
    core.end_step("1.9.1", DISCONTINUED)
    assert core.statuses() == {"S1": "STARTED"}
    core.end_step("1.9.2", DISCONTINUED, reason=WRONG_ENTRY)
    assert core.statuses() == {"S1": "DISCONTINUED"}


def test_given_a_discontinued_step_is_begun_again_then_it_goes_on(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.end_step("1.9.1", DISCONTINUED)
    core.start_step("1.9.2", IN_PROGRESS, scheduled())
    assert core.entry()["status"] == "STARTED"
    core.end_step("1.9.2", COMPLETED)
    assert core.statuses() == {"S1": "COMPLETED"}


def test_given_a_wrong_entry_while_another_works_on_it_then_it_is_not_put_back(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.start_step("1.9.2", IN_PROGRESS, scheduled())
    core.end_step("1.9.1", DISCONTINUED, reason=WRONG_ENTRY)
    assert core.statuses() == {"S1": "STARTED"}


def test_given_a_wrong_entry_that_was_cancelled_then_it_does_not_come_back(core: Core) -> None:
    core.place(order(), order("CA"))
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.end_step("1.9.1", DISCONTINUED, reason=WRONG_ENTRY)
    assert core.statuses() == {"S1": "CANCELED"}
    assert core.worklist() == []


# --- what follows from a reason, as the site has it


@pytest.mark.parametrize(
    ("scheme", "code", "status", "outcome"),
    [
        ("", "110501", "SCHEDULED", Outcome.MATCHED),
        ("DCM", "110501", "SCHEDULED", Outcome.MATCHED),
        ("99HOSP", "110501", "DISCONTINUED", Outcome.MATCHED),
        ("99HOSP", "X1", "DISCONTINUED", Outcome.CONFLICT),
        ("DCM", "110514", "DISCONTINUED", Outcome.MATCHED),
        ("DCM", "110500", "DISCONTINUED", Outcome.MATCHED),
    ],
)
def test_given_a_site_with_rules_of_its_own_then_they_hold(
    core: Core, scheme: str, code: str, status: str, outcome: Outcome
) -> None:
    rows = {
        ("DCM", "110501"): Consequence(reschedules=True),
        ("99HOSP", "X1"): Consequence(quarantines=True),
    }
    recorder = RecordPerformedStep(
        store=core.store,
        worklist=ProjectWorklist(PlainEncoder()),
        complete=core.complete,
        clock=core.clock,
        discontinuations=Discontinuations(rows),
    )
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.image(performed=["1.9.1"])
    ended = report("1.9.1", DISCONTINUED, reason=code, instances=["1.2.1.1.1"])
    recorder.update(replace(ended, discontinuation_scheme=scheme), "CT01")
    core.wait()
    assert core.statuses() == {"S1": status}
    assert core.outcome() is outcome


# --- images of a study that it does not name


def test_given_images_under_a_study_uid_of_the_modality_then_their_end_is_known(
    core: Core,
) -> None:
    """The group case: the images are of one study, the step names those of its orders."""
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.image("1.8.1.1", "1.8", series="1.8.1", performed=["1.9.1"])
    ended = replace(report("1.9.1", COMPLETED), instances={"1.8.1.1": "1.8.1"})
    core.performed.update(ended, "CT01")
    core.wait()
    assert core.outcome("1.8") is Outcome.MATCHED


def test_given_the_last_of_such_images_after_the_end_then_that_is_the_moment(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    ended = replace(report("1.9.1", COMPLETED), instances={"1.8.1.1": "1.8.1"})
    core.performed.update(ended, "CT01")
    core.image("1.8.1.1", "1.8", series="1.8.1", performed=["1.9.1"])
    core.wait(1.0)
    assert core.outcome("1.8") is Outcome.MATCHED


def test_given_one_step_with_images_of_two_studies_then_each_is_complete_with_its_own(
    core: Core,
) -> None:
    core.place(order(), order("NW", procedure("1.2.2", "R2"), accession="A2"))
    group = (scheduled(), scheduled("1.2.2", "S1", "A2", "R2"))
    core.start_step("1.9.1", IN_PROGRESS, *group)
    core.image("1.2.1.1.1", "1.2.1", performed=["1.9.1"])
    core.image("1.2.2.1.1", "1.2.2", accession="A2", performed=["1.9.1"])
    listed = {"1.2.1.1.1": "1.2.1.1", "1.2.2.1.1": "1.2.2.1"}
    core.performed.update(replace(report("1.9.1", COMPLETED), instances=listed), "CT01")
    core.wait()
    assert core.outcome("1.2.1") is not None
    assert core.outcome("1.2.2") is not None
