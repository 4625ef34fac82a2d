"""Two transactions at the same moment end as if one had come first, on both databases.

The first is stopped at its most delicate point, the second is started until it has ended or waits
for the first, then the first goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select, text

from bridge.domain.appointment import AppointmentAction, AppointmentReceived
from bridge.domain.delivery import EventKind
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.matching import Outcome
from bridge.domain.order import OrderNumbers, StepDetails
from bridge.domain.patient import Patient
from bridge.domain.visit import VisitAction, VisitChanged, VisitDetails
from bridge.services.complete_study import GRACE_SECONDS
from bridge.store.appointments import Appointments
from bridge.store.database import Database
from bridge.store.deliveries import Deliveries
from bridge.store.journal import Journal
from bridge.store.orders import Orders
from bridge.store.parked import Parked
from bridge.store.patient_merges import PatientMerges
from bridge.store.patients import Patients
from bridge.store.repositories import SqlTransaction
from bridge.store.studies import Studies
from bridge.store.tables import appointment
from bridge.store.tables import patient as patient_table
from bridge.store.timers import Timers
from bridge.store.visits import Visits
from bridge.store.worklist import Worklist
from tests.unit.services.core import (
    HOSP,
    SETTLE_SECONDS,
    Core,
    merge,
    order,
    patient,
    procedure,
    scheduled,
    updated,
)

WAITING_FOR_A_LOCK = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
Act = Callable[[], object]


class Race:
    """Runs two acts so that the second begins while the first is in the middle."""

    def __init__(self, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
        self._database = core.database
        self._monkeypatch = monkeypatch

    def run(self, first: Act, stop_after: tuple[type, str], second: Act) -> None:
        reached, go_on = threading.Event(), threading.Event()
        owner, name = stop_after
        original = getattr(owner, name)

        def stopping(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            if not reached.is_set():
                reached.set()
                assert go_on.wait(30)
            return result

        self._monkeypatch.setattr(owner, name, stopping)
        with ThreadPoolExecutor(2) as pool:
            ahead = pool.submit(first)
            while not reached.wait(0.01):
                assert not ahead.done(), ahead.exception() or "the first act never came there"
            behind = pool.submit(second)
            self._until_stuck(behind)
            go_on.set()
            ahead.result()
            behind.result()

    def _until_stuck(self, running: Future[object]) -> None:
        while not running.done() and not self._waits():
            time.sleep(0.005)

    def _waits(self) -> bool:
        if self._database._writer is not None:
            return bool(self._database._writer._waiting)
        with self._database.read() as connection:
            return bool(connection.execute(WAITING_FOR_A_LOCK).scalar_one())


@pytest.fixture
def race(core: Core, monkeypatch: pytest.MonkeyPatch) -> Race:
    return Race(core, monkeypatch)


def claimed(core: Core) -> Any:
    """The settle timer of the one study, due and claimed."""
    core.now += SETTLE_SECONDS
    (fired,) = core.store.transact(lambda tx: tx.timers.claim("node", core.now, 60.0, 10))
    return fired


# --- an order and a study never miss each other


@pytest.mark.parametrize("point", [(Orders, "with_accession_numbers"), (Studies, "decide")])
def test_an_order_that_arrives_while_its_study_is_decided(
    core: Core, race: Race, point: tuple[type, str]
) -> None:
    core.image()
    fired = claimed(core)
    race.run(lambda: core.complete.look(fired, core.now), point, lambda: core.place(order()))
    assert core.outcome() is Outcome.MATCHED
    assert core.told() == [("study.available", "1.2.1")]


@pytest.mark.parametrize("point", [(Orders, "add"), (Studies, "waiting"), (Journal, "add")])
def test_a_study_that_is_decided_while_its_order_arrives(
    core: Core, race: Race, point: tuple[type, str]
) -> None:
    core.image()
    fired = claimed(core)
    race.run(lambda: core.place(order()), point, lambda: core.complete.look(fired, core.now))
    assert core.outcome() is Outcome.MATCHED
    assert core.told() == [("study.available", "1.2.1")]


def test_a_study_that_begins_and_settles_while_its_order_arrives(core: Core, race: Race) -> None:
    def all_of_it() -> None:
        core.image()
        core.settle()

    race.run(lambda: core.place(order()), (Studies, "waiting"), all_of_it)
    core.wait()
    assert core.outcome() is Outcome.MATCHED


def test_a_merge_that_arrives_while_the_study_is_decided(core: Core, race: Race) -> None:
    core.place(order(who=patient("S")), updated(patient("R")))
    core.image(patient_id="R", name="TRAN^S")
    fired = claimed(core)
    race.run(
        lambda: core.complete.look(fired, core.now),
        (Studies, "decide"),
        lambda: core.place(merge(patient("S"), "R")),
    )
    assert core.outcome() is Outcome.MATCHED


def test_two_orders_that_one_waiting_study_concerns(core: Core, race: Race) -> None:
    core.image(accession="A1")
    core.settle()
    race.run(
        lambda: core.place(order("NW", procedure("7.1"), accession="A1")),
        (Studies, "decide"),
        lambda: core.place(order("NW", procedure("1.2.1"), accession="A2")),
    )
    assert core.outcome() in (Outcome.MATCHED, Outcome.CANDIDATES)


# --- nothing that was written is lost


def test_two_changes_of_one_order_are_both_kept(core: Core, race: Race) -> None:
    core.place(order())
    race.run(
        lambda: core.place(order("XO", AdmissionID="V1")),
        (Orders, "with_numbers"),
        lambda: core.place(order("XO", RequestingPhysician="DO^A")),
    )
    assert core.held_order().attributes == {"AdmissionID": "V1", "RequestingPhysician": "DO^A"}


@pytest.mark.parametrize("known_by", [{"accession": "A1"}, {"accession": "", "placer": "N1"}])
def test_a_new_order_that_comes_twice_at_once_is_one_order(
    core: Core, race: Race, known_by: dict[str, str]
) -> None:
    race.run(
        lambda: core.place(order(**known_by)),  # type: ignore[arg-type]
        (Orders, "with_numbers"),
        lambda: core.place(order("NW", procedure(code="CTNECK"), **known_by)),  # type: ignore[arg-type]
    )
    assert [item["code"] for item in core.worklist()] == ["CTNECK"]


@pytest.mark.parametrize("point", [(Orders, "with_numbers"), (Orders, "change_step")])
def test_a_step_that_begins_while_its_order_changes_does_not_go_back(
    core: Core, race: Race, point: tuple[type, str]
) -> None:
    core.place(order())
    race.run(
        lambda: core.place(order("XO", procedure(code="CTNECK"))),
        point,
        lambda: core.start_step("1.9.1", "IN PROGRESS", scheduled()),
    )
    assert core.statuses() == {"S1": "STARTED"}
    assert (core.entry()["status"], core.entry()["code"]) == ("STARTED", "CTNECK")


def test_a_change_while_a_step_begins_does_not_undo_it(core: Core, race: Race) -> None:
    core.place(order())
    race.run(
        lambda: core.start_step("1.9.1", "IN PROGRESS", scheduled()),
        (Orders, "with_steps"),
        lambda: core.place(order("XO", procedure(code="CTNECK"))),
    )
    assert (core.entry()["status"], core.entry()["code"]) == ("STARTED", "CTNECK")


@pytest.mark.parametrize("first", ["order", "step"])
def test_an_order_and_a_step_that_was_performed_for_it(core: Core, race: Race, first: str) -> None:
    def place() -> None:
        core.place(order())

    def start() -> None:
        core.start_step("1.9.1", "IN PROGRESS", scheduled())

    if first == "order":
        race.run(place, (Worklist, "add"), start)
    else:
        race.run(start, (Journal, "add"), place)
    assert core.statuses() == {"S1": "STARTED"}


@pytest.mark.parametrize("point", [(Orders, "add"), (Worklist, "add")])
def test_an_order_for_a_patient_who_is_merged_away_is_the_survivors(
    core: Core, race: Race, point: tuple[type, str]
) -> None:
    core.place(updated(patient("R")), updated(patient("S")))
    race.run(
        lambda: core.place(order(who=patient("R"))),
        point,
        lambda: core.place(merge(patient("S"), "R")),
    )
    assert core.entry()["patient_id"] == "S"


@pytest.mark.parametrize("point", [(PatientMerges, "merge"), (Orders, "of_patient")])
def test_an_order_that_arrives_during_the_merge_is_the_survivors(
    core: Core, race: Race, point: tuple[type, str]
) -> None:
    core.place(updated(patient("R")), updated(patient("S")))
    race.run(
        lambda: core.place(merge(patient("S"), "R")),
        point,
        lambda: core.place(order(who=patient("R"))),
    )
    assert core.entry()["patient_id"] == "S"


@pytest.mark.parametrize("point", [(Patients, "find"), (Patients, "add"), (Journal, "add")])
def test_a_new_patient_in_two_messages_at_once_is_one_patient(
    core: Core, race: Race, point: tuple[type, str]
) -> None:
    race.run(
        lambda: core.place(updated(patient(PatientWeight="60"))),
        point,
        lambda: core.place(updated(patient(PatientSize="1.7"))),
    )
    held = patient_called(core, "P1")
    assert (held.attributes["PatientWeight"], held.attributes["PatientSize"]) == ("60", "1.7")
    assert core.store.read(count_patients) == 1


@pytest.mark.parametrize("point", [(Patients, "find"), (Patients, "add"), (Journal, "add")])
@pytest.mark.parametrize(
    ("first", "second"),
    [(("A", "N"), ("B", "N")), (("A", "N"), ("N", "A")), (("A", "B", "N"), ("N", "C", "B"))],
)
def test_new_patients_at_once_with_one_identifier_in_common_are_one_patient(
    core: Core, race: Race, first: tuple[str, ...], second: tuple[str, ...], point: tuple[type, str]
) -> None:
    def arrive(values: tuple[str, ...]) -> Act:
        one, *more = values
        return lambda: core.place(updated(patient(one, HOSP, *(Identifier(v, HOSP) for v in more))))

    race.run(arrive(first), point, arrive(second))
    assert core.store.read(count_patients) == 1
    known = {each.value for each in patient_called(core, "N").identifiers}
    assert known == {*first, *second}


@pytest.mark.parametrize("point", [(Patients, "find"), (Visits, "of_patient"), (Journal, "add")])
def test_a_new_visit_in_two_messages_at_once_is_one_visit(
    core: Core, race: Race, point: tuple[type, str]
) -> None:
    core.place(updated(patient()))

    def admit(location: str) -> Act:
        details = VisitDetails(
            number=Identifier("V1", HOSP), attributes={"CurrentPatientLocation": location}
        )
        event = VisitChanged(
            event="A01", action=VisitAction.ADMIT, patient=patient(), visit=details
        )
        return lambda: core.place(event)

    race.run(admit("WARD 1"), point, admit("WARD 2"))
    pk = patient_called(core, "P1").pk
    (visit,) = core.store.read(lambda tx: tx.visits.of_patient(pk))
    assert visit.attributes == {"CurrentPatientLocation": "WARD 2"}


@pytest.mark.parametrize("point", [(PatientMerges, "undo"), (Orders, "of_patient")])
def test_an_order_that_arrives_while_its_patients_merge_is_taken_back_is_his(
    core: Core, race: Race, point: tuple[type, str]
) -> None:
    core.place(updated(patient("R")), updated(patient("S")), merge(patient("S"), "R"))
    race.run(
        lambda: core.undo_merge.undo(1, "operator"),
        point,
        lambda: core.place(order(who=patient("R"))),
    )
    assert core.entry()["patient_id"] == "R"


def test_a_transfer_that_arrives_during_an_order_reaches_it(core: Core, race: Race) -> None:
    core.place(updated(patient()))
    details = VisitDetails(attributes={"CurrentPatientLocation": "WARD 2"})
    event = VisitChanged(event="A02", action=VisitAction.TRANSFER, patient=patient(), visit=details)
    race.run(lambda: core.place(order()), (Worklist, "add"), lambda: core.place(event))
    assert core.entry()["location"] == "WARD 2"


def patient_called(core: Core, value: str) -> Patient:
    found = core.store.read(lambda tx: tx.patients.find(Identifier(value, HOSP)))
    assert found is not None
    return found


def count_patients(tx: SqlTransaction) -> int:
    query = select(func.count()).select_from(patient_table)
    return int(tx._connection.execute(query).scalar_one())


def test_an_order_that_arrives_during_a_rename_has_the_new_name(core: Core, race: Race) -> None:
    core.place(updated(patient()))
    race.run(
        lambda: core.place(updated(patient(PatientName="LE^BINH"), at="20260105120000")),
        (Orders, "of_patient"),
        lambda: core.place(order(at="20260105110000")),
    )
    assert core.entry()["name"] == "LE^BINH"


def test_a_rename_that_arrives_during_an_order_reaches_it(core: Core, race: Race) -> None:
    core.place(updated(patient()))
    race.run(
        lambda: core.place(order()),
        (Worklist, "add"),
        lambda: core.place(updated(patient(PatientName="LE^BINH"))),
    )
    assert core.entry()["name"] == "LE^BINH"


def test_a_step_that_begins_during_a_rename_has_the_new_name(core: Core, race: Race) -> None:
    core.place(order())
    race.run(
        lambda: core.place(updated(patient(PatientName="LE^BINH"))),
        (Patients, "change"),
        lambda: core.start_step("1.9.1", "IN PROGRESS", scheduled()),
    )
    assert (core.entry()["name"], core.entry()["status"]) == ("LE^BINH", "STARTED")


def test_the_same_message_twice_at_once_is_applied_once(core: Core, race: Race) -> None:
    answers = []
    race.run(
        lambda: answers.append(core.send(order(), raw=b"MSH|1")),
        (Worklist, "add"),
        lambda: answers.append(core.send(order(), raw=b"MSH|1")),
    )
    assert answers[0] == answers[1]
    assert sorted(disposition for disposition, _ in core.journal()) == ["applied", "duplicate"]


@pytest.mark.parametrize("point", [(Orders, "with_numbers"), (Worklist, "add")])
@pytest.mark.parametrize(
    "known", [("A1", "", ""), ("", "N1", ""), ("", "", "F1"), ("A1", "N1", "")]
)
def test_one_order_in_two_messages_at_once_is_one_order(
    core: Core, race: Race, known: tuple[str, str, str], point: tuple[type, str]
) -> None:
    core.place(updated(patient()))
    accession, placer, filler = known

    def place(code: str, accession: str) -> Act:
        unnamed = procedure("", "", code=code)
        event = order("NW", unnamed, accession=accession, placer=placer, filler=filler)
        return lambda: core.place(event)

    only_placer = "" if placer else accession
    race.run(place("CTHEAD", accession), point, place("CTNECK", only_placer))
    assert core.entry()["code"] == "CTNECK"


# --- no wake-up is lost


@pytest.mark.parametrize("begun", [False, True], ids=["first image", "last image"])
@pytest.mark.parametrize("image_first", [False, True])
def test_the_last_image_and_the_end_of_its_step_at_once_are_told_at_once(
    core: Core, race: Race, begun: bool, image_first: bool
) -> None:
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    instances = ["1.0", "1.1"] if begun else ["1.1"]
    if begun:
        core.image("1.0")

    def end() -> None:
        core.end_step("1.9.1", "COMPLETED", instances=instances)

    def store() -> None:
        core.image("1.1")

    if image_first:
        race.run(store, (Studies, "add_instance"), end)
    else:
        race.run(end, (Journal, "add"), store)
    due = core.store.read(lambda tx: tx.timers.next_due(core.now))
    assert due is not None
    assert due <= core.now + GRACE_SECONDS


@pytest.mark.parametrize("point", [(Orders, "hold_still"), (Timers, "finish"), (Studies, "decide")])
def test_an_image_that_arrives_while_its_study_is_decided_is_told_too(
    core: Core, race: Race, point: tuple[type, str]
) -> None:
    core.place(order())
    core.image("1.1")
    fired = claimed(core)
    race.run(lambda: core.complete.look(fired, core.now), point, lambda: core.image("1.2"))
    core.settle()
    held = core.store.read(lambda tx: tx.studies.find("1.2.1"))
    assert held is not None
    assert held.instance_uids == {"1.1", "1.2"}
    assert (core.outcome(), held.state.value) == (Outcome.MATCHED, "available")
    assert core.deliver()


def test_a_decision_while_an_image_arrives_waits_for_it(core: Core, race: Race) -> None:
    core.place(order())
    core.image("1.1")
    fired = claimed(core)
    race.run(
        lambda: core.image("1.2"),
        (Studies, "add_instance"),
        lambda: core.complete.look(fired, core.now),
    )
    assert core.outcome() is None
    core.settle()
    assert core.outcome() is Outcome.MATCHED


def test_two_first_images_at_once_are_one_study(core: Core, race: Race) -> None:
    race.run(lambda: core.image("1.1"), (Studies, "add_instance"), lambda: core.image("1.2"))
    held = core.store.read(lambda tx: tx.studies.find("1.2.1"))
    assert held is not None
    assert held.instance_uids == {"1.1", "1.2"}


def test_one_image_twice_at_once_is_kept_once(core: Core, race: Race) -> None:
    race.run(lambda: core.image("1.1"), (Studies, "add_instance"), lambda: core.image("1.1"))
    held = core.store.read(lambda tx: tx.studies.find("1.2.1"))
    assert held is not None
    assert [len(series.instances) for series in held.series] == [1]


# --- deliveries


def test_a_lane_is_numbered_in_the_order_it_is_committed_in(core: Core, race: Race) -> None:
    def enqueue(kind: EventKind) -> Act:
        return lambda: core.store.transact(
            lambda tx: tx.deliveries.enqueue("ehr", "study:1", kind, "1", 0.0)
        )

    race.run(
        enqueue(EventKind.STUDY_AVAILABLE),
        (Deliveries, "enqueue"),
        enqueue(EventKind.STUDY_WITHDRAWN),
    )
    assert [kind for kind, _ in core.told()] == ["study.available", "study.withdrawn"]
    assert list(core.deliver()) == ["study.available", "study.withdrawn"]


def test_a_change_that_arrives_while_a_delivery_is_claimed_is_told(core: Core, race: Race) -> None:
    core.place(order())
    core.image()
    core.settle()
    core.deliver()
    core.place(order("XO", procedure(code="CTNECK")))
    taken: list[Any] = []
    race.run(
        lambda: taken.extend(core.outbox.claim("ehr", "node", core.now, 60.0, 10)),
        (Deliveries, "claim"),
        lambda: core.place(order("XO", procedure(code="CTTHORAX"))),
    )
    assert len(taken) == 1
    assert core.told() == [("study.changed", "1.2.1")]


# --- all of it at once


def test_exams_whose_parts_all_arrive_at_once_end_as_they_must(
    open_database: Callable[[], Database],
) -> None:
    """Twelve exams, eight threads: no part is refused, and no exam is left unmatched."""
    first = open_database()
    second = first if first.is_sqlite else open_database()
    nodes = [Core(first), Core(second, node="two")]
    parts: list[Callable[[Core], object]] = []
    for number in range(12):
        parts += parts_of(number)
    Random(7).shuffle(parts)

    def perform(place: int) -> None:
        parts[place](nodes[place % 2])

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(perform, place) for place in range(len(parts))]:
            done.result()
    core = nodes[0]
    core.settle()
    for number in range(12):
        assert core.outcome(f"1.{number}") is Outcome.MATCHED
        assert core.matched_accessions(f"1.{number}") == [f"A{number}"]
        assert core.statuses(f"A{number}") == {"S1": "COMPLETED"}
    assert core.worklist() == []
    assert core.deliver()["study.available"] == 12


def parts_of(number: int) -> list[Callable[[Core], object]]:
    uid, who, accession = f"1.{number}", f"R{number}", f"A{number}"
    named = scheduled(uid, "S1", accession)

    def place(core: Core) -> None:
        core.place(order("NW", procedure(uid), who=patient(who), accession=accession))

    def join(core: Core) -> None:
        core.place(merge(patient(f"S{number}", PatientName=f"TRAN^{who}"), who))

    def perform(core: Core) -> None:
        core.start_step(f"9.{number}", "IN PROGRESS", named, patient_id=who)
        instances = [f"{uid}.{each}" for each in range(3)]
        core.end_step(f"9.{number}", "COMPLETED", instances=instances)

    def image(each: int) -> Callable[[Core], object]:
        return lambda core: core.image(f"{uid}.{each}", uid, patient_id=who, accession=accession)

    def look(core: Core) -> None:
        core.wait()

    return [place, join, perform, image(0), image(1), image(2), look]


# --- a message on an order, and the order itself


@pytest.mark.parametrize("authority", [Authority("KIS"), Authority()], ids=["named", "silent"])
def test_a_status_that_parks_while_its_order_comes_is_applied(
    core: Core, race: Race, authority: Authority
) -> None:
    status = replace(order("SC", status="IP"), numbers=_placed_by(authority))
    race.run(
        lambda: core.send(status),
        (Parked, "add"),
        lambda: core.place(replace(order(), numbers=_placed_by(Authority("KIS")))),
    )
    assert _statuses(core) == {"S1": "STARTED"}


@pytest.mark.parametrize("authority", [Authority("KIS"), Authority()], ids=["named", "silent"])
def test_a_status_while_its_order_is_created_is_applied(
    core: Core, race: Race, authority: Authority
) -> None:
    status = replace(order("SC", status="IP"), numbers=_placed_by(authority))
    race.run(
        lambda: core.place(replace(order(), numbers=_placed_by(Authority("KIS")))),
        (Orders, "add"),
        lambda: core.send(status),
    )
    assert _statuses(core) == {"S1": "STARTED"}


def test_two_messages_of_one_new_appointment_at_once_are_one_appointment(
    core: Core, race: Race
) -> None:
    core.place(order(placer="N1"))
    race.run(
        lambda: core.place(_appointment("20260110", "20260105110000")),
        (Appointments, "add"),
        lambda: core.place(_appointment("20260111", "20260105120000")),
    )
    with core.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(appointment)).scalar() == 1
    assert core.entry()["start"] == "20260111090000"


def _statuses(core: Core) -> dict[str, str]:
    held = core.held_order(accession="", placer="N1")
    return {step.sps_id: step.status.value for part in held.procedures for step in part.steps}


def _placed_by(authority: Authority) -> OrderNumbers:
    return OrderNumbers(placer=Identifier("N1", authority))


def _appointment(date: str, at: str) -> AppointmentReceived:
    return AppointmentReceived(
        action=AppointmentAction.BOOK,
        numbers=(Identifier("AP1", Authority("SCHED")),),
        orders=(OrderNumbers(placer=Identifier("N1", Authority("KIS"))),),
        patient=patient(),
        steps=(StepDetails(start_date=date, start_time="090000"),),
        occurred_at=at,
    )
