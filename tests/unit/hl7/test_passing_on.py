"""Given a message that is passed on, then rewritten it says the same to another peer."""

from __future__ import annotations

import pytest

from bridge.hl7.er7 import read
from bridge.hl7.message_writer import Wire
from bridge.hl7.passing_on import UNCHANGED, PassingOn, rewrite

LATIN = (
    "MSH|^~\\&|KIS|HAUS|BRIDGE|HOSP|20260105080000||ADT^A08|M1|P|2.5|7||AL|NE|DEU|8859/1\r"
    "EVN|A08|20260105\r"
    'PID|1||P1^^^HOSP&1.2&ISO||Müller^Änne^^^^^L||19700101|F|||Straße 1^^Köln||""|\r'
    "ZXY|a~b|c^d&e\r"
).encode("latin-1")


def test_given_unchanged_then_the_bytes_are_those_that_came() -> None:
    assert UNCHANGED.payload("1", LATIN, "his") == LATIN


def test_given_a_receiver_in_unicode_then_all_is_there_under_its_own_header() -> None:
    wire = Wire(sending_facility="HOSP", receiving_application="RIS")
    made = rewrite(LATIN, wire, "OURS").decode()
    header, *rest = made.split("\r")
    assert header == (
        "MSH|^~\\&|BRIDGE|HOSP|RIS||20260105080000||ADT^A08|OURS|P|2.5|7||||DEU|UNICODE UTF-8"
    )
    assert rest == LATIN.decode("latin-1").split("\r")[1:]


def test_given_a_receiver_in_ascii_then_names_are_transliterated() -> None:
    made = rewrite(LATIN, Wire(character_set="ASCII"), "OURS")
    assert b"Muller^Anne" in made
    assert made.isascii()
    assert b"?" not in made
    assert read(made).header.field(18) == ""


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (r"a*Sx*S*b", None),
        (r"5 \T\ 6 \.br\ next \H\bold\N\ ", r"5 \T\ 6 \.br\ next \H\bold\N\ "),
        (r"M\XFC\ller", "Müller"),
        (r"M\XFC\ller \T\ Co", r"Müller \T\ Co"),
        ("1 # 2", "1 # 2"),
    ],
)
def test_given_escape_sequences_then_they_mean_the_same(text: str, written: str | None) -> None:
    raw = f"MSH|^~\\&|A|B|C|D|2026||ORU^R01|1|P|2.5||||||8859/1\rNTE|1||{text}\r"
    made = rewrite(raw.encode("latin-1"), Wire(), "OURS")
    note = read(made).first("NTE")
    assert note is not None
    assert note.raw(3) == (text if written is None else written)


def test_given_other_delimiters_then_the_usual_ones_take_their_place() -> None:
    raw = b"MSH#*!%@#A#B#C#D#2026##ADT*A08#1#P#2.5\rPID###7***HOSP@1.2@ISO##Te|st%S%*An^na!X*Y\r"
    made = rewrite(raw, Wire(), "OURS").decode()
    assert made.split("\r")[1] == r"PID|||7^^^HOSP&1.2&ISO||Te\F\st*^An\S\na~X^Y"
    pid, before = read(made.encode()).first("PID"), read(raw).first("PID")
    assert pid is not None
    assert before is not None
    assert pid.field(5, component=2) == before.field(5, component=2) == "An^na"


def test_given_v2_7_then_the_truncation_character_is_escaped() -> None:
    raw = b"MSH|^~\\&|A|B|C|D|2026||ADT^A08|1|P|2.7\rNTE|1||a # b\r"
    assert rewrite(raw, Wire(), "OURS").split(b"\r")[1] == b"NTE|1||a \\P\\ b"


def test_given_a_listener_whose_character_set_is_known_better_then_that_is_believed() -> None:
    raw = "MSH|^~\\&|A|B|C|D|2026||ADT^A08|1|P|2.5||||||8859/1\rPID|||7||Łukasz\r"
    how = PassingOn(wire=Wire(), encodings={"his": "8859/2"})
    assert "Łukasz" in how.payload("1", raw.encode("iso8859-2"), "his").decode()


def test_given_the_same_delivery_then_the_control_id_is_the_same_and_else_another() -> None:
    how = PassingOn(wire=Wire())
    first, again = (how.payload("1", LATIN, "his") for _ in range(2))
    assert first == again
    assert read(how.payload("2", LATIN, "his")).control_id != read(first).control_id
