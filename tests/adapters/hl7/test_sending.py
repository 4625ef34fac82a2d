"""Given receivers that answer well, badly, late or not at all, what becomes of a message."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest

from bridge.domain.delivery import TransportError
from bridge.hl7.acknowledgement import parse
from bridge.hl7.answer_writer import Heading
from bridge.hl7.framing import frame
from bridge.hl7.persistent_connection import Address, PersistentConnection
from bridge.hl7.receiver_answers import Policy
from bridge.hl7.sending import Conversation
from tests.adapters.hl7.receiver import (
    AA,
    HOST,
    Line,
    Receiver,
    answer,
    closes_half,
    drips,
    hangs_up,
    receiver,
    says,
    says_bytes,
    says_nothing,
)

PATIENCE = 0.4
ERR = "ERR||PID^1^3|101^Required field missing^HL70357|E||||no such patient"


def message(control_id: str, accept: str = "", application: str = "") -> bytes:
    header = f"MSH|^~\\&|BRIDGE|HOSP|KIS|HAUS|20260105||ORM^O01|{control_id}|P|2.5.1|||"
    return f"{header}{accept}|{application}\rPID|1||P1\r".encode()


def talk_to(port: int, policy: Policy | None = None, timeout: float = PATIENCE) -> Conversation:
    return Conversation(
        connection=PersistentConnection(Address(host=HOST, port=port, timeout=timeout)),
        heading=lambda: Heading(now=datetime(2026, 1, 5, tzinfo=UTC), control_id="OURS"),
        policy=policy or Policy(),
    )


@contextmanager
def talking(*script: Line, policy: Policy | None = None) -> Iterator[tuple[Receiver, Conversation]]:
    with receiver(*script) as kis:
        conversation = talk_to(kis.port, policy)
        try:
            yield kis, conversation
        finally:
            conversation.connection.close()


def refused(conversation: Conversation, payload: bytes) -> TransportError:
    with pytest.raises(TransportError) as caught:
        conversation.say(payload)
    assert caught.value.request == payload
    return caught.value


def test_given_messages_that_are_accepted_then_one_connection_serves_them_all() -> None:
    with talking() as (kis, conversation):
        for number in range(5):
            assert parse(conversation.say(message(f"M{number}"))).control_id == f"M{number}"
        assert kis.connections == 1


@pytest.mark.parametrize(
    ("code", "policy", "final"),
    [
        ("AE", Policy(), False),
        ("CE", Policy(), False),
        ("AR", Policy(), True),
        ("CR", Policy(), True),
        ("AE", Policy(error_is_final=True), True),
        ("AR", Policy(reject_is_final=False), False),
    ],
)
def test_given_a_refusal_then_its_words_are_kept_and_it_is_final_as_configured(
    code: str, policy: Policy, final: bool
) -> None:
    with talking(says(answer(code, ERR)), says(AA), policy=policy) as (kis, conversation):
        error = refused(conversation, message("M1"))
        assert (error.permanent, error.unreachable) == (final, False)
        assert error.message == (
            f"the receiver answered {code}: PID^1^3 101 Required field missing no such patient"
        )
        assert b"no such patient" in error.response
        conversation.say(message("M2"))
        assert kis.connections == 1


def test_given_an_answer_to_an_earlier_message_first_then_it_is_passed_over() -> None:
    late = says(answer("AR", control_id="M0"), AA)
    with talking(late) as (_, conversation):
        assert parse(conversation.say(message("M1"))).control_id == "M1"


def test_given_only_an_answer_to_another_message_then_it_is_no_answer() -> None:
    with talking(says(answer("AA", control_id="M0"))) as (_, conversation):
        error = refused(conversation, message("M1"))
        assert "what came answers another message" in error.message


def test_given_an_answer_that_comes_too_late_then_it_is_never_taken_for_the_next_ones() -> None:
    def late(connection: socket.socket, heard: object) -> None:
        time.sleep(PATIENCE * 1.5)
        with suppress(OSError):
            connection.sendall(frame(answer("AA", control_id="")))

    with talking(late, says(answer("AR"))) as (kis, conversation):
        assert not refused(conversation, message("M1")).permanent
        assert refused(conversation, message("M2")).permanent
        assert kis.connections == 2


@pytest.mark.parametrize("control_id", [None, ""])
def test_given_two_answers_to_one_message_then_the_second_is_nobodys(
    control_id: str | None,
) -> None:
    policy = Policy(needs_control_id=False)
    twice = says(*[answer("AA", control_id=control_id)] * 2)
    with talking(twice, says(answer("AE")), policy=policy) as (_, conversation):
        conversation.say(message("M1"))
        time.sleep(0.05)  # let the second arrive; without it, it would be passed over as well
        assert "AE" in refused(conversation, message("M2")).message


def test_given_an_answer_without_control_id_then_it_counts_only_where_that_is_configured() -> None:
    nameless = says(answer("AA", control_id=""))
    with talking(nameless) as (_, conversation):
        assert "no answer" in refused(conversation, message("M1")).message
    with talking(nameless, policy=Policy(needs_control_id=False)) as (_, conversation):
        assert conversation.say(message("M1"))


@pytest.mark.parametrize(
    ("garbage", "words"),
    [
        (says(b"HTTP/1.1 400 Bad Request"), "the answer is no acknowledgement"),
        (says(b"MSH|^~\\&|KIS\rPID|1\r"), "the answer is no acknowledgement"),
        (says(answer("OK")), "the answer is no acknowledgement"),
        (says_bytes(b"220 ready\r\n"), "bytes came outside of any MLLP frame"),
        (says_bytes(AA), "bytes came outside of any MLLP frame"),
    ],
)
def test_given_garbage_then_it_is_said_what_came_and_the_next_message_goes_elsewhere(
    garbage: Line, words: str
) -> None:
    with talking(garbage, says(AA)) as (kis, conversation):
        error = refused(conversation, message("M1"))
        assert words in error.message
        assert not error.permanent
        assert conversation.say(message("M1"))
        assert kis.connections == 2


@pytest.mark.parametrize("move", [hangs_up, closes_half])
def test_given_a_connection_that_ends_under_a_message_then_it_is_sent_again_in_the_same_bytes(
    move: Line,
) -> None:
    with talking(says(AA), move, says(AA)) as (kis, conversation):
        conversation.say(message("M1"))
        assert parse(conversation.say(message("M2"))).control_id == "M2"
        assert kis.raw == [message("M1"), message("M2"), message("M2")]


def test_given_a_receiver_that_always_hangs_up_then_it_is_not_asked_for_ever() -> None:
    with talking(hangs_up) as (kis, conversation):
        assert not refused(conversation, message("M1")).unreachable
        assert len(kis.raw) == 1


def test_given_a_receiver_that_was_started_anew_meanwhile_then_nothing_is_sent_twice() -> None:
    with receiver() as kis:
        conversation = talk_to(kis.port)
        conversation.say(message("M1"))
        port = kis.port
    with receiver(port=port) as anew:
        conversation.say(message("M2"))
        assert anew.control_ids == ["M2"]
    conversation.connection.close()


def test_given_silence_then_the_next_message_goes_over_another_connection() -> None:
    with talking(says_nothing, says(AA)) as (kis, conversation):
        assert "none came within 0.4 s" in refused(conversation, message("M1")).message
        assert conversation.say(message("M2"))
        assert kis.connections == 2


def test_given_an_answer_that_comes_in_drops_then_the_time_is_that_of_the_whole() -> None:
    with talking(drips(AA, 0.0)) as (_, conversation):
        assert conversation.say(message("M1"))
    with talking(drips(AA, PATIENCE / 8)) as (_, conversation):
        assert "no answer" in refused(conversation, message("M1")).message


def test_given_nobody_then_it_is_unreachable() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
    error = refused(talk_to(port), message("M1"))
    assert error.unreachable
    assert f"cannot connect to {HOST}:{port}" in error.message


# --- enhanced mode ---------------------------------------------------------------------------
CA = answer("CA")


def test_given_the_accept_stage_only_then_its_answer_is_all_that_is_waited_for() -> None:
    with talking(says(CA)) as (_, conversation):
        started = time.monotonic()
        assert b"|CA|" in conversation.say(message("M1", "AL", "NE"))
        assert time.monotonic() - started < PATIENCE


def test_given_both_stages_then_both_answers_are_kept() -> None:
    with talking(says(CA, AA)) as (_, conversation):
        said = conversation.say(message("M1", "AL", "AL"))
        assert said.count(b"MSA|") == 2


def test_given_an_application_that_refuses_what_was_accepted_then_that_counts() -> None:
    with talking(says(CA, answer("AR", ERR))) as (_, conversation):
        error = refused(conversation, message("M1", "AL", "AL"))
        assert error.permanent
        assert "no such patient" in error.message


@pytest.mark.parametrize("second", [says(CA), says(CA, b"what?")])
def test_given_an_application_that_says_nothing_sound_then_accepted_is_delivered(
    second: Line,
) -> None:
    with talking(second, says(CA, AA)) as (_, conversation):
        assert b"|CA|" in conversation.say(message("M1", "AL", "AL"))
        assert b"|AA|" in conversation.say(message("M2", "AL", "AL"))


def test_given_an_application_that_wants_to_be_acknowledged_then_it_is() -> None:
    with talking(says(CA, answer("AA", stage="AL|NE")), says(CA, AA)) as (kis, conversation):
        conversation.say(message("M1", "AL", "AL"))
        conversation.say(message("M2", "AL", "AL"))
        assert [each.message_code for each in kis.messages] == ["ORM", "ACK", "ORM"]
        assert parse(kis.raw[1]).control_id == "9"


def test_given_a_receiver_that_is_asked_for_nothing_then_written_is_delivered() -> None:
    with talking(says_nothing) as (kis, conversation):
        assert conversation.say(message("M1", "NE", "NE")) == b""
        conversation.connection.close()
        wait_for(lambda: kis.control_ids == ["M1"])


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
