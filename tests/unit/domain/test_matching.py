"""Where an arriving study belongs: the whole decision table, and what no table can say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.decision import decide as decide_by
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.matching import (
    Candidate,
    Evidence,
    Key,
    MatchDecision,
    Outcome,
    PatientAgreement,
    Verdict,
)
from bridge.domain.matching_rules import Finding, MatchingRules, NameStrictness, Situation
from bridge.domain.order import Order, OrderNumbers, Procedure, Step
from bridge.domain.patient import Patient
from bridge.domain.patient_comparison import patient_agreement as agreement_by
from bridge.domain.step_status import StepStatus
from bridge.domain.study import RequestAttributes, Series, Study, StudyState
from bridge.mapping.reconciliation import load_matching_rules

RULES = load_matching_rules()
HOSP = Authority("HOSP")
UID, ACCESSION, REQUEST, PERFORMED = (
    Key.STUDY_INSTANCE_UID,
    Key.ACCESSION_NUMBER,
    Key.REQUEST_ATTRIBUTES,
    Key.PERFORMED_STEP,
)
DEMOGRAPHICS = {"PatientName": "TRAN^BINH", "PatientBirthDate": "19700101", "PatientSex": "F"}
BINH = Patient(pk=1, identifiers=(Identifier("P1", HOSP),), attributes=DEMOGRAPHICS)
LAN = Patient(
    pk=2,
    identifiers=(Identifier("P2", HOSP),),
    attributes={
        "PatientName": "LE^LAN",
        "PatientBirthDate": "19500505",
        "PatientSex": "F",
    },
)


def images(modality: str = "CT") -> tuple[Series, ...]:
    return (
        Series(series_instance_uid="1.9", modality=modality, number=1, attributes={}, instances=()),
    )


STUDY = Study(
    pk=1,
    study_instance_uid="1.2.3",
    state=StudyState.RECEIVING,
    patient_id=Identifier("P1", HOSP),
    patient_name="TRAN^BINH",
    accession=Identifier("A1"),
    attributes={"PatientBirthDate": "19700101", "PatientSex": "F"},
    request_attributes=(),
    performed_step_uids=(),
    series=images(),
)


def procedure(
    pk: int, modality: str = "CT", status: StepStatus = StepStatus.SCHEDULED, start: str = ""
) -> Procedure:
    step = Step(
        pk=pk,
        sps_id="SPS1",
        status=status,
        modality=modality,
        station_ae_titles=(),
        start_date=start[:8],
        start_time=start[8:],
        protocol_codes=(),
        attributes={},
    )
    return Procedure(
        pk=pk,
        rp_id=f"RP{pk}",
        study_instance_uid=f"1.2.{pk}",
        code=None,
        attributes={},
        steps=(step,),
    )


def candidate(
    *keys: Key,
    pk: int = 1,
    order_pk: int | None = None,
    patient: Patient = BINH,
    modality: str = "CT",
    accession: str = "A1",
    former: tuple[Identifier, ...] = (),
    status: StepStatus = StepStatus.SCHEDULED,
    start: str = "",
    **more: Any,
) -> Candidate:
    wanted = procedure(pk, modality, status, start)
    order = Order(
        pk=order_pk or pk,
        patient_pk=patient.pk,
        numbers=OrderNumbers(accession=Identifier(accession, HOSP)),
        attributes={},
        procedures=(wanted,),
        source="",
        occurred_at="",
        former_patient_ids=former,
    )
    return Candidate(order=order, procedure=wanted, patient=patient, keys=frozenset(keys), **more)


def decide(
    study: Study, candidates: Iterable[Candidate], rules: MatchingRules = RULES, **said: Any
) -> MatchDecision:
    return decide_by(study, candidates, rules, **said)


def patient_agreement(
    study: Study, patient: Patient, rules: MatchingRules = RULES, **said: Any
) -> PatientAgreement:
    return agreement_by(study, patient, rules, **said)


def decided(study: Study, *candidates: Candidate, known: bool = True) -> MatchDecision:
    return decide(study, candidates, patient_is_known=known)


# A study whose patient compares with Binh as each of the columns of the table says.
COLUMNS = {
    PatientAgreement.SAME: (STUDY, True),
    PatientAgreement.ALIKE: (replace(STUDY, patient_id=Identifier("TYPO")), False),
    PatientAgreement.UNKNOWN: (
        replace(STUDY, patient_id=None, patient_name="UNKNOWN", attributes={}),
        False,
    ),
    PatientAgreement.LINKED: (replace(STUDY, patient_id=Identifier("P3", HOSP)), True),
    PatientAgreement.OTHER: (replace(STUDY, patient_id=Identifier("P2", HOSP)), True),
}


# What a clinician expects of each cell, written down apart from the table that decides.
M, C, X = Outcome.MATCHED, Outcome.CANDIDATES, Outcome.CONFLICT
EXPECTED = {
    #                             same alike unknown linked other
    Finding.STUDY_INSTANCE_UID: (M, M, C, C, X),
    Finding.REQUEST_ATTRIBUTES: (M, C, C, C, X),
    Finding.ACCESSION_NUMBER: (M, C, C, C, X),
    Finding.PERFORMED_STEP: (M, C, C, C, X),
    Finding.ORDER_NUMBER: (M, C, C, C, X),
    Finding.CONTRADICTION: (C, C, C, C, X),
    Finding.SEVERAL: (C, C, C, C, X),
    Finding.CANCELED: (M, C, C, C, X),
}
LINKED = (Identifier("P3", HOSP),)


def found_as(finding: Finding) -> tuple[Candidate, ...]:
    """Candidates that a study leads to, so that the table is asked in this row."""
    if finding is Finding.CONTRADICTION:
        by_uid = candidate(UID, linked=LINKED)
        return (by_uid, candidate(ACCESSION, REQUEST, pk=2, linked=LINKED))
    if finding is Finding.SEVERAL:
        return tuple(candidate(ACCESSION, pk=pk, order_pk=1, linked=LINKED) for pk in (1, 2))
    if finding is Finding.CANCELED:
        return (candidate(UID, status=StepStatus.CANCELED, linked=LINKED),)
    return (candidate(Key(finding.value), linked=LINKED),)


@pytest.mark.parametrize("agreement", PatientAgreement)
@pytest.mark.parametrize("finding", Finding)
def test_each_cell_of_the_decision_table(finding: Finding, agreement: PatientAgreement) -> None:
    study, known = COLUMNS[agreement]
    assert patient_agreement(study, BINH, patient_is_known=known, linked=LINKED) is agreement
    found = found_as(finding)

    decision = decided(study, *found, known=known)

    expected = EXPECTED[finding][list(PatientAgreement).index(agreement)]
    assert decision.outcome is expected
    assert decision.reason == RULES.rule(finding, agreement).reason
    named = () if expected is X else tuple(each.procedure.pk for each in found)
    assert decision.procedure_pks == named
    assert {each.procedure_pk for each in decision.candidates} == {c.procedure.pk for c in found}
    assert all(each.agreement is agreement for each in decision.candidates)


def test_what_is_decided_without_comparing_the_patient() -> None:
    outcomes = {situation: rule.outcome for situation, rule in RULES.situations.items()}
    assert outcomes == {
        Situation.NOTHING: Outcome.UNSCHEDULED,
        Situation.SEVERAL_PATIENTS: Outcome.CONFLICT,
        Situation.WRONG_ENTRY: Outcome.CONFLICT,
    }


def test_a_site_may_leave_to_a_person_what_the_table_matches() -> None:
    cell = (Finding.STUDY_INSTANCE_UID, PatientAgreement.ALIKE)
    careful = replace(RULES.cells[cell], outcome=Outcome.CANDIDATES)
    rules = replace(RULES, cells={**RULES.cells, cell: careful})
    study, known = COLUMNS[PatientAgreement.ALIKE]
    decision = decide(study, [candidate(UID)], rules, patient_is_known=known)
    assert decision.outcome is Outcome.CANDIDATES


def test_a_site_may_say_how_many_differences_make_another_patient() -> None:
    rules = replace(RULES, differences=1)
    study = replace(STUDY, patient_name="LE^LAN")
    assert patient_agreement(study, BINH, patient_is_known=True) is PatientAgreement.SAME
    agreement = patient_agreement(study, BINH, rules, patient_is_known=True)
    assert agreement is PatientAgreement.OTHER


@pytest.mark.parametrize(
    ("names", "same"),
    [
        (NameStrictness.WORDS, True),
        (NameStrictness.COMPONENTS, False),
        (NameStrictness.EXACT, False),
    ],
)
def test_a_site_may_say_how_strictly_names_are_compared(names: NameStrictness, same: bool) -> None:
    rules = replace(RULES, names=names)
    study = replace(STUDY, patient_id=None, patient_name="TRAN BINH")
    agreement = patient_agreement(study, BINH, rules, patient_is_known=False)
    assert agreement is (PatientAgreement.ALIKE if same else PatientAgreement.UNKNOWN)


def test_candidates_are_ranked_with_their_evidence() -> None:
    fitting = candidate(ACCESSION, pk=2, order_pk=1, start="20260105093000")
    other = candidate(ACCESSION, pk=1, order_pk=1, start="20260301093000")
    when = {**STUDY.attributes, "StudyDate": "20260105", "StudyTime": "101500"}
    study = replace(STUDY, attributes=when, sources=frozenset({"CT01"}))
    first, second = decided(study, other, fitting).candidates
    assert (first.procedure_pk, second.procedure_pk) == (2, 1)
    assert first.score - second.score == 2 * 20
    evidence = {each.field: each for each in first.evidence}
    assert evidence["AccessionNumber"] == Evidence("AccessionNumber", "A1", "A1", Verdict.AGREES)
    near = ("2026-01-05 10:15", "2026-01-05 09:30", Verdict.AGREES)
    assert evidence["StudyDateTime"] == Evidence("StudyDateTime", *near)
    assert evidence["StationAETitle"].verdict is Verdict.UNKNOWN  # any station may do it
    assert evidence["StudyInstanceUID"].verdict is Verdict.DIFFERS


def test_images_of_two_patients_are_a_conflict_without_any_order() -> None:
    mixed = replace(STUDY, further_patient_ids=(Identifier("P2", HOSP),))
    decision = decide(mixed, [], patient_is_known=True, several_patients=True)
    assert decision.outcome is Outcome.CONFLICT


JOHN_DOE = {"PatientName": "DOE^JOHN", "PatientBirthDate": "19000101", "PatientSex": "O"}
UNDER_JOHN_DOE = replace(
    STUDY,
    patient_id=Identifier("TEMP"),
    patient_name="DOE^JOHN",
    attributes={"PatientBirthDate": "19000101", "PatientSex": "O"},
)


def test_images_of_a_merged_john_doe_show_what_his_record_said() -> None:
    patient = replace(BINH, aliases=(Identifier("TEMP", HOSP),))
    wanted = candidate(UID, patient=patient, formerly=(JOHN_DOE,))
    assert decided(UNDER_JOHN_DOE, wanted).outcome is Outcome.MATCHED
    wanted = candidate(UID, patient=patient)
    assert decided(UNDER_JOHN_DOE, wanted).outcome is Outcome.CONFLICT


def test_images_of_an_order_that_was_moved_name_whom_it_was_made_for() -> None:
    study = replace(STUDY, patient_id=Identifier("P2", HOSP), patient_name="LE^LAN")
    moved = candidate(UID, former=LAN.identifiers)
    assert decided(study, moved).outcome is Outcome.MATCHED
    assert decided(study, candidate(UID)).outcome is Outcome.CONFLICT
    several = replace(study, further_patient_ids=(Identifier("P1", HOSP),))
    assert decided(several, moved).outcome is Outcome.MATCHED


def test_no_candidate_is_unscheduled() -> None:
    assert decided(STUDY).outcome is Outcome.UNSCHEDULED


# --- how the patient compares


def test_an_alias_of_a_merge_is_the_same_patient() -> None:
    merged = replace(BINH, aliases=(Identifier("OLD", HOSP),))
    study = replace(STUDY, patient_id=Identifier("OLD"))
    assert patient_agreement(study, merged, patient_is_known=True) is PatientAgreement.SAME


def test_a_folded_name_in_the_images_is_no_difference() -> None:
    patient = replace(BINH, attributes={**DEMOGRAPHICS, "PatientName": "TRẦN^BÌNH"})
    assert patient_agreement(STUDY, patient, patient_is_known=True) is PatientAgreement.SAME


@pytest.mark.parametrize(
    ("name", "attributes", "expected"),
    [
        ("LE^LAN", STUDY.attributes, PatientAgreement.SAME),  # a name that drifted
        ("LE^LAN", {"PatientBirthDate": "19500505", "PatientSex": "F"}, PatientAgreement.OTHER),
        ("LE^LAN", {"PatientBirthDate": "19700101", "PatientSex": "M"}, PatientAgreement.OTHER),
        ("", {}, PatientAgreement.SAME),  # what is not said does not differ
    ],
)
def test_two_differences_under_the_right_id_are_another_patient(
    name: str, attributes: dict[str, str], expected: PatientAgreement
) -> None:
    study = replace(STUDY, patient_name=name, attributes=attributes)
    assert patient_agreement(study, BINH, patient_is_known=True) is expected


def test_a_placeholder_that_somebody_registered_is_not_another_patient() -> None:
    study = replace(STUDY, patient_id=Identifier("UNKNOWN"))
    assert patient_agreement(study, BINH, patient_is_known=True) is PatientAgreement.ALIKE


def test_a_name_without_birth_date_confirms_nothing() -> None:
    study = replace(STUDY, patient_id=None, attributes={})
    assert patient_agreement(study, BINH, patient_is_known=False) is PatientAgreement.UNKNOWN


# --- keys that disagree


def test_keys_to_two_orders_of_one_patient_are_left_to_a_person() -> None:
    decision = decided(STUDY, candidate(UID, pk=1), candidate(ACCESSION, pk=2))
    assert decision.outcome is Outcome.CANDIDATES
    assert decision.procedure_pks == (1, 2)


def test_keys_to_orders_of_two_patients_are_a_conflict() -> None:
    study = replace(STUDY, accession=Identifier("A1", HOSP))
    decision = decided(study, candidate(UID, pk=1), candidate(ACCESSION, pk=2, patient=LAN))
    assert decision.outcome is Outcome.CONFLICT
    assert decision.procedure_pks == ()


def test_orders_of_one_accession_number_are_told_apart_by_a_further_key() -> None:
    decision = decided(STUDY, candidate(UID, ACCESSION, pk=1), candidate(ACCESSION, pk=2))
    assert (decision.outcome, decision.procedure_pks) == (Outcome.MATCHED, (1,))


def test_keys_that_add_up_to_one_order_agree() -> None:
    decision = decided(
        STUDY, candidate(UID, ACCESSION, pk=1), candidate(ACCESSION, pk=2, order_pk=1)
    )
    assert (decision.outcome, decision.procedure_pks) == (Outcome.MATCHED, (1,))


def test_images_that_name_several_patients_are_a_conflict_unless_they_are_one() -> None:
    mixed = replace(STUDY, further_patient_ids=(Identifier("P2", HOSP),))
    merged = replace(BINH, aliases=(Identifier("P2", HOSP),))
    assert decided(mixed, candidate(UID)).outcome is Outcome.CONFLICT
    assert decided(mixed, candidate(UID, patient=merged)).outcome is Outcome.MATCHED


def test_a_wrong_worklist_entry_is_a_conflict_however_well_it_matches() -> None:
    withdrawn = decide(STUDY, [candidate(UID)], patient_is_known=True, wrong_entry=True)
    assert (withdrawn.outcome, withdrawn.procedure_pks) == (Outcome.CONFLICT, ())


# --- several orders and procedures under one key


def test_an_accession_number_without_issuer_that_two_patients_share_is_the_patients_own() -> None:
    decision = decided(STUDY, candidate(ACCESSION, pk=1), candidate(ACCESSION, pk=2, patient=LAN))
    assert (decision.outcome, decision.procedure_pks) == (Outcome.MATCHED, (1,))


def test_the_same_with_an_unknown_patient_is_left_to_a_person() -> None:
    study = replace(STUDY, patient_id=None, patient_name="", attributes={})
    decision = decided(
        study, candidate(ACCESSION, pk=1), candidate(ACCESSION, pk=2, patient=LAN), known=False
    )
    assert (decision.outcome, decision.procedure_pks) == (Outcome.CANDIDATES, (1, 2))


def test_an_accession_number_of_strangers_only_is_a_conflict() -> None:
    decision = decided(STUDY, candidate(ACCESSION, pk=2, patient=LAN))
    assert decision.outcome is Outcome.CONFLICT


def test_procedures_of_one_order_are_told_apart_by_modality() -> None:
    decision = decided(
        STUDY,
        candidate(ACCESSION, pk=1, order_pk=1, modality="MR"),
        candidate(ACCESSION, pk=2, order_pk=1, modality="CT"),
    )
    assert (decision.outcome, decision.procedure_pks) == (Outcome.MATCHED, (2,))


def test_procedures_of_one_order_are_told_apart_by_a_further_key() -> None:
    decision = decided(
        STUDY,
        candidate(ACCESSION, PERFORMED, pk=1, order_pk=1),
        candidate(ACCESSION, pk=2, order_pk=1),
    )
    assert (decision.outcome, decision.procedure_pks) == (Outcome.MATCHED, (1,))


def test_procedures_that_fit_alike_are_left_to_a_person() -> None:
    decision = decided(
        STUDY, candidate(ACCESSION, pk=1, order_pk=1), candidate(ACCESSION, pk=2, order_pk=1)
    )
    assert (decision.outcome, decision.procedure_pks) == (Outcome.CANDIDATES, (1, 2))


def test_a_weaker_key_never_beats_a_stronger_one() -> None:
    decision = decided(
        replace(STUDY, series=images("MR")),
        candidate(REQUEST, pk=1, order_pk=1, modality="CT"),
        candidate(ACCESSION, PERFORMED, pk=2, order_pk=1, modality="MR"),
    )
    assert (decision.outcome, decision.procedure_pks) == (Outcome.MATCHED, (1,))


GROUP = replace(STUDY, request_attributes=(RequestAttributes("RP1"), RequestAttributes("RP2")))


@pytest.mark.parametrize("keys", [(REQUEST,), (REQUEST, UID), (REQUEST, UID, ACCESSION)])
def test_images_that_name_several_requests_serve_them_all(keys: tuple[Key, ...]) -> None:
    """The modality gave the Study Instance UID of one of them, or its own."""
    decision = decided(GROUP, candidate(*keys, pk=1), candidate(REQUEST, pk=2))
    assert (decision.outcome, decision.procedure_pks) == (Outcome.MATCHED, (1, 2))


def test_a_third_procedure_of_an_order_in_the_group_is_not_served() -> None:
    decision = decided(
        GROUP,
        candidate(REQUEST, UID, ACCESSION, pk=1),
        candidate(REQUEST, pk=2),
        candidate(ACCESSION, pk=3, order_pk=1),
    )
    assert (decision.outcome, decision.procedure_pks) == (Outcome.MATCHED, (1, 2))


def test_a_study_uid_outside_the_group_contradicts_it() -> None:
    decision = decided(
        GROUP, candidate(REQUEST, pk=1), candidate(REQUEST, pk=2), candidate(UID, pk=3)
    )
    assert decision.outcome is Outcome.CANDIDATES


def test_a_performed_step_that_names_several_requests_serves_them_all() -> None:
    """Consoles that group tell it in the MPPS, and put one accession number into the images."""
    group = candidate(UID, ACCESSION, PERFORMED, pk=1), candidate(PERFORMED, pk=2)
    decision = decide(STUDY, group, patient_is_known=True, performed_together={1, 2})
    assert (decision.outcome, decision.procedure_pks) == (Outcome.MATCHED, (1, 2))


def test_orders_of_one_study_uid_are_all_served_by_it() -> None:
    """A RIS that groups gives several orders one Study Instance UID; the images name one."""
    decision = decided(STUDY, candidate(UID, ACCESSION, pk=1), candidate(UID, pk=2))
    assert (decision.outcome, decision.procedure_pks) == (Outcome.MATCHED, (1, 2))


def test_a_performed_group_that_the_images_contradict_is_left_to_a_person() -> None:
    group = candidate(PERFORMED, pk=1), candidate(PERFORMED, pk=2), candidate(UID, pk=3)
    decision = decide(STUDY, group, patient_is_known=True, performed_together={1, 2})
    assert decision.outcome is Outcome.CANDIDATES


def test_a_group_with_a_stranger_among_its_requests_is_a_conflict() -> None:
    decision = decided(GROUP, candidate(REQUEST, pk=1), candidate(REQUEST, pk=2, patient=LAN))
    assert (decision.outcome, decision.procedure_pks) == (Outcome.CONFLICT, ())


# --- what holds for every set of candidates

CANDIDATES = st.lists(
    st.builds(
        lambda keys, pk, order_pk, patient, modality: candidate(
            *keys, pk=pk, order_pk=order_pk, patient=patient, modality=modality
        ),
        st.sets(st.sampled_from(Key), min_size=1),
        st.integers(1, 6),
        st.integers(1, 3),
        st.sampled_from([BINH, LAN]),
        st.sampled_from(["CT", "MR"]),
    ),
    max_size=5,
    unique_by=lambda each: each.procedure.pk,
)
STUDIES = st.sampled_from([study for study, _ in COLUMNS.values()] + [GROUP])


@given(STUDIES, st.booleans(), CANDIDATES, st.randoms())
def test_the_order_of_the_candidates_does_not_matter(
    study: Study, known: bool, candidates: list[Candidate], random: object
) -> None:
    shuffled = candidates.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (decide(study, each, patient_is_known=known) for each in (candidates, shuffled))
    assert (one.outcome, one.reason, one.procedure_pks) == (
        other.outcome,
        other.reason,
        other.procedure_pks,
    )


@given(STUDIES, st.booleans(), CANDIDATES)
def test_a_match_is_never_with_another_patient(
    study: Study, known: bool, candidates: list[Candidate]
) -> None:
    decision = decide(study, candidates, patient_is_known=known)
    if decision.outcome is not Outcome.MATCHED:
        return
    assert decision.procedure_pks
    for each in of(decision.procedure_pks, candidates):
        agreement = patient_agreement(study, each.patient, patient_is_known=known)
        assert agreement in (PatientAgreement.SAME, PatientAgreement.ALIKE)


@given(STUDIES, st.booleans(), CANDIDATES)
def test_several_procedures_are_matched_only_when_the_images_or_their_uid_name_several(
    study: Study, known: bool, candidates: list[Candidate]
) -> None:
    decision = decide(study, candidates, patient_is_known=known)
    if decision.outcome is Outcome.MATCHED and len(decision.procedure_pks) > 1:
        sharing = [each for each in candidates if UID in each.keys]
        assert len(study.request_attributes) > 1 or len(sharing) > 1


def of(pks: Iterable[int], candidates: Iterable[Candidate]) -> list[Candidate]:
    wanted = set(pks)
    return [each for each in candidates if each.procedure.pk in wanted]
