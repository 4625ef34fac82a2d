"""Given well-formed messages, when hl7apy reads them too, then every value is in the same place.

Where hl7apy is wrong it is no oracle: the table below says where, and why we read otherwise. Each
row shows what hl7apy does, so that a release that does better is seen.
"""

import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from hl7apy.core import Element
from hl7apy.parser import parse_message
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.hl7.er7 import Message, read

HEADER = r"MSH|^~\&|A|B|C|D|20240101||ADT^A08|M1|P|2.5"
Place = tuple[int, int, int, int, int]

# Letters only: hl7apy takes zeros off numbers and leaves escapes. Free structure only where
# no type is known: elsewhere it puts components into another order.
WORD = st.text("abcXYZ", min_size=1, max_size=5)
SUBCOMPONENTS = st.lists(st.just("") | WORD, min_size=1, max_size=3).map("&".join)
COMPONENTS = st.lists(st.just("") | SUBCOMPONENTS, min_size=1, max_size=4).map("^".join)
REPETITIONS = st.lists(COMPONENTS, min_size=1, max_size=3).map("~".join)
FIELDS = st.lists(st.just("") | REPETITIONS, min_size=1, max_size=6).map("|".join)
SEGMENTS = st.lists(st.builds("{}|{}".format, st.sampled_from(["ZDS", "ZQ1"]), FIELDS), max_size=4)
NAMES = st.builds("PID|1||{}^^^{}&1.2&ISO~{}||{}^{}||1980|F".format, WORD, WORD, WORD, WORD, WORD)


def numbered(elements: Sequence[Element]) -> Iterator[tuple[int, Element]]:
    """Elements of a known type have their number in their name; the others stand in order."""
    for position, element in enumerate(elements, start=1):
        found = re.search(r"_(\d+)$", element.name or "")
        yield int(found[1]) if found else position, element


def walk_hl7apy(text: str) -> Iterator[tuple[Place, str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = parse_message(text, find_groups=False)
    for position, segment in enumerate(parsed.children):
        seen: Counter[int] = Counter()
        for number, field in numbered(segment.children if position else ()):
            for component, whole in numbered(field.children):
                for part, value in numbered(whole.children):
                    yield (position, number, seen[number], component, part), value.to_er7()
            seen[number] += 1


def walk_ours(message: Message) -> Iterator[tuple[Place, str]]:
    for position, segment in enumerate(message.segments[1:], start=1):
        for number in range(1, len(segment.fields)):
            for repetition, field in enumerate(segment.repetitions(number)):
                for component in range(1, len(field.components) + 1):
                    for part in range(1, field.er7.count("&") + 2):
                        place = (position, number, repetition, component, part)
                        yield place, segment.field(number, repetition, component, part)


@settings(max_examples=60)
@given(NAMES, SEGMENTS)
def test_given_any_segments_when_both_read_them_then_the_values_agree(
    name: str, segments: list[str]
) -> None:
    text = "\r".join([HEADER, name, *segments])

    theirs = {place: value for place, value in walk_hl7apy(text) if value}
    ours = {place: value for place, value in walk_ours(read(text.encode())) if value}

    assert ours == theirs


@dataclass(frozen=True)
class Disagreement:
    """A message that hl7apy reads wrongly: what it makes of it, and where we find what."""

    reason: str
    message: str
    theirs: str
    path: str
    ours: str
    groups: bool = False


def _with(*segments: str, kind: str = "ADT^A08", version: str = "2.5") -> str:
    return "\r".join([rf"MSH|^~\&|A|B|C|D|20240101||{kind}|M1|P|{version}", *segments])


PATIENT = "PID|1||P1||Doe^Jane||1980|F"
ORDER = ("ORC|NW|1", "OBR|1|1||CT")

DISAGREEMENTS = [
    Disagreement(
        "LF is no line end to it, and all that follows is MSH; senders write it all the same",
        _with(PATIENT).replace("\r", "\n"),
        "UnsupportedVersion",
        "PID-5",
        "Doe",
    ),
    Disagreement(
        "CR LF leaves it a segment without a name",
        _with(PATIENT, "").replace("\r", "\r\n"),
        "InvalidName",
        "PID-5",
        "Doe",
    ),
    Disagreement(
        "a byte order mark is no reason to refuse",
        "\ufeff" + _with(PATIENT),
        "ParserError",
        "PID-5",
        "Doe",
    ),
    Disagreement(
        "with groups it drops Z segments, and so the Study Instance UID, without a word",
        _with(PATIENT, *ORDER, "ZDS|1.2.3", kind="ORM^O01", version="2.3.1"),
        "loses ZDS",
        "ZDS-1",
        "1.2.3",
        groups=True,
    ),
    Disagreement(
        "with groups it drops what the structure does not foresee, here IPC in an ORM",
        _with(PATIENT, *ORDER, "IPC|A1", kind="ORM^O01"),
        "loses IPC",
        "IPC-1",
        "A1",
        groups=True,
    ),
    Disagreement(
        "a version outside table 0104 is a version that senders write",
        _with(PATIENT, version="2.5.0"),
        "UnsupportedVersion",
        "PID-5",
        "Doe",
    ),
    Disagreement(
        "a version may be missing", _with(PATIENT, version=""), "UnsupportedVersion", "PID-5", "Doe"
    ),
    Disagreement(
        "MSH-2 without the escape character is what v2.1 had",
        _with(PATIENT).replace("^~\\&", "^~&"),
        "InvalidEncodingChars",
        "PID-5.2",
        "Jane",
    ),
    Disagreement(
        "a segment of a later version may stand in a message of an earlier one",
        _with(PATIENT, "TQ1|1||||||20240102", kind="ORM^O01", version="2.3"),
        "InvalidName",
        "TQ1-7",
        "20240102",
    ),
    Disagreement(
        "TQ1 of v2.7 breaks it",
        _with(PATIENT, "ORC|NW|1", "TQ1|1", "OBR|1|1||CT", kind="OMG^O19", version="2.7"),
        "TypeError",
        "OBR-4",
        "CT",
    ),
    Disagreement(
        "a text broken by a line end is one text still",
        _with(PATIENT, "NTE|1||one\rtwo"),
        "InvalidName",
        "NTE-3",
        "one\ntwo",
    ),
    Disagreement(
        "an SI is a number to it, and its leading zeros are gone",
        _with("PID|0001||P1||Doe^Jane"),
        "loses 0001",
        "PID-1",
        "0001",
    ),
    Disagreement(
        "an escape sequence that it does not know is escaped once more",
        _with("PID|1||P1||Doe^\\X4A\\ane"),
        "loses Doe^\\X4A\\ane",
        "PID-5.2",
        "Jane",
    ),
    Disagreement(
        "a field beyond the segment's last moves up to it",
        _with(PATIENT + "|" * 40 + "X", version="2.3"),
        "loses " + "|" * 40 + "X",
        "PID-48",
        "X",
    ),
]


@pytest.mark.parametrize("case", DISAGREEMENTS, ids=lambda case: case.reason)
def test_given_what_hl7apy_reads_wrongly_when_we_read_it_then_the_value_is_there(
    case: Disagreement,
) -> None:
    assert read(case.message.encode()).get(case.path) == case.ours

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs = parse_message(case.message, find_groups=case.groups).to_er7()
        except Exception as refusal:
            assert type(refusal).__name__ == case.theirs
        else:
            assert case.theirs.removeprefix("loses ") not in theirs
