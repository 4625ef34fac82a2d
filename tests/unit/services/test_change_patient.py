"""Patients change and merge, and the worklist, the waiting studies and the EHR follow."""

from __future__ import annotations

import pytest

from bridge.domain.events import Event
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.journal import Disposition
from bridge.domain.matching import Outcome
from bridge.domain.patient import Patient, PatientDetails
from bridge.domain.patient_events import PatientsMerged
from bridge.domain.publication import PublishedStudy
from tests.unit.services.core import HOSP, Core, merge, order, patient, procedure, updated

EARLY, NOON = "20260105110000", "20260105120000"
NATION = Authority("NATION")


def found(core: Core, value: str, authority: Authority = HOSP) -> Patient | None:
    return core.store.read(lambda tx: tx.patients.find(Identifier(value, authority)))


def known(core: Core, value: str, authority: Authority = HOSP) -> Patient:
    there = found(core, value, authority)
    assert there is not None
    return there


# --- updates


def test_given_a_rename_then_every_entry_of_the_patient_shows_it(core: Core) -> None:
    core.place(order(), order("NW", procedure("1.2.2"), accession="A2"))
    core.place(updated(patient(PatientName="LE^BINH")))
    assert [item["name"] for item in core.worklist()] == ["LE^BINH"] * 2
    assert len(core.worklist(patient_name="le*")) == 2
    assert core.worklist(patient_name="tran*") == []


def test_given_a_rename_of_one_patient_then_others_keep_theirs(core: Core) -> None:
    core.place(order(), order("NW", procedure("1.2.2"), who=patient("P2"), accession="A2"))
    core.place(updated(patient(PatientName="LE^BINH")))
    assert {item["patient_id"]: item["name"] for item in core.worklist()} == {
        "P1": "LE^BINH",
        "P2": "TRAN^P2",
    }


def test_given_an_update_of_an_unknown_patient_then_it_is_kept_for_the_order_to_come(
    core: Core,
) -> None:
    core.place(updated(patient(PatientWeight="60")))
    core.place(order())
    assert known(core, "P1").attributes["PatientWeight"] == "60"


def test_given_what_is_not_said_then_it_stays_and_the_empty_text_deletes(core: Core) -> None:
    core.place(updated(patient(PatientWeight="60", PatientSize="1.7")))
    core.place(updated(patient(PatientWeight="")))
    held = known(core, "P1").attributes
    assert ("PatientWeight" in held, held["PatientSize"]) == (False, "1.7")


def test_given_an_older_update_then_newer_attributes_stay(core: Core) -> None:
    core.place(updated(patient(PatientName="LE^BINH"), at=NOON))
    core.place(updated(patient(PatientName="TRAN^BINH"), at=EARLY))
    assert known(core, "P1").attributes["PatientName"] == "LE^BINH"


def test_given_a_patient_without_identifier_then_it_is_refused(core: Core) -> None:
    answer = core.send(updated(PatientDetails(identifiers=())))
    assert (answer.code, answer.location) == ("101", "PID^1^3")


def test_given_a_further_identifier_then_the_patient_has_both(core: Core) -> None:
    core.place(order())
    core.place(updated(patient("P1", HOSP, Identifier("N1", NATION))))
    assert known(core, "N1", NATION).pk == known(core, "P1").pk
    assert core.entry()["patient_id"] == "P1"


def test_given_a_further_identifier_then_images_that_carry_it_are_looked_at_again(
    core: Core,
) -> None:
    core.place(order())
    core.image(patient_id="N1", name="UNKNOWN")
    core.settle()
    assert core.outcome() is Outcome.CANDIDATES
    core.place(updated(patient("P1", HOSP, Identifier("N1", NATION))))
    assert core.outcome() is Outcome.MATCHED


def test_given_a_name_that_comes_with_an_update_then_the_held_order_is_shown_and_not_held(
    core: Core,
) -> None:
    core.place(order(who=patient(PatientName="")))
    assert core.worklist() == []
    core.place(updated(patient()))
    assert core.entry()["name"] == "TRAN^P1"
    assert core.held_order().held_reason == ""


def test_given_a_name_that_is_taken_away_then_the_order_is_held_and_says_why(core: Core) -> None:
    core.place(order())
    core.place(updated(patient(PatientName="")))
    assert core.worklist() == []
    assert core.held_order().held_reason == "missing PatientName"


def test_given_an_update_then_a_waiting_study_is_looked_at_again_once(core: Core) -> None:
    wrong = patient(PatientName="LAM^X", PatientBirthDate="19991231", PatientSex="M")
    core.place(order(who=wrong), order("NW", procedure("1.2.2"), who=wrong, accession="A2"))
    core.image()
    core.settle()
    assert core.outcome() is Outcome.CONFLICT
    core.place(updated(patient()))
    assert core.outcome() is Outcome.MATCHED
    assert len(core.reasons()) == 2


def test_given_an_update_then_published_studies_are_told_again(core: Core) -> None:
    core.place(order())
    core.image()
    core.settle()
    core.deliver()
    core.place(updated(patient(PatientName="LE^BINH")))
    assert core.told() == [("study.changed", "1.2.1")]
    assert core.told("pager") == [("study.available", "1.2.1")]


def test_given_an_update_that_says_nothing_new_then_nobody_is_told(core: Core) -> None:
    core.place(order())
    core.image()
    core.settle()
    core.deliver()
    core.place(updated(patient()))
    assert core.told() == []


# --- merges


def test_given_a_merge_then_orders_identifiers_and_entries_are_the_survivors(core: Core) -> None:
    core.place(order(who=patient("R")))
    core.place(merge(patient("S"), "R"))
    assert (core.entry()["patient_id"], core.entry()["name"]) == ("S", "TRAN^S")
    survivor = known(core, "R")
    assert survivor == known(core, "S")
    assert [each.value for each in survivor.aliases] == ["R"]
    assert core.worklist(patient_id="S")
    assert core.worklist(patient_id="R") == core.worklist(patient_id="S")


def test_given_a_merge_of_several_then_all_of_them_are_the_survivors(core: Core) -> None:
    for number in ("1", "2", "3"):
        wanted = procedure(f"1.2.{number}")
        core.place(order("NW", wanted, who=patient(f"R{number}"), accession=f"A{number}"))
    core.place(merge(patient("S"), "R1", "R2", "R3"))
    assert {item["patient_id"] for item in core.worklist()} == {"S"}
    assert len(core.worklist()) == 3


def test_given_a_merge_of_somebody_unknown_then_the_alias_waits_for_its_orders(core: Core) -> None:
    core.place(merge(patient("S"), "R"))
    core.place(order(who=patient("R", PatientName="TRAN^OLD")))
    assert core.entry()["patient_id"] == "S"


def test_given_an_order_for_the_retired_number_then_it_is_the_survivors(core: Core) -> None:
    core.place(order(who=patient("R")))
    core.place(merge(patient("S"), "R"))
    core.place(order("XO", procedure(code="CTNECK"), who=patient("R")))
    assert (core.entry()["patient_id"], core.entry()["code"]) == ("S", "CTNECK")


def test_given_a_chain_of_merges_then_the_last_survivor_has_it_all(core: Core) -> None:
    core.place(
        order(who=patient("A")), order("NW", procedure("1.2.2"), who=patient("B"), accession="A2")
    )
    core.place(merge(patient("B"), "A"))
    core.place(merge(patient("C"), "B"))
    assert {item["patient_id"] for item in core.worklist()} == {"C"}
    assert known(core, "A").pk == known(core, "B").pk == known(core, "C").pk
    assert sorted(each.value for each in known(core, "C").aliases) == ["A", "B"]


def test_given_the_same_merge_again_then_nothing_changes(core: Core) -> None:
    core.place(order(who=patient("R")))
    core.place(merge(patient("S"), "R"))
    before = (known(core, "R"), core.worklist())
    core.place(merge(patient("S"), "R"))
    assert (known(core, "R"), core.worklist()) == before


def test_given_a_merge_into_the_same_number_then_it_is_refused(core: Core) -> None:
    core.place(order())
    answer = core.send(merge(patient("P1"), "P1"))
    assert (answer.code, answer.location) == ("205", "MRG^1")
    assert core.entry()["patient_id"] == "P1"


def test_given_a_merge_back_then_it_is_refused_and_the_first_one_stands(core: Core) -> None:
    """A circle of merges (STANDARDS 3.3) leaves nobody."""
    core.place(order(who=patient("R")))
    core.place(merge(patient("S"), "R"))
    assert core.send(merge(patient("R"), "S")).code == "205"
    assert core.entry()["patient_id"] == "S"


def test_given_a_merge_back_of_every_identifier_then_it_is_refused(core: Core) -> None:
    core.place(merge(patient("S", HOSP, Identifier("S2", HOSP)), "R"))
    core.place(order(who=patient("S")))
    assert core.send(merge(patient("R"), "S", "S2")).code == "205"
    assert core.entry()["patient_id"] == "S"


def test_given_a_merge_that_names_nobody_then_it_is_refused(core: Core) -> None:
    answer = core.send(PatientsMerged(survivor=patient("S"), retired=()))
    assert (answer.code, answer.location) == ("101", "MRG^1")


def test_given_a_second_number_of_the_same_patient_then_it_is_retired(core: Core) -> None:
    core.place(order(who=patient("OLD", HOSP, Identifier("NEW", HOSP))))
    core.place(merge(patient("NEW"), "OLD"))
    assert core.entry()["patient_id"] == "NEW"
    assert [each.value for each in known(core, "NEW").aliases] == ["OLD"]


def test_given_a_survivor_nobody_describes_then_the_entry_keeps_the_name_it_had(
    core: Core,
) -> None:
    """Both are the same person: what one lacks the other tells."""
    core.place(order(who=patient("R")))
    nameless = PatientDetails(identifiers=(Identifier("S", HOSP),))
    core.place(merge(nameless, "R"))
    assert (core.entry()["patient_id"], core.entry()["name"]) == ("S", "TRAN^R")


def test_given_a_merge_then_a_conflict_of_the_two_is_none_any_more(core: Core) -> None:
    core.place(order(who=patient("S")), updated(patient("R")))
    core.image(patient_id="R", name="TRAN^S")
    core.settle()
    assert core.outcome() is Outcome.CONFLICT
    core.place(merge(patient("S"), "R"))
    assert core.outcome() is Outcome.MATCHED
    assert core.told() == [("study.available", "1.2.1")]


def test_given_a_merge_then_the_ehr_hears_whose_the_study_is_now(core: Core) -> None:
    core.place(order(who=patient("R")))
    core.image(patient_id="R")
    core.settle()
    core.deliver()
    core.place(merge(patient("S"), "R"))
    (delivery,) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
    published = core.outbox.gather(delivery)
    assert isinstance(published, PublishedStudy)
    assert published.patient.patient_id.value == "S"


def test_given_images_that_come_after_the_merge_under_the_old_number_then_they_match(
    core: Core,
) -> None:
    core.place(order(who=patient("R")))
    core.place(merge(patient("S"), "R"))
    core.image(patient_id="R", name="TRAN^S")
    core.settle()
    assert core.outcome() is Outcome.MATCHED


@pytest.mark.parametrize("first", ["merge", "order"])
def test_given_a_merge_and_an_order_in_one_message_then_their_sequence_does_not_matter(
    core: Core, first: str
) -> None:
    events: list[Event] = [merge(patient("S"), "R"), order(who=patient("R", PatientName="TRAN^S"))]
    assert core.send(*(events if first == "merge" else events[::-1])).disposition is (
        Disposition.APPLIED
    )
    assert core.entry()["patient_id"] == "S"


def test_given_an_order_under_a_retired_number_then_the_survivors_name_stays(core: Core) -> None:
    """The department has not heard of the merge and still calls the patient John Doe."""
    core.place(order(who=patient("TEMP", PatientName="DOE^JOHN")))
    core.place(merge(patient("P1"), "TEMP"))
    core.place(order("XO", who=patient("TEMP", PatientName="DOE^JOHN", PatientAddress="Hanoi")))
    assert (core.entry()["patient_id"], core.entry()["name"]) == ("P1", "TRAN^P1")
