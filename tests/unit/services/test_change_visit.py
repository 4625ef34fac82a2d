"""Visits begin, move and end, and the orders placed in them follow (STANDARDS 3.3)."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.domain.identifiers import Identifier
from bridge.domain.journal import Disposition
from bridge.domain.order import OrderReceived
from bridge.domain.patient import PatientDetails
from bridge.domain.patient_events import PatientRemoved
from bridge.domain.publication import PublishedStudy
from bridge.domain.visit import (
    Visit,
    VisitAction,
    VisitChanged,
    VisitDetails,
    VisitNumbers,
    VisitRenumbered,
    VisitsMoved,
    VisitStatus,
)
from tests.unit.services.core import HOSP, Core, order, patient, procedure, step, updated

EARLY, NOON, LATE = "20260105110000", "20260105120000", "20260105130000"
_A, _S = VisitAction, VisitStatus


def number(value: str) -> Identifier | None:
    return Identifier(value, HOSP) if value else None


def numbers(visit: str = "", account: str = "") -> VisitNumbers:
    return VisitNumbers(number=number(visit), account=number(account))


def details(
    visit: str = "V1", location: str | None = None, account: str = "", patient_class: str = ""
) -> VisitDetails:
    return VisitDetails(
        number=number(visit),
        account=number(account),
        patient_class=patient_class,
        attributes={} if location is None else {"CurrentPatientLocation": location},
    )


def event(
    action: VisitAction,
    said: VisitDetails | None = None,
    *,
    who: PatientDetails | None = None,
    at: str = "",
    previous: VisitNumbers | None = None,
    day: str = "20260105",
) -> VisitChanged:
    return VisitChanged(
        event="A99",
        action=action,
        patient=who or patient(),
        visit=said or details(),
        previous=previous or numbers(),
        occurred_at=at,
        day=day,
    )


def placed(visit: str = "", account: str = "", location: str = "", **more: Any) -> OrderReceived:
    """An order that says of its visit what is given."""
    shown = {"CurrentPatientLocation": location, "AdmissionID": visit or account}
    said: dict[str, Any] = {key: text for key, text in shown.items() if text}
    found = order(**more, **said)
    return OrderReceived(
        **{name: getattr(found, name) for name in OrderReceived.__slots__ if name != "visit"},
        visit=numbers(visit, account),
    )


def visits(core: Core, who: str = "P1") -> tuple[Visit, ...]:
    def work(tx: Any) -> Any:
        return tx.visits.of_patient(tx.patients.find(Identifier(who, HOSP)).pk)

    found: tuple[Visit, ...] = core.store.read(work)
    return found


def visit_of(core: Core, who: str = "P1") -> Visit:
    (found,) = visits(core, who)
    return found


def place_seen(core: Core) -> tuple[str, str]:
    """Location and Admission ID of the one worklist entry."""
    return core.entry().get("location", ""), core.entry().get("admission", "")


# --- where the patient is


def test_given_an_admission_then_the_patient_and_the_visit_are_known_and_no_order_is(
    core: Core,
) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1", "ACC1", "I"), at=NOON))
    found = visit_of(core)
    assert found.numbers == numbers("V1", "ACC1")
    assert (found.status, found.patient_class, found.occurred_at) == (_S.IN_PROGRESS, "I", NOON)
    assert found.attributes == {"CurrentPatientLocation": "WARD 1"}
    assert core.worklist() == []


def test_given_a_transfer_then_the_open_orders_of_the_visit_show_the_new_place(
    core: Core,
) -> None:
    core.place(placed("V1", location="WARD 1"))
    core.place(event(_A.TRANSFER, details("V1", "WARD 2")))
    assert place_seen(core) == ("WARD 2", "V1")


def test_given_a_transfer_in_another_visit_then_the_order_stays_where_it_is(core: Core) -> None:
    core.place(placed("V1", location="WARD 1"))
    core.place(event(_A.TRANSFER, details("V2", "WARD 2")))
    assert place_seen(core) == ("WARD 1", "V1")


def test_given_a_transfer_without_a_number_then_it_is_of_the_current_visit(core: Core) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1")), placed("V1"))
    core.place(event(_A.TRANSFER, details("", "WARD 2")))
    assert place_seen(core) == ("WARD 2", "V1")
    assert len(visits(core)) == 1


def test_given_a_transfer_of_a_patient_without_visits_then_orders_without_any_follow(
    core: Core,
) -> None:
    core.place(order(CurrentPatientLocation="WARD 1"))
    core.place(event(_A.TRANSFER, details("", "WARD 2")))
    assert place_seen(core) == ("WARD 2", "")


def test_given_a_transfer_by_account_then_the_order_of_the_account_follows(core: Core) -> None:
    core.place(placed("", "ACC1", "WARD 1"))
    core.place(event(_A.TRANSFER, details("", "WARD 2", "ACC1")))
    assert place_seen(core) == ("WARD 2", "ACC1")


def test_given_a_transfer_then_the_worklist_finds_the_admission_id(core: Core) -> None:
    core.place(order())
    core.place(event(_A.ADMIT, details("V1", "WARD 1")))
    assert len(core.worklist(admission_id="V1")) == 1


def test_given_a_null_location_then_it_is_deleted_and_an_absent_one_stays(core: Core) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1")), placed("V1"))
    core.place(event(_A.UPDATE, details("V1")))
    assert place_seen(core) == ("WARD 1", "V1")
    core.place(event(_A.UPDATE, details("V1", "")))
    assert place_seen(core) == ("", "V1")


def test_given_an_older_transfer_then_the_newer_place_stays(core: Core) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1"), at=EARLY), placed("V1"))
    core.place(event(_A.TRANSFER, details("V1", "WARD 3"), at=LATE))
    late = core.send(event(_A.TRANSFER, details("V1", "WARD 2"), at=NOON))
    assert late.disposition is Disposition.STALE
    assert place_seen(core) == ("WARD 3", "V1")


def test_given_an_admission_that_comes_after_its_transfer_then_it_adds_what_is_not_known(
    core: Core,
) -> None:
    core.place(event(_A.TRANSFER, details("V1", "WARD 2"), at=NOON))
    core.send(event(_A.ADMIT, details("V1", "WARD 1", "ACC1", "I"), at=EARLY))
    found = visit_of(core)
    assert found.attributes == {"CurrentPatientLocation": "WARD 2"}
    assert (found.patient_class, found.numbers) == ("I", numbers("V1", "ACC1"))


def test_given_finished_orders_then_a_transfer_leaves_them_alone(core: Core) -> None:
    core.place(placed("V1", location="WARD 1"))
    core.place(order("CA"))
    core.place(event(_A.TRANSFER, details("V1", "WARD 2")))
    assert core.held_order().attributes["CurrentPatientLocation"] == "WARD 1"


# --- orders that come without their visit


def test_given_a_current_visit_then_an_order_without_pv1_takes_its_place_and_number(
    core: Core,
) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1", "ACC1")))
    core.place(order())
    assert place_seen(core) == ("WARD 1", "V1")
    assert core.held_order().visit == numbers("V1", "ACC1")


def test_given_a_visit_that_the_order_names_then_what_it_leaves_out_is_the_visits(
    core: Core,
) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1")), event(_A.ADMIT, details("V2", "WARD 2")))
    core.place(placed("V1"))
    assert place_seen(core) == ("WARD 1", "V1")


def test_given_what_the_order_says_itself_then_it_stays(core: Core) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1")))
    core.place(placed("V1", location="CT WAITING"))
    assert place_seen(core) == ("CT WAITING", "V1")


def test_given_an_order_of_an_unknown_visit_then_nothing_is_taken_from_another(
    core: Core,
) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1")))
    core.place(placed("V9"))
    assert place_seen(core) == ("", "V9")


@pytest.mark.parametrize("end", [_A.DISCHARGE, _A.CANCEL])
def test_given_a_visit_that_is_over_then_a_new_order_is_not_in_it(
    core: Core, end: VisitAction
) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1")))
    core.place(event(end))
    core.place(order())
    assert place_seen(core) == ("", "")


def test_given_a_visit_to_come_and_one_at_hand_then_the_order_is_of_the_one_at_hand(
    core: Core,
) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1"), at=EARLY))
    core.place(event(_A.PREADMIT, details("V2", "WARD 2"), at=LATE))
    core.place(order())
    assert place_seen(core) == ("WARD 1", "V1")


def test_given_an_order_before_the_admission_then_the_visit_takes_it_in(core: Core) -> None:
    core.place(order())
    core.place(event(_A.ADMIT, details("V1", "WARD 1")))
    assert place_seen(core) == ("WARD 1", "V1")
    core.place(event(_A.TRANSFER, details("V1", "WARD 2")))
    assert place_seen(core) == ("WARD 2", "V1")


def test_given_another_patients_visit_then_the_order_is_not_in_it(core: Core) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1"), who=patient("P2")))
    core.place(order())
    assert place_seen(core) == ("", "")


# --- how it ends


def test_given_a_discharge_and_its_cancel_then_the_visit_ends_and_orders_stay(core: Core) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1")), placed("V1"))
    core.place(event(_A.DISCHARGE, details("V1", "HOME")))
    assert (visit_of(core).status, place_seen(core)) == (_S.FINISHED, ("WARD 1", "V1"))
    core.place(event(_A.REOPEN, details("V1", "WARD 2")))
    assert (visit_of(core).status, place_seen(core)) == (_S.IN_PROGRESS, ("WARD 1", "V1"))


def test_given_a_discharge_without_numbers_then_it_is_of_the_current_visit(core: Core) -> None:
    core.place(event(_A.ADMIT, details("V1")))
    core.place(event(_A.DISCHARGE, details("")))
    assert visit_of(core).status is _S.FINISHED
    core.place(event(_A.REOPEN, details("")))
    assert visit_of(core).status is _S.IN_PROGRESS


def test_given_a_cancelled_admission_then_its_orders_are_flagged_and_not_cancelled(
    core: Core,
) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1")), placed("V1"))
    core.place(order("NW", procedure("1.2.2"), accession="A2", AdmissionID="V2"))
    core.place(event(_A.CANCEL))
    assert visit_of(core).status is _S.CANCELLED
    assert core.statuses() == {"S1": "SCHEDULED"}
    assert core.held_order().flag == "its visit was cancelled (A99)"
    assert core.held_order("A2").flag == ""
    assert len(core.worklist()) == 2
    assert core.warnings() == ["PV1^1: orders of the visit stand and are flagged"]


def test_given_an_admission_after_its_cancel_then_the_flag_is_gone(core: Core) -> None:
    core.place(event(_A.ADMIT), placed("V1"), event(_A.CANCEL))
    core.place(event(_A.ADMIT, details("V1", "WARD 1")))
    assert (core.held_order().flag, visit_of(core).status) == ("", _S.IN_PROGRESS)


def test_given_a_cancel_before_the_admission_it_cancels_then_the_visit_stays_cancelled(
    core: Core,
) -> None:
    core.place(event(_A.CANCEL, at=NOON))
    core.send(event(_A.ADMIT, details("V1", "WARD 1"), at=EARLY))
    assert visit_of(core).status is _S.CANCELLED


# --- the patient comes


def test_given_an_arrival_then_the_steps_of_that_day_have_arrived(core: Core) -> None:
    today, tomorrow = step("S1"), step("S2", start_date="20260106")
    core.place(order("NW", procedure("1.2.1", "R1", today, tomorrow)))
    core.place(event(_A.ARRIVE, details("", "RADIOLOGY"), day="20260105"))
    assert core.statuses() == {"S1": "ARRIVED", "S2": "SCHEDULED"}
    assert {item["sps_id"]: item["status"] for item in core.worklist()} == {
        "S1": "ARRIVED",
        "S2": "SCHEDULED",
    }


def test_given_an_arrival_then_other_patients_and_started_steps_stay(core: Core) -> None:
    core.place(order(), order("NW", procedure("1.2.2"), who=patient("P2"), accession="A2"))
    core.place(order("SC", status="IP"))
    before = core.statuses()
    core.place(event(_A.ARRIVE))
    assert core.statuses() == before
    assert core.statuses("A2") == {"S1": "SCHEDULED"}


def test_given_a_departure_then_no_step_changes(core: Core) -> None:
    core.place(order())
    core.place(event(_A.ARRIVE))
    core.place(event(_A.DEPART, details("", "WARD 1")))
    assert core.statuses() == {"S1": "ARRIVED"}


# --- class, account and number


def test_given_a_change_of_class_then_the_orders_are_of_the_new_account(core: Core) -> None:
    core.place(event(_A.ADMIT, details("V1", "OPD", "ACC0", "O")), placed("V1", "ACC0"))
    core.place(
        event(
            _A.CHANGE_CLASS,
            details("V2", "WARD 1", "ACC1", "I"),
            previous=numbers("V1", "ACC0"),
        )
    )
    found = visit_of(core)
    assert (found.numbers, found.patient_class) == (numbers("V2", "ACC1"), "I")
    assert place_seen(core) == ("WARD 1", "V2")
    assert core.held_order().visit == numbers("V2", "ACC1")


def renumbered(
    previous: str, current: str, *, account: bool = False, merges: bool = False, at: str = ""
) -> VisitRenumbered:
    was, now = number(previous), number(current)
    assert was is not None
    assert now is not None
    return VisitRenumbered(
        event="A50",
        patient=patient(),
        previous=was,
        current=now,
        is_account=account,
        merges=merges,
        occurred_at=at,
        location="MRG^1^5",
    )


def test_given_another_visit_number_then_orders_and_those_to_come_show_it(core: Core) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1")), placed("V1"))
    core.place(renumbered("V1", "V2"))
    assert place_seen(core) == ("WARD 1", "V2")
    core.place(placed("V1", accession="A2"))
    assert {item["admission"] for item in core.worklist()} == {"V2"}
    core.place(placed("V1", control="XO"))
    assert core.held_order().visit == numbers("V2")
    core.place(event(_A.TRANSFER, details("V1", "WARD 2")))
    assert {item["location"] for item in core.worklist()} == {"WARD 2"}
    assert visit_of(core).numbers == numbers("V2")


def test_given_another_account_number_then_the_orders_of_the_account_have_it(core: Core) -> None:
    core.place(placed("", "ACC0"))
    core.place(renumbered("ACC0", "ACC1", account=True))
    assert place_seen(core) == ("", "ACC1")


def test_given_a_number_that_another_visit_has_then_a_change_to_it_is_refused(core: Core) -> None:
    core.place(event(_A.ADMIT, details("V1")), event(_A.ADMIT, details("V2")))
    answer = core.send(renumbered("V1", "V2"))
    assert (answer.code, answer.location) == ("205", "MRG^1^5")
    assert len(visits(core)) == 2


def test_given_two_visits_that_are_one_then_they_are_joined(core: Core) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1", "", "I"), at=EARLY), placed("V1"))
    core.place(event(_A.ADMIT, details("V2", "WARD 2"), at=NOON))
    core.place(renumbered("V1", "V2", merges=True))
    found = visit_of(core)
    assert found.numbers == numbers("V2")
    assert found.attributes == {"CurrentPatientLocation": "WARD 2"}
    assert place_seen(core)[1] == "V2"


def test_given_a_change_of_an_unknown_number_then_it_is_kept_for_orders_to_come(
    core: Core,
) -> None:
    core.place(renumbered("V1", "V2"))
    core.place(placed("V1"))
    assert place_seen(core) == ("", "V2")


def test_given_the_same_change_again_then_nothing_changes(core: Core) -> None:
    core.place(event(_A.ADMIT, details("V1")), renumbered("V1", "V2"))
    before = visits(core)
    assert core.send(renumbered("V1", "V2")).disposition is Disposition.NOTED
    assert visits(core) == before


def test_given_both_numbers_alike_then_it_is_refused(core: Core) -> None:
    assert core.send(renumbered("V1", "V1")).code == "205"


# --- accounts and visits of another patient


def moved(
    to: str,
    source: str = "P1",
    visit: str = "",
    account: str = "",
    after: VisitNumbers | None = None,
) -> VisitsMoved:
    return VisitsMoved(
        event="A45" if visit else "A44",
        patient=patient(to),
        previous=(Identifier(source, HOSP),) if source else (),
        account=number(account),
        visit=number(visit),
        numbers=after or numbers(),
        location="MRG^1^1",
    )


def test_given_an_account_that_moves_then_its_orders_are_the_other_patients(core: Core) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1", "ACC1")))
    core.place(placed("V1"), order("NW", procedure("1.2.2"), accession="A2", AdmissionID="V9"))
    core.place(moved("P2", account="ACC1"))
    assert {item["accession"]: item["patient_id"] for item in core.worklist()} == {
        "A1": "P2",
        "A2": "P1",
    }
    assert [v.numbers for v in visits(core, "P2")] == [numbers("V1", "ACC1")]
    assert visits(core) == ()


def test_given_a_visit_that_moves_then_only_its_orders_do(core: Core) -> None:
    core.place(placed("V1", "ACC1"))
    core.place(placed("V2", "ACC1", accession="A2"))
    core.place(moved("P2", visit="V1", after=numbers("V1", "ACC2")))
    assert core.held_order("A1").visit == numbers("V1", "ACC2")
    assert {item["accession"]: item["patient_id"] for item in core.worklist()} == {
        "A1": "P2",
        "A2": "P1",
    }


def test_given_a_visit_that_moves_to_another_account_of_its_patient(core: Core) -> None:
    core.place(placed("V1", "ACC1"))
    core.place(moved("P1", "", visit="V1", after=numbers("V1", "ACC2")))
    assert core.held_order().visit == numbers("V1", "ACC2")
    assert core.entry()["patient_id"] == "P1"


def test_given_an_account_that_is_where_it_moves_to_then_it_is_refused(core: Core) -> None:
    core.place(placed("", "ACC1"))
    answer = core.send(moved("P1", account="ACC1"))
    assert (answer.code, answer.location) == ("205", "MRG^1^1")


def test_given_a_move_of_what_nobody_knows_then_the_account_is_kept_and_said_so(
    core: Core,
) -> None:
    core.place(moved("P2", "NOBODY", account="ACC1"))
    assert visit_of(core, "P2").numbers == numbers("", "ACC1")
    assert core.warnings() == ["MRG^1^1: nothing is known of what moves"]


def test_given_the_same_move_again_then_nothing_changes(core: Core) -> None:
    core.place(placed("V1", "ACC1"), event(_A.ADMIT, details("V1", None, "ACC1")))
    core.place(moved("P2", account="ACC1"))
    before = (visits(core, "P2"), core.worklist())
    assert core.send(moved("P2", account="ACC1")).disposition is Disposition.NOTED
    assert (visits(core, "P2"), core.worklist()) == before


def test_given_a_published_study_then_it_moves_with_its_order_and_the_ehr_hears(
    core: Core,
) -> None:
    core.place(placed("V1", "ACC1"))
    core.image()
    core.settle()
    core.deliver()
    core.place(moved("P2", account="ACC1"))
    (delivery,) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
    published = core.outbox.gather(delivery)
    assert isinstance(published, PublishedStudy)
    assert published.patient.patient_id.value == "P2"


def test_given_images_that_still_come_for_a_moved_order_then_they_match_it(core: Core) -> None:
    """The modality was given the entry before the move: its images name the patient of then."""
    core.place(placed("V1", "ACC1"))
    core.place(moved("P2", account="ACC1"))
    core.image(patient_id="P1", name="TRAN^P1")
    core.settle()
    assert core.matched_accessions() == ["A1"]


# --- removal of a visit


def test_given_a_visit_with_an_open_order_then_its_removal_is_refused(core: Core) -> None:
    core.place(event(_A.ADMIT, details("V1")), placed("V1"))
    core.place(event(_A.ADMIT, details("V2")))
    gone = PatientRemoved(event="A23", patient=patient(), visit=numbers("V1"))
    answer = core.send(gone)
    assert (answer.code, answer.permanent) == ("206", True)
    core.place(PatientRemoved(event="A23", patient=patient(), visit=numbers("V2")))
    assert [v.numbers for v in visits(core)] == [numbers("V1")]


def test_given_a_visit_nobody_knows_then_its_removal_does_not_drop_the_patient(core: Core) -> None:
    core.place(event(_A.ADMIT, details("V1")))
    answer = core.send(PatientRemoved(event="A23", patient=patient(), visit=numbers("V9")))
    assert (answer.code, answer.location) == ("204", "PV1^1^19")
    assert visit_of(core).numbers == numbers("V1")


# --- what senders leave out


def test_given_a_number_with_and_without_its_authority_then_it_is_the_same_visit(
    core: Core,
) -> None:
    core.place(event(_A.ADMIT, details("V1", "WARD 1")))
    silent = VisitDetails(number=Identifier("V1"), attributes={"CurrentPatientLocation": "WARD 2"})
    core.place(placed("V1"), event(_A.TRANSFER, silent))
    assert place_seen(core) == ("WARD 2", "V1")
    assert len(visits(core)) == 1


def test_given_an_order_that_only_shows_the_admission_id_then_the_visit_moves_it(
    core: Core,
) -> None:
    core.place(order(AdmissionID="V1"))
    core.place(event(_A.TRANSFER, details("V1", "WARD 2")))
    assert place_seen(core) == ("WARD 2", "V1")


# --- races of the table


@pytest.mark.parametrize("action", VisitAction)
@pytest.mark.parametrize("first", VisitAction)
def test_every_event_of_a_visit_may_follow_every_other(
    core: Core, first: VisitAction, action: VisitAction
) -> None:
    core.place(event(first, details("V1", "WARD 1"), at=EARLY), placed("V1"))
    core.place(event(action, details("V1", "WARD 2"), at=NOON))
    visit_of(core)
    assert core.statuses().keys() == {"S1"}


def test_given_an_update_without_a_visit_then_there_is_none(core: Core) -> None:
    core.place(updated(patient()), event(_A.UPDATE, details("", "WARD 1")))
    assert visits(core) == ()
