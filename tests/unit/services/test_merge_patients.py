"""Merges are taken back, links stay links, identifiers move and change (STANDARDS 3.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from bridge.domain.errors import BridgeError
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.journal import Disposition
from bridge.domain.matching import Outcome
from bridge.domain.patient import Patient, PatientDetails
from bridge.domain.patient_events import (
    IdentifierChanged,
    IdentifiersMoved,
    PatientRemoved,
    PatientsLinked,
    PatientsMerged,
)
from bridge.domain.patient_merge import PatientMerge
from bridge.domain.publication import PublishedStudy
from bridge.services.read_images import ImageQuery, ReadImages
from bridge.store.tables import imaging_service_request, patient_identifier
from tests.unit.services.core import HOSP, Core, merge, order, patient, procedure, updated

EARLY, NOON, LATE = "20260105110000", "20260105120000", "20260105130000"
NATION = Authority("NATION")
DEPARTMENT = Authority("DEPT")


def found(core: Core, value: str, authority: Authority = HOSP) -> Patient | None:
    return core.store.read(lambda tx: tx.patients.find(Identifier(value, authority)))


def known(core: Core, value: str, authority: Authority = HOSP) -> Patient:
    there = found(core, value, authority)
    assert there is not None
    return there


def merges(core: Core, value: str) -> tuple[PatientMerge, ...]:
    pk = known(core, value).pk
    return core.store.read(lambda tx: tx.merges.of_patient(pk))


def undo(core: Core, value: str, place: int = -1) -> None:
    core.undo_merge.undo(merges(core, value)[place].pk, "operator")


def owners(core: Core) -> dict[str, str]:
    """Accession number → current identifiers of the patient whose order it is."""
    with core.database.read() as connection:
        orders = connection.execute(
            select(imaging_service_request.c.accession_number, imaging_service_request.c.patient_pk)
        ).all()
        names = connection.execute(
            select(patient_identifier.c.value, patient_identifier.c.patient_pk)
            .where(~patient_identifier.c.alias)
            .order_by(patient_identifier.c.rank)
        ).all()
    return {
        accession: "+".join(value for value, pk in names if pk == owner)
        for accession, owner in orders
    }


def linked(core: Core, value: str) -> list[str]:
    def work(tx: Any) -> list[str]:
        pk = tx.patients.find(Identifier(value, HOSP)).pk
        return [tx.patients.get(each).patient_id.value for each in tx.merges.linked_to(pk)]

    return core.store.read(work)


def link(*values: str, linked: bool = True, at: str = "") -> PatientsLinked:
    one, other = values
    return PatientsLinked(
        patients=(patient(one), patient(other)), linked=linked, occurred_at=at, location="PID^1^3"
    )


def changed(previous: str, current: str, **details: Any) -> IdentifierChanged:
    return IdentifierChanged(
        patient=patient(current, **details),
        previous=(Identifier(previous, HOSP),),
        location="MRG^1^1",
    )


def moved(to: PatientDetails, *values: str) -> IdentifiersMoved:
    return IdentifiersMoved(
        patient=to, moved=tuple(Identifier(value, HOSP) for value in values), location="MRG^1^1"
    )


def of(accession: str, who: str, uid: str = "") -> Any:
    return order("NW", procedure(uid or f"1.2.{accession}"), who=patient(who), accession=accession)


# --- taken back


def test_given_a_merge_when_undone_then_everybody_has_what_was_theirs(core: Core) -> None:
    core.place(of("A1", "R"), of("A2", "S"), updated(patient("R", PatientWeight="60")))
    before = (known(core, "R"), known(core, "S"), core.worklist())
    core.place(merge(patient("S"), "R"))
    assert {item["patient_id"] for item in core.worklist()} == {"S"}
    undo(core, "S")
    assert (known(core, "R"), known(core, "S"), core.worklist()) == before


def test_given_a_merge_when_undone_then_orders_that_came_for_the_retired_go_to_it(
    core: Core,
) -> None:
    core.place(updated(patient("R")), updated(patient("S")), merge(patient("S"), "R"))
    core.place(of("A1", "R"), of("A2", "S"))
    undo(core, "S")
    assert owners(core) == {"A1": "R", "A2": "S"}
    assert {item["accession"]: item["name"] for item in core.worklist()} == {
        "A1": "TRAN^R",
        "A2": "TRAN^S",
    }


def test_given_a_merge_of_somebody_unknown_when_undone_then_his_orders_are_his(
    core: Core,
) -> None:
    core.place(merge(patient("S"), "R"))
    core.place(of("A1", "R"))
    undo(core, "S")
    assert owners(core) == {"A1": "R"}
    assert known(core, "R").attributes == {}
    assert core.held_order().held_reason == "missing PatientName"


def test_given_what_the_survivor_took_from_the_retired_when_undone_then_it_is_gone(
    core: Core,
) -> None:
    core.place(updated(patient("R", PatientWeight="60", PatientSize="1.7")))
    core.place(merge(patient("S"), "R"))
    assert known(core, "S").attributes["PatientWeight"] == "60"
    core.place(updated(patient("S", PatientSize="1.8")))
    undo(core, "S")
    held = known(core, "S").attributes
    assert ("PatientWeight" in held, held["PatientSize"]) == (False, "1.8")


def test_given_a_merge_when_undone_twice_then_the_second_is_refused(core: Core) -> None:
    core.place(updated(patient("R")), merge(patient("S"), "R"))
    undo(core, "S")
    (made,) = merges(core, "S")
    assert (made.stands, made.undone_by) == (False, "operator")
    with pytest.raises(BridgeError, match="taken back before"):
        core.undo_merge.undo(made.pk, "operator")
    with pytest.raises(BridgeError, match="no merge 99"):
        core.undo_merge.undo(99, "operator")


@pytest.mark.parametrize("first", [0, 1])
def test_given_a_chain_of_merges_when_undone_in_any_order_then_all_is_as_before(
    core: Core, first: int
) -> None:
    core.place(of("A1", "A"), of("A2", "B"), of("A3", "C"))
    core.place(merge(patient("B"), "A"))
    core.place(merge(patient("C"), "B"))
    assert set(owners(core).values()) == {"C"}
    chain = [each.pk for each in merges(core, "C")]
    core.undo_merge.undo(chain[first], "operator")
    core.undo_merge.undo(chain[1 - first], "operator")
    assert owners(core) == {"A1": "A", "A2": "B", "A3": "C"}
    assert [known(core, each).aliases for each in "ABC"] == [(), (), ()]


def test_given_the_middle_of_a_chain_when_undone_then_it_takes_its_own_with_it(
    core: Core,
) -> None:
    core.place(of("A1", "A"), of("A2", "B"), of("A3", "C"))
    core.place(merge(patient("B"), "A"))
    core.place(merge(patient("C"), "B"))
    undo(core, "C")
    assert owners(core) == {"A1": "B", "A2": "B", "A3": "C"}
    assert known(core, "A").pk == known(core, "B").pk


def test_given_a_merge_again_after_it_was_undone_then_it_can_be_undone_again(core: Core) -> None:
    core.place(of("A1", "R"), merge(patient("S"), "R"))
    undo(core, "S")
    core.place(merge(patient("S"), "R"))
    assert owners(core) == {"A1": "S"}
    undo(core, "S")
    assert owners(core) == {"A1": "R"}


def test_given_two_numbers_of_one_patient_when_their_merge_is_undone_then_both_are_his(
    core: Core,
) -> None:
    core.place(order(who=patient("OLD", HOSP, Identifier("NEW", HOSP))))
    core.place(merge(patient("NEW"), "OLD"))
    undo(core, "NEW")
    assert [each.value for each in known(core, "NEW").identifiers] == ["OLD", "NEW"]
    assert core.entry()["patient_id"] == "OLD"


def test_given_a_study_that_only_the_merge_matched_when_undone_then_it_is_a_conflict_again(
    core: Core,
) -> None:
    core.place(of("A1", "S", "1.2.1"), updated(patient("R")))
    core.image(patient_id="R")
    core.settle()
    assert core.outcome() is Outcome.CONFLICT
    core.place(merge(patient("S"), "R"))
    assert core.outcome() is Outcome.MATCHED
    undo(core, "S")
    assert core.outcome() is Outcome.CONFLICT


def test_given_a_study_of_the_retired_when_undone_then_it_is_his_and_the_ehr_hears(
    core: Core,
) -> None:
    core.place(of("A1", "R", "1.2.1"))
    core.image(patient_id="R")
    core.settle()
    core.place(merge(patient("S"), "R"))
    core.deliver()
    undo(core, "S")
    assert core.outcome() is Outcome.MATCHED
    (delivery,) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
    published = core.outbox.gather(delivery)
    assert isinstance(published, PublishedStudy)
    assert published.patient.patient_id.value == "R"


def test_given_images_of_a_john_doe_that_come_after_his_merge_then_they_match(core: Core) -> None:
    """He had another name, birth date and sex: that of the temporary record (STANDARDS 6.3)."""
    doe = {"PatientName": "DOE^JOHN", "PatientBirthDate": "19000101", "PatientSex": "M"}
    core.place(order(who=patient("TEMP", **doe)))
    core.place(merge(patient("P1"), "TEMP"))
    core.image(patient_id="TEMP", name="DOE^JOHN", PatientBirthDate="19000101", PatientSex="M")
    core.settle()
    assert core.outcome() is Outcome.MATCHED


# --- who may be merged with whom


def test_given_a_circle_with_a_further_identifier_then_it_is_refused(core: Core) -> None:
    core.place(of("A1", "R"))
    core.place(merge(patient("S", HOSP, Identifier("N1", NATION)), "R"))
    assert core.send(merge(patient("R"), "S")).code == "205"
    assert core.entry()["patient_id"] == "S"


def test_given_an_identifier_that_both_have_then_the_other_one_is_merged(core: Core) -> None:
    """MRG-1 repeats the national number, which is the same for both records of one person."""
    core.place(of("A1", "R"))
    event = PatientsMerged(
        survivor=patient("S", HOSP, Identifier("N1", NATION)),
        retired=(Identifier("R", HOSP), Identifier("N1", NATION)),
    )
    core.place(event)
    assert core.entry()["patient_id"] == "S"
    assert [each.value for each in known(core, "S").identifiers] == ["S", "N1"]


def test_given_a_temporary_number_of_another_department_then_it_is_merged_with_a_warning(
    core: Core,
) -> None:
    core.place(of("A1", "S"))
    event = PatientsMerged(
        survivor=patient("S"), retired=(Identifier("T9", DEPARTMENT),), location="MRG^1^1"
    )
    core.place(event)
    assert known(core, "T9", DEPARTMENT).pk == known(core, "S").pk
    assert core.warnings() == ["MRG^1^1: the prior identifier is of another authority than PID-3"]


@pytest.mark.parametrize(
    ("mine", "theirs", "code"),
    [("MR", "MR", ""), ("MR", "", ""), ("", "AN", "103"), ("MR", "PI", ""), ("MR", "VN", "103")],
)
def test_given_types_of_identifiers_then_only_what_is_no_patients_is_refused(
    core: Core, mine: str, theirs: str, code: str
) -> None:
    survivor = replace(patient("S"), identifiers=(Identifier("S", HOSP, mine),))
    event = PatientsMerged(
        survivor=survivor, retired=(Identifier("R", HOSP, theirs),), location="MRG^1"
    )
    assert core.send(event).code == code


def test_given_legacy_numbers_of_the_retired_then_they_lead_to_the_survivor(core: Core) -> None:
    event = replace(merge(patient("S"), "R"), retired_aliases=(Identifier("EXT", HOSP),))
    core.place(of("A1", "S"), event)
    assert known(core, "EXT").pk == known(core, "S").pk


def test_given_a_legacy_number_of_a_third_patient_then_nobody_else_is_merged(core: Core) -> None:
    core.place(updated(patient("X")))
    event = replace(merge(patient("S"), "R"), retired_aliases=(Identifier("X", HOSP),))
    core.place(event)
    assert known(core, "X").pk != known(core, "S").pk
    assert core.warnings() == ["MRG^1: a further prior number belongs to another patient"]


def test_given_an_update_under_a_retired_number_then_the_survivors_name_stays_and_it_is_told(
    core: Core,
) -> None:
    core.place(of("A1", "S"), merge(patient("S"), "R"))
    core.place(updated(patient("R", PatientName="DOE^JOHN", PatientWeight="60")))
    held = known(core, "S").attributes
    assert (held["PatientName"], held["PatientWeight"]) == ("TRAN^S", "60")
    told = ["PID^1^3: a retired identifier; what was known of the patient stays"]
    assert core.warnings() == told
    core.place(updated(patient("S", PatientName="LE^S")))
    assert core.entry()["name"] == "LE^S"
    assert core.warnings() == []


# --- several identifiers of one message


def test_given_a_second_identifier_of_somebody_else_then_nobody_is_merged_and_it_is_told(
    core: Core,
) -> None:
    core.place(updated(patient("X")), updated(patient("P1")))
    core.place(order(who=patient("P1", HOSP, Identifier("X", HOSP))))
    assert known(core, "X").pk != known(core, "P1").pk
    assert core.warnings() == ["PID^1^3: a further identifier belongs to another patient"]


def test_given_legacy_numbers_of_a_patient_then_they_are_aliases_of_no_authority(
    core: Core,
) -> None:
    who = replace(patient("P1"), aliases=(Identifier("E1"), Identifier("L1", Authority("OLD"))))
    core.place(updated(who))
    assert [each.value for each in known(core, "P1").identifiers] == ["P1"]
    assert {each.key for each in known(core, "P1").aliases} == {("E1", ""), ("L1", "OLD")}


def test_given_a_number_that_is_another_patients_external_one_then_it_is_a_new_patient(
    core: Core,
) -> None:
    """External numbers (PID-2) are of a space of their own: 4711 there is not 4711 here."""
    core.place(updated(replace(patient("P1"), aliases=(Identifier("4711"),))))
    core.place(updated(patient("4711")))
    assert known(core, "4711").pk != known(core, "P1").pk


def test_given_only_the_external_number_later_then_it_is_the_same_patient(core: Core) -> None:
    core.place(updated(replace(patient("P1"), aliases=(Identifier("E1"),))))
    alone = PatientDetails(identifiers=(Identifier("E1", HOSP),), aliases=(Identifier("E1"),))
    core.place(order(who=replace(alone, attributes={"PatientName": "LE^NEW"})))
    assert (core.entry()["patient_id"], core.entry()["name"]) == ("P1", "LE^NEW")


def test_given_an_authority_known_by_name_and_oid_then_either_names_it(core: Core) -> None:
    both, oid = Authority("HOSP", "1.2.3", "ISO"), Authority("", "1.2.3", "ISO")
    core.place(updated(patient("P1", both)))
    core.place(order(who=patient("P1", oid)))
    assert known(core, "P1", oid).pk == known(core, "P1").pk
    core.place(updated(patient("P2", oid)), updated(patient("P2", both)))
    core.place(updated(patient("P2", HOSP, PatientName="LE^HOA")))
    assert known(core, "P2", oid).attributes["PatientName"] == "LE^HOA"


# --- links


def test_given_a_link_then_records_stay_two_and_name_each_other(core: Core) -> None:
    core.place(of("A1", "P1"), of("A2", "P2"))
    core.place(link("P1", "P2"))
    assert owners(core) == {"A1": "P1", "A2": "P2"}
    assert (linked(core, "P1"), linked(core, "P2")) == (["P2"], ["P1"])
    assert core.send(link("P2", "P1")).disposition is Disposition.NOTED
    core.place(link("P1", "P2", linked=False))
    assert linked(core, "P1") == []


def test_given_a_link_then_images_of_the_other_record_are_suggested_and_never_matched(
    core: Core,
) -> None:
    core.place(of("A1", "P1", "1.2.1"), updated(patient("P2")))
    core.image(patient_id="P2")
    core.settle()
    assert core.outcome() is Outcome.CONFLICT
    core.place(link("P1", "P2"))
    assert core.outcome() is Outcome.CANDIDATES
    assert "linked" in core.reasons()[-1]
    core.place(link("P1", "P2", linked=False))
    assert core.outcome() is Outcome.CONFLICT


def test_given_a_link_of_a_patient_with_himself_then_it_is_refused(core: Core) -> None:
    core.place(updated(patient("P1", HOSP, Identifier("P2", HOSP))))
    answer = core.send(link("P1", "P2"))
    assert (answer.code, answer.location) == ("205", "PID^1^3")


def test_given_an_unlink_of_those_who_were_never_linked_then_it_is_noted_and_told(
    core: Core,
) -> None:
    core.place(updated(patient("P1")), updated(patient("P2")))
    assert core.send(link("P1", "P2", linked=False)).disposition is Disposition.NOTED
    assert core.warnings() == ["PID^1^3: the patients were not linked"]


def test_given_an_unlink_of_somebody_unknown_then_it_is_refused(core: Core) -> None:
    core.place(updated(patient("P1")))
    assert core.send(link("P1", "P9", linked=False)).code == "204"


def test_given_an_unlink_of_a_merged_pair_then_the_merge_is_taken_back(core: Core) -> None:
    core.place(of("A1", "R"), of("A2", "S"), merge(patient("S"), "R"))
    core.place(link("S", "R", linked=False))
    assert owners(core) == {"A1": "R", "A2": "S"}
    assert merges(core, "S")[0].undone_by == "KIS|HAUS"


def test_given_an_unlink_of_two_numbers_that_were_always_one_patients_then_it_is_refused(
    core: Core,
) -> None:
    core.place(updated(patient("P1", HOSP, Identifier("P2", HOSP))))
    assert core.send(link("P1", "P2", linked=False)).code == "204"


def test_given_linked_records_when_one_is_merged_then_the_survivor_is_linked(core: Core) -> None:
    core.place(link("R", "X"), updated(patient("S")), merge(patient("S"), "R"))
    assert linked(core, "S") == ["X"]
    undo(core, "S")
    assert (linked(core, "R"), linked(core, "S")) == (["X"], [])


def test_given_linked_records_when_merged_with_each_other_and_undone_then_they_are_linked(
    core: Core,
) -> None:
    core.place(link("R", "S"), merge(patient("S"), "R"))
    assert linked(core, "S") == []
    undo(core, "S")
    assert linked(core, "S") == ["R"]


# --- another number for the same person


def test_given_another_number_then_the_worklist_shows_it_and_the_old_one_leads_there(
    core: Core,
) -> None:
    core.place(of("A1", "P1"))
    core.place(changed("P1", "P2"))
    assert core.entry()["patient_id"] == "P2"
    assert known(core, "P1") == known(core, "P2")
    assert [each.value for each in known(core, "P2").aliases] == ["P1"]


def test_given_another_number_among_several_then_the_others_stay_in_their_order(
    core: Core,
) -> None:
    core.place(updated(patient("P1", HOSP, Identifier("N1", NATION))))
    core.place(changed("P1", "P2"))
    assert [each.value for each in known(core, "P2").identifiers] == ["P2", "N1"]


def test_given_a_number_that_is_somebody_elses_then_the_change_is_refused(core: Core) -> None:
    core.place(of("A1", "P1"), of("A2", "P2"))
    answer = core.send(changed("P1", "P2"))
    assert (answer.code, answer.location) == ("205", "MRG^1^1")
    assert owners(core) == {"A1": "P1", "A2": "P2"}


def test_given_a_change_to_the_same_number_then_it_is_refused(core: Core) -> None:
    assert core.send(changed("P1", "P1")).code == "205"


def test_given_a_change_of_an_unknown_number_then_it_leads_to_the_new_one(core: Core) -> None:
    core.place(changed("P1", "P2"))
    core.place(of("A1", "P1"))
    assert core.entry()["patient_id"] == "P2"


def test_given_the_same_change_again_then_nothing_changes(core: Core) -> None:
    core.place(of("A1", "P1"), changed("P1", "P2"))
    before = (known(core, "P1"), core.worklist())
    core.place(changed("P1", "P2"))
    assert (known(core, "P1"), core.worklist()) == before


def test_given_a_number_that_was_given_back_then_it_is_the_patient_id_again(core: Core) -> None:
    core.place(of("A1", "P1"), changed("P1", "P2"), changed("P2", "P1"))
    assert core.entry()["patient_id"] == "P1"
    assert [each.value for each in known(core, "P1").aliases] == ["P2"]


# --- identifiers of another person


def test_given_the_only_identifier_that_moves_then_all_of_the_record_does(core: Core) -> None:
    core.place(of("A1", "X"), of("A2", "P2"))
    core.place(moved(patient("P2"), "X"))
    assert owners(core) == {"A1": "P2", "A2": "P2"}
    assert known(core, "X").pk == known(core, "P2").pk


def test_given_one_identifier_of_two_that_moves_then_the_orders_under_it_do(core: Core) -> None:
    both = patient("P1", HOSP, Identifier("X", HOSP))
    under_x = order("NW", procedure("1.9"), who=patient("X", PatientName="TRAN^P1"), accession="A2")
    core.place(updated(both), of("A1", "P1"), under_x)
    core.place(moved(patient("P2"), "X"))
    assert owners(core) == {"A1": "P1", "A2": "P2+X"}
    assert {item["accession"]: item["name"] for item in core.worklist()} == {
        "A1": "TRAN^P1",
        "A2": "TRAN^P2",
    }


def test_given_a_study_under_the_identifier_then_it_moves_too(core: Core) -> None:
    both = patient("P1", HOSP, Identifier("X", HOSP), PatientName="TRAN^X")
    core.place(updated(both), of("A2", "X", "1.2.1"))
    core.image(patient_id="X", accession="A2")
    core.settle()
    assert core.outcome() is Outcome.MATCHED
    core.place(moved(patient("P2"), "X"))
    assert core.outcome() is Outcome.MATCHED
    assert owners(core) == {"A2": "P2+X"}


def test_given_the_standards_own_form_then_pid_2_tells_whom_it_moves_to(core: Core) -> None:
    core.place(updated(replace(patient("P2"), aliases=(Identifier("E2", NATION),))))
    core.place(of("A1", "X"))
    target = replace(patient("X", PatientName="TRAN^P2"), aliases=(Identifier("E2", NATION),))
    core.place(moved(target, "X"))
    assert owners(core) == {"A1": "P2"}


def test_given_nobody_to_move_to_then_it_is_refused(core: Core) -> None:
    core.place(of("A1", "X"))
    answer = core.send(moved(patient("X"), "X"))
    assert (answer.code, answer.location) == ("101", "PID^1^3")


def test_given_an_identifier_that_was_merged_into_the_wrong_patient_then_it_moves_to_the_right(
    core: Core,
) -> None:
    core.place(of("A1", "R"), of("A2", "WRONG"), of("A3", "RIGHT"))
    core.place(merge(patient("WRONG"), "R"))
    core.place(moved(patient("RIGHT"), "R"))
    assert owners(core) == {"A1": "RIGHT", "A2": "WRONG", "A3": "RIGHT"}


def test_given_an_identifier_nobody_has_then_it_is_the_targets(core: Core) -> None:
    core.place(moved(patient("P2"), "X"))
    core.place(of("A1", "X"))
    assert core.entry()["patient_id"] == "P2"


# --- removal


def removed(value: str = "P1") -> PatientRemoved:
    return PatientRemoved(event="A29", patient=patient(value), location="PID^1^3")


def test_given_a_record_nothing_hangs_on_then_it_is_dropped_and_may_begin_anew(
    core: Core,
) -> None:
    core.place(updated(patient(PatientWeight="60"), at=LATE))
    core.place(removed())
    assert known(core, "P1").removed
    assert not core.store.read(lambda tx: tx.patients.is_known(Identifier("P1", HOSP)))
    assert core.send(removed()).disposition is Disposition.NOTED
    core.place(updated(patient(), at=NOON))
    assert "PatientWeight" not in known(core, "P1").attributes
    assert known(core, "P1").attributes["PatientName"] == "TRAN^P1"


def test_given_an_open_order_then_the_record_stays(core: Core) -> None:
    core.place(order())
    answer = core.send(removed())
    assert (answer.code, answer.location, answer.permanent) == ("206", "PID^1^3", True)
    assert core.entry()["patient_id"] == "P1"


def test_given_a_study_then_the_record_stays_though_the_order_is_done(core: Core) -> None:
    core.place(order())
    core.image()
    core.settle()
    core.place(order("SC", status="CM"))
    assert core.send(removed()).code == "206"


def test_given_a_cancelled_order_then_the_record_may_go(core: Core) -> None:
    core.place(order(), order("CA"))
    core.place(removed())
    assert known(core, "P1").removed


def test_given_somebody_unknown_then_there_is_nothing_to_drop(core: Core) -> None:
    assert core.send(removed("P9")).code == "204"


# --- what modalities ask by


def test_given_a_retired_number_then_the_worklist_finds_the_survivors_steps(core: Core) -> None:
    core.place(of("A1", "R"), of("A2", "S"), merge(patient("S"), "R"))
    found = core.worklist(patient_id="R")
    assert [(item["accession"], item["patient_id"]) for item in found] == [("A1", "S"), ("A2", "S")]
    assert len(core.worklist(patient_id="R", issuer_of_patient_id="HOSP")) == 2
    assert core.worklist(patient_id="R", issuer_of_patient_id="OTHER") == []
    assert len(core.worklist(patient_id="R", accession_number="A1")) == 1


def test_given_a_further_number_then_the_worklist_finds_the_patient(core: Core) -> None:
    core.place(order(who=patient("P1", HOSP, Identifier("N1", NATION))))
    assert [item["patient_id"] for item in core.worklist(patient_id="N1")] == ["P1"]


def test_given_a_number_that_is_one_patients_and_was_anothers_then_both_are_found(
    core: Core,
) -> None:
    core.place(of("A1", "S"), merge(patient("S"), "R"))
    core.place(order("NW", procedure("1.9"), who=patient("R", NATION), accession="A2"))
    assert {item["accession"] for item in core.worklist(patient_id="R")} == {"A1", "A2"}
    only = core.worklist(patient_id="R", issuer_of_patient_id="NATION")
    assert [item["accession"] for item in only] == ["A2"]


# --- what viewers ask by


def studies(core: Core, value: str, issuer: str = "") -> list[str]:
    """Study Instance UIDs found under a Patient ID (PS3.4 C.6, QIDO-RS)."""
    images = ReadImages(store=core.store, objects=core.objects)
    found = images.studies(ImageQuery(patient_id=value, issuer_of_patient_id=issuer))
    return [each.study_instance_uid for each in found]


@pytest.mark.parametrize("value", ["R", "S"])
def test_given_a_merge_then_images_are_found_by_either_number(core: Core, value: str) -> None:
    core.place(of("A1", "R", "1.2.1"))
    core.image("1.1", "1.2.1", patient_id="R")
    core.image("2.1", "1.2.2", patient_id="R", accession="")
    core.image("3.1", "1.2.3", patient_id="S", accession="")
    core.image("4.1", "1.2.4", patient_id="X", accession="")
    core.settle()
    core.place(merge(patient("S"), "R"))
    assert studies(core, value) == ["1.2.1", "1.2.2", "1.2.3"]
    assert studies(core, "X") == ["1.2.4"]
    undo(core, "S")
    assert studies(core, "R") == ["1.2.1", "1.2.2"]
    assert studies(core, "S") == ["1.2.3"]


def test_given_a_wildcard_then_no_alias_is_looked_up(core: Core) -> None:
    core.place(of("A1", "R"), merge(patient("S"), "R"))
    assert core.worklist(patient_id="R*") == []
