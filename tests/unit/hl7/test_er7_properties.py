"""Given any message at all, when read, then nothing is lost, nothing breaks, and it takes its time
once: the reader's properties, by hypothesis.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.hl7.batch import split
from bridge.hl7.characters import normalize
from bridge.hl7.er7 import Er7Error, Message, group, read
from bridge.hl7.escapes import Delimiters, Encoding, encoding
from bridge.hl7.segments import NULL, Segment

# Every sign that can be a delimiter, and text that holds all of them.
SIGNS = "!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
# Marks would join the letter, or the delimiter, before them.
LETTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn", "Mn", "Mc", "Me"))
TEXT = st.text(LETTERS | st.sampled_from(SIGNS + "\n"), max_size=12)
NAMES = st.from_regex(r"[A-Z][A-Z0-9]{2}", fullmatch=True).filter(
    lambda name: name not in ("MSH", "FHS", "BHS")
)
# Values by field, repetition, component and subcomponent.
VALUES = st.lists(
    st.lists(
        st.lists(st.lists(TEXT, min_size=1, max_size=3), min_size=1, max_size=3),
        min_size=1,
        max_size=3,
    ),
    max_size=4,
)
SEGMENTS = st.lists(st.tuples(NAMES, VALUES), max_size=5)
LINE_ENDS = st.sampled_from(["\r", "\n", "\r\n"])


@st.composite
def delimiters(draw: st.DrawFn) -> Delimiters:
    """Any six signs; the last is the truncation character of v2.7, which may be missing."""
    field, component, repetition, escape, part, last, *_ = draw(st.permutations(SIGNS))
    truncation = draw(st.sampled_from(["", last]))
    return Delimiters(field, component, repetition, escape, part, truncation)


def header(marks: Delimiters, version: str = "2.7") -> str:
    characters = f"{marks.component}{marks.repetition}{marks.escape}{marks.subcomponent}"
    fields = [characters + marks.truncation, "A", "B", "C", "D", "2024", "", "ADT", "1", "P"]
    rest = [version, "", "", "", "", "", "UNICODE UTF-8"]
    return "MSH" + marks.field + marks.field.join([*fields, *rest])


def write(segments: list[tuple[str, list[list[list[list[str]]]]]], how: Encoding) -> list[str]:
    marks = how.delimiters
    lines = []
    for name, fields in segments:
        written = [
            marks.repetition.join(
                marks.component.join(
                    marks.subcomponent.join(map(how.escape, parts)) for parts in rep
                )
                for rep in repetitions
            )
            for repetitions in fields
        ]
        lines.append(marks.field.join([name, *written]))
    return lines


@given(delimiters(), SEGMENTS, LINE_ENDS)
def test_given_any_values_and_delimiters_when_written_and_read_then_each_is_in_its_place(
    marks: Delimiters, segments: list[tuple[str, list[list[list[list[str]]]]]], line_end: str
) -> None:
    how = encoding(marks, Encoding().character_set)
    lines = [header(marks), *write(segments, how)]

    found = read((line_end.join(lines) + line_end).encode())

    assert [segment.name for segment in found.segments[1:]] == [name for name, _ in segments]
    for segment, (_, fields) in zip(found.segments[1:], segments, strict=True):
        for number, repetitions in enumerate(fields, start=1):
            for index, components in enumerate(repetitions):
                for component, parts in enumerate(components, start=1):
                    for part, value in enumerate(parts, start=1):
                        read_value = segment.field(number, index, component, part)
                        assert read_value == ("" if value == NULL else normalize(value))


def as_written(message: Message) -> bytes:
    return "".join(f"{segment.er7}\r" for segment in message.segments).encode()


def normalized(raw: bytes) -> tuple[list[str], Message]:
    message = read(raw)
    return [segment.er7 for segment in message.segments], message


ANY_LINES = st.lists(
    st.text(st.sampled_from("PIDORC1|^~\\&\"' \t\x0b\x1caé名"), max_size=15), max_size=8
)


@given(ANY_LINES, LINE_ENDS, st.sampled_from(["^~\\&", "^~&", "^~\\&#", "^", "^^^^"]))
def test_given_any_lines_when_read_written_and_read_again_then_nothing_changes(
    lines: list[str], line_end: str, characters: str
) -> None:
    first = f"MSH|{characters}|A|B|C|D|2024||ADT|1|P|2.5||||||UNICODE UTF-8"
    segments, message = normalized(line_end.join([first, *lines]).encode())

    again, reread = normalized(as_written(message))

    assert again == segments
    assert [(s.name, s.sequence) for s in reread.segments] == [
        (s.name, s.sequence) for s in message.segments
    ]
    assert normalized(as_written(reread))[0] == again


@given(st.binary(max_size=400))
def test_given_any_bytes_when_read_then_only_our_own_errors_come(raw: bytes) -> None:
    for one in (raw, b"MSH" + raw, b"MSH|^~\\&|" + raw):
        for message in split(one).messages:
            try:
                found = read(message)
            except Er7Error as error:
                assert error.location
            else:
                touch(found)


@given(st.text(st.sampled_from('|^~\\&#\r\n"MSHPIDBF019XCM.brspHN é'), max_size=120))
def test_given_any_pile_of_signs_after_a_header_when_read_then_every_value_can_be_asked(
    text: str,
) -> None:
    touch(read(f"MSH|^~\\&#|A|B|C|D|2024||ADT^A01|1|P|2.7\r{text}".encode()))


def touch(message: Message) -> None:
    """Ask everything that can be asked."""
    head, groups = group(message)
    assert sum(len(part.segments) for part in (head, *groups)) == len(message.segments)
    for segment in message.segments:
        for number in range(len(segment.fields) + 1):
            for index, field in enumerate(segment.repetitions(number)):
                assert field.components[0] == field.component(1)
                assert segment.text(number, index) == field.text
                segment.is_null(number, index, 2, 2)


@given(st.text(LETTERS, max_size=30), st.sampled_from(["", "#"]))
def test_given_truncated_and_formatted_text_when_read_then_it_is_text(
    text: str, truncation: str
) -> None:
    how = Encoding(Delimiters(truncation=truncation))
    written = f"\\H\\{how.escape(text)}\\N\\\\.br\\{how.escape(text)}\\.sp2\\\\.in+4\\x\\P\\"

    assert how.unescape(written) == f"{text}\n{text}\n\nx#"


# --- time -----------------------------------------------------------------------------------------

HEAD = "MSH|^~\\&|A|B|C|D|20240101||ORU^R01|1|P|2.5||||||{label}\r"

SHAPES: dict[str, tuple[str, Callable[[int], str]]] = {
    "segments": ("", lambda n: "NTE|1||text\r" * n),
    "lines that begin no segment": ("", lambda n: "NTE|1||text\r" + "more text\n" * n),
    "indented lines": ("", lambda n: " NTE|1||text\r" * n),
    "repetitions": ("", lambda n: "PID|||" + "1^^^A~" * n),
    "components": ("", lambda n: "PID|||" + "1^" * n),
    "subcomponents": ("", lambda n: "PID|||" + "1&" * n),
    "fields": ("", lambda n: "PID|||" + "1|" * n),
    "escape characters": ("", lambda n: "NTE|1||" + "\\" * n),
    "escape sequences": ("", lambda n: "NTE|1||" + "\\T\\" * n),
    "hex that does not end": ("", lambda n: "NTE|1||" + "\\X41" * n),
    "hex in pieces": ("", lambda n: "NTE|1||" + "\\X41\\" * n),
    "hex in one piece": ("", lambda n: "NTE|1||\\X" + "41" * n),
    "unfinished formatting": ("", lambda n: "NTE|1||" + "\\.sp99" * n),
    "written sequences": ("~ISO IR87", lambda n: "NTE|1||" + "\\M2442\\;3\\C2842\\" * n),
    "sequences": ("~ISO IR87", lambda n: "NTE|1||" + "\x1b$B;3ED\x1b(B^" * n),
    "one long run of kanji": ("~ISO IR87", lambda n: "NTE|1||\x1b$B" + ";3" * n + "\x1b(B"),
    "a set that is never left": ("~ISO IR87", lambda n: "NTE|1||\x1b$B" + ";3|" * n),
    "shifts": ("~KS X 1001", lambda n: "\x1b$)CNTE|1||" + "\x0e;3\x0f|" * n),
    "utf-8": ("UNICODE UTF-8", lambda n: "NTE|1||" + "ễ" * n),
    "utf-8 without a label": ("", lambda n: "NTE|1||" + "ễ |" * n),
    "utf-8 twice": ("", lambda n: "NTE|1||é\rNTE|1||" + "Ã¡x" * n),
    "one letter and much ASCII": ("UNICODE UTF-8", lambda n: "NTE|1||éÃ¡|" + "abc" * n),
    "vietnamese of a font": ("VNI", lambda n: "NTE|1||" + "Nguye\u00e3n " * n),
    "question marks": ("", lambda n: "PID|||||" + "?" * n),
    "line ends": ("", lambda n: "\n\r" * n),
    "blanks": ("", lambda n: " \t" * n + "\r"),
}


def touch_text(message: Message) -> None:
    for segment in message.segments:
        values(segment)


def values(segment: Segment) -> list[str]:
    return [
        value
        for number in range(3, min(len(segment.fields), 50))
        for field in segment.repetitions(number)
        for value in (*field.components, field.text)
    ]


def seconds(raw: bytes) -> float:
    """Processor time, the least of several and without the collector: others run beside this."""
    taken = []
    gc.disable()
    try:
        for _ in range(4):
            begin = time.process_time()
            touch_text(read(raw))
            taken.append(time.process_time() - begin)
    finally:
        gc.enable()
    return min(taken)


@pytest.mark.parametrize("shape", SHAPES)
def test_given_a_message_eight_times_as_long_when_read_then_it_takes_no_more_than_in_proportion(
    shape: str,
) -> None:
    """Linear work grows eightfold, quadratic work 64-fold; between them there is room for noise."""
    label, make = SHAPES[shape]
    size = 2_000
    short, long = ((HEAD.format(label=label) + make(count)).encode() for count in (size, 8 * size))
    read(short)  # tables that are made once

    assert seconds(long) < 32 * max(seconds(short), 0.0005)
