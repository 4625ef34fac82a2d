"""A receiver of HL7 v2 is told the newest state of each procedure, once, whatever fails between."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from bridge.domain.delivery import (
    ORDER_KINDS,
    DeliveryState,
    EventKind,
    RetryDecision,
    RetryPolicy,
    Sent,
    TransportError,
)
from bridge.domain.identifiers import Identifier
from bridge.domain.subscription import Subscription
from bridge.domain.told import IN_DOUBT
from bridge.hl7.destination import CurrentWriter, Hl7Destination
from bridge.hl7.er7 import Message, read
from bridge.hl7.message_writer import Wire
from bridge.hl7.order_values import Perspective
from bridge.hl7.sending import Conversation
from bridge.mapping.library import Profiles
from bridge.mapping.outbound import load_outbound_profile
from bridge.services.fence import TakenOver, holding
from bridge.services.resolve_study import ResolveStudy
from bridge.services.tell_of_procedures import ProcedureOutbox
from tests.unit.services.core import Core, order, procedure, report, scheduled, step

UID = "1.2.1"
AGAIN = RetryDecision(DeliveryState.PENDING)
PROFILES = Profiles(load_outbound_profile, ("orm-oru", "omi"))


@dataclass
class Line:
    """A conversation in memory; `fails` says which messages are not confirmed, and how."""

    heard: list[bytes] = field(default_factory=list)
    fails: list[TransportError | None] = field(default_factory=list)
    is_away: bool = False
    answer: bytes = b"MSH|^~\\&|KIS\rMSA|AA|x\r"

    def open(self, _payload: bytes) -> None:
        if self.is_away:
            raise TransportError("nobody is there", permanent=False, unreachable=True)

    def say(self, payload: bytes) -> bytes:
        self.heard.append(payload)
        error = self.fails.pop(0) if self.fails else None
        if error is not None:
            raise error
        return self.answer


class Receiver:
    """A destination of the core whose queue is worked by hand."""

    def __init__(self, core: Core, name: str, profile: str = "orm-oru") -> None:
        self.core, self.name, self.line = core, name, Line()
        kinds = frozenset({*ORDER_KINDS, *EventKind})
        self.outbox = ProcedureOutbox(
            core.store, {name: Subscription(kinds=kinds)}, core.messages, core.clock
        )
        self.destination = Hl7Destination(
            name=name,
            conversation=cast(Conversation, self.line),
            writer=CurrentWriter(PROFILES, profile, Wire()),
            view=Perspective(link="https://v/{study_instance_uid}"),
            retry=RetryPolicy(),
        )

    def work(self, *, record: bool = True) -> list[Message]:
        """Send what is due, each once; `record` False is a process that is killed before it notes.

        Returns the messages that went out.
        """
        before = len(self.line.heard)
        for each in self.outbox.claim(self.name, "node", self.core.now, 60.0, 10):
            news = self.outbox.gather(each)
            try:
                sent = self.destination.send(each, news) if news else Sent(unchanged=True)
            except TransportError as error:
                self.outbox.failed(each, error, AGAIN, self.core.now)
                continue
            if record:
                self.outbox.delivered(each, sent, self.core.now)
        return [read(raw) for raw in self.line.heard[before:]]


def everything(receiver: Receiver) -> list[Message]:
    found: list[Message] = []
    while receiver.core.store.read(
        lambda tx: tx.deliveries.is_due(receiver.name, receiver.core.now)
    ):
        found += receiver.work()
    return found


def said(messages: Sequence[Message], *paths: str) -> list[tuple[str, ...]]:
    return [tuple(each.get(path) for path in paths) for each in messages]


@pytest.fixture
def ris(core: Core) -> Receiver:
    return Receiver(core, "ris")


@pytest.fixture
def ehr(core: Core) -> Receiver:
    return Receiver(core, "ehr")


# --- orders -----------------------------------------------------------------------------------
def test_given_an_order_that_is_carried_out_then_each_state_is_told(
    core: Core, ris: Receiver
) -> None:
    core.place(order(placer="O1"))
    told = everything(ris)
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    told += everything(ris)
    core.end_step("1.9.1", "COMPLETED", scheduled())
    told += everything(ris)
    assert said(told, "ORC-1", "ORC-5", "ORC-2.1", "ORC-3.1") == [
        ("SC", "SC", "O1", "A1"),
        ("SC", "IP", "O1", "A1"),
        ("SC", "CM", "O1", "A1"),
    ]
    assert len({each.control_id for each in told}) == 3


def test_given_a_receiver_that_was_away_then_it_is_told_the_newest_state_once(
    core: Core, ris: Receiver
) -> None:
    core.place(order(placer="O1"))
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    core.end_step("1.9.1", "COMPLETED", scheduled())
    assert len(core.told("ris")) == 3
    assert said(everything(ris), "ORC-5") == [("CM",)]


def test_given_two_procedures_then_each_has_a_message_and_only_what_changed_is_told_again(
    core: Core, ris: Receiver
) -> None:
    core.place(order("NW", procedure("1.2.1", "R1"), procedure("1.2.2", "R2"), placer="O1"))
    assert said(everything(ris), "OBR-19") == [("R1",), ("R2",)]
    core.start_step("1.9.1", "IN PROGRESS", scheduled("1.2.2", rp_id="R2"))
    assert said(everything(ris), "OBR-19", "ORC-5") == [("R2", "IP")]


def test_given_the_second_of_two_is_refused_then_the_first_is_not_said_again(
    core: Core, ris: Receiver
) -> None:
    core.place(order("NW", procedure("1.2.1", "R1"), procedure("1.2.2", "R2"), placer="O1"))
    ris.line.fails = [None, TransportError("AE", permanent=False, response=b"AE")]
    first = ris.work()
    again = ris.work()
    assert said(first + again, "OBR-19") == [("R1",), ("R2",), ("R2",)]
    assert first[1].control_id == again[0].control_id
    assert everything(ris) == []


def test_given_no_answer_then_the_same_message_goes_out_again(core: Core, ris: Receiver) -> None:
    core.place(order(placer="O1"))
    ris.line.fails = [TransportError("silence", permanent=False)]
    ris.work()
    ris.work()
    first, again = ris.line.heard
    assert first == again


def test_given_a_process_that_was_killed_then_what_was_confirmed_is_not_told_again(
    core: Core, ris: Receiver
) -> None:
    core.place(order(placer="O1"))
    ris.work(record=False)
    core.now += 120
    assert ris.work() == []
    assert len(ris.line.heard) == 1


def test_given_a_killed_process_and_no_answer_then_it_is_told_again_under_the_same_control_id(
    core: Core, ris: Receiver
) -> None:
    core.place(order(placer="O1"))
    ris.line.fails = [cast(TransportError, KeyboardInterrupt())]
    with pytest.raises(KeyboardInterrupt):
        ris.work()
    core.now += 120
    ris.work()
    first, again = ris.line.heard
    assert first == again


def test_given_another_node_took_over_then_nothing_is_said_or_noted(
    core: Core, ris: Receiver
) -> None:
    core.place(order(placer="O1"))
    (each,) = ris.outbox.claim("ris", "stopped", core.now, 60.0, 10)
    news = ris.outbox.gather(each)
    assert news is not None
    with holding(lambda: False), pytest.raises(TakenOver) as caught:
        ris.destination.send(each, news)
    assert not caught.value.may_have_overwritten
    assert ris.line.heard == []
    assert core.store.read(lambda tx: tx.told_procedures.of("ris", each.subject)) == {}


def test_given_another_node_took_over_under_a_message_then_what_it_noted_stands(
    core: Core, ris: Receiver
) -> None:
    core.place(order(placer="O1"))
    (each,) = ris.outbox.claim("ris", "stopped", core.now, 60.0, 10)
    news = ris.outbox.gather(each)
    assert news is not None
    with holding(lambda: not ris.line.heard), pytest.raises(TakenOver) as caught:
        ris.destination.send(each, news)
    assert caught.value.may_have_overwritten
    told = core.store.read(lambda tx: tx.told_procedures.of("ris", each.subject))
    assert [*told.values()] == [IN_DOUBT]


def test_given_a_state_in_doubt_that_is_no_more_then_the_old_one_is_told_again(
    core: Core, ris: Receiver
) -> None:
    core.place(order(placer="O1"))
    everything(ris)
    core.place(order("HD", placer="O1"))
    ris.line.fails = [TransportError("silence", permanent=False)]
    assert said(ris.work(), "ORC-5") == [("HD",)]
    core.place(order("RL", placer="O1"))
    assert said(everything(ris), "ORC-5") == [("SC",)]


def test_given_nobody_was_there_then_nothing_is_in_doubt(core: Core, ehr: Receiver) -> None:
    place_and_scan(core)
    ehr.line.is_away = True
    ehr.work()
    unlink(core)
    ehr.line.is_away = False
    assert everything(ehr) == []


def test_given_a_cancelled_order_then_the_filler_cancels(core: Core, ris: Receiver) -> None:
    core.place(order(placer="O1"))
    everything(ris)
    core.place(order("CA", placer="O1"))
    assert said(everything(ris), "ORC-1", "ORC-5", "OBR-25") == [("OC", "CA", "X")]


def test_given_steps_that_differ_then_each_has_its_own_values(core: Core) -> None:
    ris = Receiver(core, "ris", "omi")
    first = step("S1", attributes={"ScheduledProcedureStepLocation": "ROOM 1"})
    core.place(order("NW", procedure("1.2.1", "R1", first, step("S2", modality="MR"))))
    (told,) = everything(ris)
    ipcs = [(each.field(4), each.field(5), each.field(8)) for each in told.all("IPC")]
    assert ipcs == [("S1", "CT", "ROOM 1"), ("S2", "MR", "")]


ORR = "MSH|^~\\&|KIS|HAUS|||2026||ORR^O02|R1|P|2.3.1\rMSA|AA|x\r{}"


@pytest.mark.parametrize(
    ("groups", "number"),
    [
        ("ORC|NA|O77^KIS|A1^HOSP\r", "O77"),
        ("ORC|NA|O1|A2^HOSP\rORC|NA|O77|A1^HOSP\r", "O77"),
        ("ORC|NA|O77\r", "O77"),
        ("ORC|OK|O77^KIS|A1^HOSP\r", ""),
        ("ORC|NA||A1^HOSP\r", ""),
        ("ORC|NA|O77^KIS|A2^HOSP\r", ""),
    ],
)
def test_given_an_order_that_nobody_placed_when_its_placer_assigns_a_number_then_it_has_it(
    core: Core, ris: Receiver, groups: str, number: str
) -> None:
    core.place(order())
    ris.line.answer = ORR.format(groups).encode()
    (asked,) = ris.work()
    assert (asked.get("ORC-1"), asked.get("ORC-2")) == ("SN", "")
    placer = core.held_order().numbers.placer
    assert (placer.value if placer else "") == number
    assert core.statuses() == {"S1": "SCHEDULED"}


def test_given_an_order_that_has_a_number_then_it_keeps_it(core: Core, ris: Receiver) -> None:
    core.place(order(placer="O1"))
    ris.line.answer = ORR.format("ORC|NA|O77^KIS|A1^HOSP\r").encode()
    everything(ris)
    placer = core.held_order().numbers.placer
    assert placer is not None
    assert placer.value == "O1"


# --- studies ----------------------------------------------------------------------------------
def place_and_scan(core: Core) -> None:
    core.place(order(placer="O1"))
    core.image()
    core.settle()


def resolve(core: Core) -> ResolveStudy:
    return ResolveStudy(store=core.store, reconcile=core.reconcile, clock=core.clock)


def unlink(core: Core) -> None:
    resolve(core).unlink(UID, "dr.an", "another patient")


def test_given_a_study_then_its_order_has_a_result_with_a_link(core: Core, ehr: Receiver) -> None:
    place_and_scan(core)
    (told,) = everything(ehr)
    assert (told.message_code, told.get("OBR-18"), told.get("OBR-25")) == ("ORU", "A1", "R")
    assert [each.field(5) for each in told.all("OBX")] == [UID, "1", f"https://v/{UID}"]


def test_given_a_late_image_then_the_result_is_told_again_with_its_number(
    core: Core, ehr: Receiver
) -> None:
    place_and_scan(core)
    first = everything(ehr)
    core.image("1.2.1.1.2")
    core.settle()
    again = everything(ehr)
    assert [each.all("OBX")[1].field(5) for each in (*first, *again)] == ["1", "2"]


def test_given_a_study_that_was_matched_wrongly_then_it_is_taken_back_where_it_was_told_of(
    core: Core, ehr: Receiver
) -> None:
    place_and_scan(core)
    everything(ehr)
    core.place(order("NW", procedure("1.2.7", "R7"), accession="A7", placer="O7"))
    unlink(core)
    (taken_back,) = everything(ehr)
    assert (taken_back.get("OBR-18"), taken_back.get("OBX-11")) == ("A1", "W")
    assert taken_back.is_null("OBX[2]-5")
    resolve(core).link(UID, [Identifier("A7")], "dr.an", "seen on the request form")
    (right,) = everything(ehr)
    assert (right.get("OBR-18"), right.get("OBR-25")) == ("A7", "R")
    assert everything(ehr) == []


def test_given_a_study_that_is_moved_while_the_receiver_is_away_then_both_orders_are_told(
    core: Core, ehr: Receiver
) -> None:
    place_and_scan(core)
    everything(ehr)
    core.place(order("NW", procedure("1.2.7", "R7"), accession="A7", placer="O7"))
    unlink(core)
    resolve(core).link(UID, [Identifier("A7")], "dr.an", "seen on the request form")
    told = everything(ehr)
    assert sorted(said(told, "OBR-18", "OBR-25")) == [("A1", "C"), ("A7", "R")]


def test_given_a_result_in_doubt_then_it_is_taken_back_as_well(core: Core, ehr: Receiver) -> None:
    place_and_scan(core)
    ehr.line.fails = [TransportError("silence", permanent=False)]
    ehr.work()
    unlink(core)
    assert said(everything(ehr), "OBX-11") == [("W",)]


def test_given_a_result_that_was_refused_then_there_is_nothing_to_take_back(
    core: Core, ehr: Receiver
) -> None:
    place_and_scan(core)
    ehr.line.fails = [TransportError("AR", permanent=True, response=b"AR", answered="AR")]
    ehr.work()
    unlink(core)
    assert everything(ehr) == []


def test_given_a_state_that_was_refused_then_the_one_before_is_not_told_again(
    core: Core, ris: Receiver
) -> None:
    core.place(order(placer="O1"))
    everything(ris)
    core.place(order("HD", placer="O1"))
    ris.line.fails = [TransportError("AE", permanent=False, response=b"AE", answered="AE")]
    ris.work()
    core.place(order("RL", placer="O1"))
    assert everything(ris) == []


def test_given_a_group_of_orders_then_each_has_its_result(core: Core, ehr: Receiver) -> None:
    core.place(order("NW", procedure("1.2.1", "R1"), placer="O1"))
    core.place(order("NW", procedure("1.2.2", "R2"), accession="A2", placer="O2"))
    core.image()
    core.start_step("1.9.1", "IN PROGRESS", scheduled(), scheduled("1.2.2", "S1", "A2", "R2"))
    core.performed.update(
        report(
            "1.9.1",
            "COMPLETED",
            scheduled(),
            scheduled("1.2.2", "S1", "A2", "R2"),
            instances=("1.2.1.1.1",),
        ),
        "CT01",
    )
    core.settle()
    told = everything(ehr)
    assert sorted(said(told, "OBR-18")) == [("A1",), ("A2",)]


def test_given_any_message_then_its_control_id_fits_every_version(
    core: Core, ris: Receiver
) -> None:
    core.place(order(placer="O1"))
    (told,) = everything(ris)
    assert re.fullmatch("[A-Z0-9]{20}", told.control_id)
