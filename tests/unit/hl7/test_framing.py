"""Given a stream of bytes in any pieces, when read, then the frames in it come out whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.hl7.framing import (
    Frame,
    FrameReader,
    FramingEvent,
    Junk,
    Oversize,
    Resync,
    Truncated,
    frame,
)

A = b"MSH|^~\\&|A\r"
B = b"MSH|^~\\&|B\r"


def events_of(stream: bytes, limit: int = 1000) -> list[FramingEvent]:
    reader = FrameReader(limit)
    return reader.feed(stream) + reader.finish()


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (frame(A) + frame(B), [Frame(A), Frame(B)]),
        (b"\x0b" + A + b"\x1c" + frame(B), [Frame(A), Frame(B)]),
        (b"\r\n" + frame(A) + b"\n\r\n", [Frame(A)]),
        (b"hello" + frame(A) + b"xy\r\n", [Junk(5), Frame(A), Junk(2)]),
        (b"\x0bMSH|half" + frame(A), [Resync(8), Frame(A)]),
        (b"\x0bhalf" + frame(b"FHS|"), [Resync(4), Frame(b"FHS|")]),
        (frame(b"MSH|soft\x0bbreak"), [Frame(b"MSH|soft\x0bbreak")]),
        (frame(b""), [Frame(b"")]),
        (frame(A) + b"\x0bMSH|", [Frame(A), Truncated(4)]),
        (b"", []),
    ],
)
def test_given_a_stream_when_read_then_these_events_come(
    stream: bytes, events: list[FramingEvent]
) -> None:
    assert events_of(stream) == events


def test_given_a_frame_over_the_limit_when_read_then_it_is_dropped_and_the_next_one_read() -> None:
    large = b"MSH|" + b"x" * 100

    assert events_of(frame(large) + frame(A), limit=50) == [Oversize(104, large[:50]), Frame(A)]


def test_given_a_frame_of_exactly_the_limit_when_read_then_it_is_taken() -> None:
    assert events_of(frame(b"x" * 50), limit=50) == [Frame(b"x" * 50)]


def test_given_an_endless_frame_when_read_then_little_is_held() -> None:
    reader = FrameReader(limit=1000)
    reader.feed(b"\x0b")

    for _ in range(100):
        assert reader.feed(b"x" * 600) == []
        assert reader.held <= 1600

    assert reader.feed(b"\x1c") == [Oversize(60_000, b"x" * 1000)]
    assert reader.held == 0


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.binary(max_size=60).map(frame),
        st.sampled_from([b"\x0b", b"\x1c", b"\r", b"\x0bMSH|", b"\xef\xbb\xbfMSH", b"\x1c\r\x0b"]),
    ),
    max_size=12,
)


@given(PIECES, st.data())
def test_given_any_stream_when_cut_anywhere_then_the_events_are_the_same(
    pieces: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reader = FrameReader(limit=40)
    events: list[FramingEvent] = []

    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        events += reader.feed(stream[start:end])

    assert events + reader.finish() == events_of(stream, limit=40)


@given(st.lists(st.binary(max_size=60).filter(lambda raw: not {0x0B, 0x1C} & set(raw))))
def test_given_any_payloads_when_framed_and_read_then_they_come_back(payloads: list[bytes]) -> None:
    assert events_of(b"".join(map(frame, payloads))) == [Frame(payload) for payload in payloads]


PAYLOADS = st.binary(max_size=60).filter(lambda raw: not {0x0B, 0x1C} & set(raw))
NOISE = st.binary(max_size=20).map(lambda raw: raw.replace(b"\x0b", b""))


@given(NOISE, st.lists(st.tuples(PAYLOADS, NOISE, st.booleans())))
def test_given_any_noise_between_frames_when_read_then_the_frames_are_the_same(
    before: bytes, frames: list[tuple[bytes, bytes, bool]]
) -> None:
    stream = before
    for payload, noise, ends_in_cr in frames:
        stream += frame(payload) if ends_in_cr else frame(payload)[:-1]
        stream += noise

    found = [event for event in events_of(stream) if isinstance(event, Frame)]
    assert found == [Frame(payload) for payload, _, _ in frames]
    assert not any(isinstance(event, Resync | Truncated) for event in events_of(stream))
