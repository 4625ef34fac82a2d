"""What a worklist entry cannot do without, and the identifiers an order filler mints."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import (
    CodedConcept,
    Order,
    OrderNumbers,
    Procedure,
    ProcedureDetails,
    Step,
    StepDetails,
)
from bridge.domain.patient import Patient
from bridge.domain.scheduling import (
    MAXIMUM_SH,
    default_steps,
    held_reason,
    minted_accession,
    minted_rp_id,
    minted_study_instance_uid,
    missing_attributes,
    with_step_ids,
)
from bridge.domain.step_status import StepStatus

HOSP = Authority("HOSP")
CODE = CodedConcept("CTHEAD", "99HOSP", "CT head")
STEP = Step(
    pk=1,
    sps_id="SPS1",
    status=StepStatus.SCHEDULED,
    modality="CT",
    station_ae_titles=(),
    start_date="20260105",
    start_time="",
    protocol_codes=(),
    attributes={},
)
PROCEDURE = Procedure(
    pk=1, rp_id="RP1", study_instance_uid="1.2.3", code=CODE, attributes={}, steps=(STEP,)
)
PATIENT = Patient(
    pk=1, identifiers=(Identifier("P1", HOSP),), attributes={"PatientName": "TRAN^BINH"}
)
ACCESSIONS = st.builds(
    Identifier,
    st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=20),
)


def order(*procedures: Procedure) -> Order:
    return Order(
        pk=1,
        patient_pk=1,
        numbers=OrderNumbers(),
        attributes={},
        procedures=procedures,
        source="KIS|HAUS",
        occurred_at="",
    )


def test_a_whole_entry_misses_nothing() -> None:
    assert missing_attributes(PATIENT, PROCEDURE, STEP) == ()
    assert held_reason(PATIENT, order(PROCEDURE)) == ""


@pytest.mark.parametrize(
    ("patient", "procedure", "step", "missing"),
    [
        (replace(PATIENT, attributes={}), PROCEDURE, STEP, "PatientName"),
        (PATIENT, replace(PROCEDURE, study_instance_uid=""), STEP, "StudyInstanceUID"),
        (PATIENT, replace(PROCEDURE, rp_id=""), STEP, "RequestedProcedureID"),
        (PATIENT, PROCEDURE, replace(STEP, sps_id=""), "ScheduledProcedureStepID"),
        (PATIENT, PROCEDURE, replace(STEP, modality=""), "Modality"),
        (PATIENT, PROCEDURE, replace(STEP, start_date=""), "ScheduledProcedureStepStartDate"),
    ],
)
def test_a_type_1_attribute_without_a_value_holds_the_order_and_is_named(
    patient: Patient, procedure: Procedure, step: Step, missing: str
) -> None:
    assert missing_attributes(patient, procedure, step) == (missing,)
    reason = held_reason(patient, order(replace(procedure, steps=(step,))))
    assert reason == f"missing {missing}"


def test_a_code_or_a_description_is_enough_for_either() -> None:
    bare = replace(PROCEDURE, code=None)
    described = replace(bare, attributes={"RequestedProcedureDescription": "CT head"})
    assert missing_attributes(PATIENT, described, STEP) == ()
    assert missing_attributes(PATIENT, bare, STEP) == (
        "RequestedProcedureDescription",
        "ScheduledProcedureStepDescription",
    )
    own = replace(STEP, protocol_codes=(CODE,))
    assert missing_attributes(PATIENT, bare, own) == ("RequestedProcedureDescription",)


def test_one_incomplete_step_holds_its_order_with_every_reason() -> None:
    other = replace(PROCEDURE, steps=(replace(STEP, modality="", start_date=""), STEP))
    assert held_reason(PATIENT, order(PROCEDURE, other)) == (
        "missing Modality, ScheduledProcedureStepStartDate"
    )


def test_an_order_without_steps_is_held() -> None:
    assert held_reason(PATIENT, order()) == "missing ScheduledProcedureStepSequence"


@given(st.integers(1, 10**15 - 1))
def test_a_minted_accession_number_fits_its_field_and_is_the_orders_own(pk: int) -> None:
    minted = minted_accession(pk, HOSP)
    assert len(minted.value) <= MAXIMUM_SH
    assert minted.authority is HOSP
    assert minted == minted_accession(pk, HOSP)
    assert minted != minted_accession(pk + 1, HOSP)


@given(ACCESSIONS, st.text(max_size=16))
def test_a_minted_study_uid_is_valid_and_always_the_same(accession: Identifier, rp: str) -> None:
    uid = minted_study_instance_uid(accession, rp)
    assert re.fullmatch(r"2\.25\.(0|[1-9][0-9]*)", uid)
    assert len(uid) <= 64
    assert uid == minted_study_instance_uid(accession, rp)


def test_two_sites_that_number_alike_do_not_share_study_uids() -> None:
    ours, theirs = (Identifier("A1", Authority(name)) for name in ("HOSP", "CLINIC"))
    assert minted_study_instance_uid(ours, "1") != minted_study_instance_uid(theirs, "1")
    assert minted_study_instance_uid(ours, "1") != minted_study_instance_uid(ours, "2")


@given(ACCESSIONS, st.integers(1, 50))
def test_minted_procedure_ids_fit_their_field_and_differ_in_one_order(
    accession: Identifier, count: int
) -> None:
    minted = [minted_rp_id(accession, position) for position in range(1, count + 1)]
    assert max(map(len, minted)) <= MAXIMUM_SH
    assert len(set(minted)) == count


def test_steps_without_an_id_are_numbered_in_the_messages_order() -> None:
    steps = (StepDetails(modality="CT"), StepDetails(sps_id="X"), StepDetails(modality="MR"))
    assert [each.sps_id for each in with_step_ids(steps)] == ["SPS1", "X", "SPS3"]


@given(st.lists(st.sampled_from(["", "", "SPS1", "SPS2", "SPS3", "X"]), max_size=6))
def test_a_numbered_step_never_takes_an_id_that_another_has(ids: list[str]) -> None:
    given_ids = [each for each in ids if each]
    if len(set(given_ids)) != len(given_ids):
        return
    numbered = with_step_ids(tuple(StepDetails(sps_id=each) for each in ids))
    assert len({each.sps_id for each in numbered}) == len(ids)
    assert [n.sps_id for n, each in zip(numbered, ids, strict=True) if each] == given_ids


def test_an_order_without_steps_still_wants_one_examination() -> None:
    assert default_steps(ProcedureDetails()).steps == (StepDetails(),)
    given_steps = ProcedureDetails(steps=(StepDetails(sps_id="X"),))
    assert default_steps(given_steps) is given_steps
