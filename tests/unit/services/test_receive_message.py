"""A message is applied once, whole or not at all, written down always, and answered after that."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from bridge.domain.errors import BridgeError, ResourceBusy
from bridge.domain.events import Noted
from bridge.domain.journal import Disposition
from bridge.domain.sender_options import SenderOptions, UnknownOrder
from bridge.services.receive_message import InboundMessage
from bridge.store.database import Database
from tests.unit.services.core import (
    Core,
    merge,
    order,
    patient,
    procedure,
    read_answer,
    updated,
    write_answer,
)

REFUSING = SenderOptions(unknown_order=UnknownOrder.REFUSE)


def mentioning(core: Core, value: str) -> list[str]:
    rows = core.store.read(lambda tx: tx.journal.mentioning(value))
    return [row.control_id for row in rows]


def test_given_an_order_when_received_then_it_is_on_the_worklist_and_in_the_journal(
    core: Core,
) -> None:
    core.place(order())

    assert core.entry()["accession"] == "A1"
    (row,) = core.store.read(lambda tx: tx.journal.mentioning("A1"))
    assert (row.disposition, row.raw, row.peer) == ("applied", b"one message 1", "his 127.0.0.1")
    assert read_answer(row.reply).disposition is Disposition.APPLIED


@pytest.mark.parametrize("value", ["A1", "F1", "N1", "P1", "1.2.1", "M1"])
def test_given_an_order_then_each_of_its_identifiers_finds_the_message(
    core: Core, value: str
) -> None:
    core.place(order(placer="N1", filler="F1"))
    assert mentioning(core, value) == ["M1"]


def test_given_a_merge_then_both_patients_find_the_message(core: Core) -> None:
    core.place(merge(patient("S"), "R"))
    assert mentioning(core, "S") == mentioning(core, "R") == ["M1"]


def test_given_the_same_message_again_then_the_same_reply_and_nothing_is_applied_twice(
    core: Core,
) -> None:
    first = core.send(order(), raw=b"MSH|1")
    core.place(order("XO", procedure(code="CTNECK")))
    again = core.send(order(), raw=b"MSH|1")

    assert again == first
    assert core.entry()["code"] == "CTNECK"
    assert [disposition for disposition, _ in core.journal()] == ["applied", "applied", "duplicate"]


def test_given_a_control_id_used_twice_for_other_content_then_both_are_applied(core: Core) -> None:
    for accession, uid in (("A1", "1.2.1"), ("A2", "1.2.2")):
        event = order("NW", procedure(uid), accession=accession)
        assert core.send(event, raw=accession.encode()).disposition is Disposition.APPLIED
    assert len(core.worklist()) == 2


def test_given_an_error_in_one_event_then_all_of_the_message_is_undone_and_it_is_journaled(
    core: Core,
) -> None:
    answer = core.send(order(), order("SC", status="IP", accession="NONE"), options=REFUSING)

    assert (answer.disposition, answer.code) == (Disposition.REFUSED, "204")
    assert core.worklist() == []
    assert core.journal() == [("refused", "no such order")]
    assert mentioning(core, "A1") == ["M1"]


def test_given_a_refused_message_again_then_it_is_tried_again(core: Core) -> None:
    late = order("SC", status="IP")
    refused = core.send(late, raw=b"MSH|1", options=REFUSING)
    assert refused.disposition is Disposition.REFUSED
    core.place(order())
    assert core.send(late, raw=b"MSH|1").disposition is Disposition.APPLIED
    assert core.statuses() == {"S1": "STARTED"}


def test_given_a_message_that_changes_nothing_here_then_it_is_noted_with_its_reason(
    core: Core,
) -> None:
    assert core.send(Noted(reason="a result")).disposition is Disposition.NOTED
    assert core.journal() == [("noted", "a result")]


def test_given_a_message_with_one_applied_event_then_it_is_applied(core: Core) -> None:
    core.place(order(at="20260105120000"))
    stale = order("XO", at="20260105110000")
    assert core.send(stale).disposition is Disposition.STALE
    assert core.send(Noted(reason="x"), stale).disposition is Disposition.STALE
    assert core.send(stale, updated(patient("P9"))).disposition is Disposition.APPLIED


def test_given_an_unreadable_message_then_it_is_journaled_with_the_answer(core: Core) -> None:
    unreadable = InboundMessage(
        protocol="hl7",
        peer="his",
        source="",
        type="",
        control_id="",
        raw=b"\x00garbage",
        received_at=1.0,
    )
    for _ in range(2):
        reply = core.messages.refuse(unreadable, BridgeError("no MSH"), write_answer)
        assert read_answer(reply).disposition is Disposition.REFUSED
    assert core.journal() == [("refused", "no MSH")] * 2


def test_given_a_database_that_cannot_be_written_then_the_sender_is_asked_to_try_again(
    core: Core, database: Database
) -> None:
    def busy(_work: object) -> object:
        raise ResourceBusy("locked")

    database.transact = busy  # type: ignore[method-assign,assignment]

    answer = core.send(order())

    assert (answer.code, answer.permanent) == ("206", False)


def test_given_a_failure_of_the_reply_then_nothing_was_applied(core: Core) -> None:
    """The reply is built inside the transaction: no commit without an answer to give."""
    message = InboundMessage(
        protocol="hl7",
        peer="his",
        source="KIS",
        type="ORM^O01",
        control_id="1",
        raw=b"x",
        received_at=1.0,
    )

    def fail(_receipt: object) -> bytes:
        raise RuntimeError("cannot be said")

    with pytest.raises(RuntimeError):
        core.messages.receive(message, (order(),), fail)
    assert core.worklist() == []
    assert core.journal() == []


def test_given_numbers_of_any_length_then_the_key_of_a_message_stays_short(
    core: Core, database: Database
) -> None:
    core.place(order())
    with database.read() as connection:
        (key,) = connection.execute(text("SELECT dedupe_key FROM message")).scalars()
    assert len(key) <= 200
