"""Given the third-party messages beside this checkout, when read, then nothing in them is lost.

The oracles are a naive split into lines and hl7apy, which is asked only about what it can read.
"""

import re
import warnings
from pathlib import Path

import pytest
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message

from bridge.hl7.batch import split
from bridge.hl7.er7 import Er7Error, Message, group, read

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "hl7"
FILES = sorted(CORPUS.glob("*.hl7"))
GOOD = [path for path in FILES if not path.name.startswith("bad_")]
BAD = [path for path in FILES if path.name.startswith("bad_")]

# Not bad in form: the null is legal, and what it means is for the order to say.
FLAWLESS = {"bad_cosyte_null_fields.hl7"}
# What hl7apy does not read: an unknown version, a segment that is not in it, MSH-2 without escape.
REFUSALS = {"UnsupportedVersion", "InvalidName", "InvalidEncodingChars"}

pytestmark = pytest.mark.skipif(not FILES, reason="the corpus is not beside this checkout")


def name_of(path: Path) -> str:
    return path.name


def messages_of(path: Path) -> list[bytes]:
    return list(split(path.read_bytes()).messages)


def naive_lines(raw: bytes) -> list[str]:
    """The segments as a plain split finds them; text that is no segment goes to the one before."""
    text = raw.decode("utf-8", "replace").strip("\ufeff\x0b\x1c\r\n ")
    lines: list[str] = []
    for line in re.split("\r\n|\r|\n", text):
        if re.match(r"[A-Z][A-Z0-9]{2}(\||$)", line) or not lines:
            lines.append(line)
        elif line.strip("\x0b\x1c "):
            lines[-1] += "\n" + line
    return lines


def values_of(segment_text: str) -> list[str]:
    """The values of a segment, without what hl7apy is known to change.

    It puts some components into another order, escapes the escape character again, and takes
    leading zeros off numbers.
    """
    text = segment_text[4:].replace("\\E\\", "\\").replace("\n", " ")
    values = (value.strip().lstrip("0") for value in re.split(r"[|~^&]", text))
    return sorted(value for value in values if value)


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_given_a_good_file_when_read_then_it_yields_its_segments(path: Path) -> None:
    for raw in messages_of(path):
        message = read(raw)

        assert [segment.er7 for segment in message.segments] == naive_lines(raw)
        assert message.message_code
        assert "\ufffd" not in "".join(segment.er7 for segment in message.segments)


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_given_a_good_file_when_grouped_then_no_segment_is_lost_or_doubled(path: Path) -> None:
    for raw in messages_of(path):
        message = read(raw)
        header, groups = group(message)

        members = [segment for part in (header, *groups) for segment in part.segments]
        assert members == list(message.segments)


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_given_a_good_file_when_every_value_is_asked_then_it_is_what_is_written(
    path: Path,
) -> None:
    for raw in messages_of(path):
        message = read(raw)
        for segment in message.segments:
            for number in range(3, len(segment.fields)):
                for index, field in enumerate(segment.repetitions(number)):
                    assert segment.field(number, index) == field.component(1)
                    assert field.components[0] == field.component(1)
                    assert segment.text(number, index) == field.text


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_given_a_good_file_when_hl7apy_reads_it_too_then_the_segments_agree(path: Path) -> None:
    for raw in messages_of(path):
        message = read(raw)
        theirs = read_with_hl7apy(message)

        assert [text[:3] for text in theirs] == [segment.name for segment in message.segments]
        for segment, text in zip(message.segments[1:], theirs[1:], strict=True):
            assert values_of(text) == values_of(segment.er7)


def read_with_hl7apy(message: Message) -> list[str]:
    """The segments as hl7apy reads and writes them, from normalised text."""
    text = "\r".join(segment.er7.replace("\n", " ") for segment in message.segments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            parsed = parse_message(text, find_groups=False)
        except HL7apyException as refusal:
            assert type(refusal).__name__ in REFUSALS
            pytest.skip(f"hl7apy cannot: {type(refusal).__name__}")
        return [child.to_er7() for child in parsed.children]


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_given_a_bad_file_when_read_then_an_error_or_a_warning_says_why(path: Path) -> None:
    try:
        message = read(path.read_bytes())
    except Er7Error as error:
        assert error.location
        assert error.message
    else:
        assert message.warnings or path.name in FLAWLESS
        assert message.segments[0].name == "MSH"
