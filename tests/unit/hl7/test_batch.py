"""Given a payload, when taken apart, then each message is whole and miscounts are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.hl7.batch import split

FIRST = b"MSH|^~\\&|A\rPID|1\r"
SECOND = b"MSH|^~\\&|B\rPID|2\r"
FHS, BHS = b"FHS|^~\\&|S\r", b"BHS|^~\\&|S\r"


@given(st.binary(max_size=100))
def test_given_a_single_message_when_split_then_it_is_the_same_object(rest: bytes) -> None:
    payload = b"MSH|" + rest.replace(b"MSH", b"")

    assert split(payload).messages == (payload,)
    assert split(payload).messages[0] is payload


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_given_a_file_of_batches_when_split_then_the_messages_come_in_order(end: bytes) -> None:
    payload = FHS + BHS + FIRST + SECOND + b"BTS|2\r" + BHS + FIRST + b"BTS|1\rFTS|2\r"

    batch = split(payload.replace(b"\r", end))

    assert batch.messages == tuple(m.replace(b"\r", end) for m in (FIRST, SECOND, FIRST))
    assert batch.warnings == ()


def test_given_wrong_counts_when_split_then_the_messages_come_with_warnings() -> None:
    batch = split(FHS + BHS + FIRST + b"BTS|3\rFTS|5\r")

    assert batch.messages == (FIRST,)
    assert batch.warnings == (
        "BTS-1 does not agree: there are 1 messages",
        "FTS-1 does not agree: there are 1 batches",
    )


def test_given_messages_without_a_batch_header_when_split_then_each_comes() -> None:
    assert split(FIRST + SECOND).messages == (FIRST, SECOND)


def test_given_a_batch_without_trailer_or_messages_when_split_then_nothing_fails() -> None:
    assert split(BHS + FIRST).messages == (FIRST,)
    assert split(BHS + b"BTS|0\r").messages == ()
    assert split(BHS + b"PID|1\r" + FIRST).messages == (FIRST,)
    assert split(b"FHS").messages == ()
    assert split(b"ZZZ|1\r" + FIRST).messages == (FIRST,)


@given(st.binary(max_size=200))
def test_given_any_bytes_in_a_batch_when_split_then_it_never_fails(rest: bytes) -> None:
    assert isinstance(split(b"FHS|" + rest).messages, tuple)


def test_given_batches_when_split_then_it_is_known_what_stood_in_which() -> None:
    batch = split(FHS + BHS + FIRST + SECOND + b"BTS|2\r" + BHS + b"BTS|0\r" + FIRST + b"FTS|2\r")

    assert batch.file_header == FHS.strip()
    assert [(part.header, part.size) for part in batch.parts] == [
        (BHS.strip(), 2),
        (BHS.strip(), 0),
        (b"", 1),
    ]
    assert sum(part.size for part in batch.parts) == len(batch.messages)
    assert batch.is_wrapped
    assert batch.warnings == ()
    assert not split(FIRST).is_wrapped
    assert not split(FIRST + SECOND).is_wrapped


def test_given_a_batch_without_its_trailer_when_split_then_that_is_told() -> None:
    assert split(BHS + FIRST).warnings == ("a batch ends without BTS",)
    assert split(BHS + FIRST + BHS + SECOND + b"BTS|1\r").warnings == ("a batch ends without BTS",)
