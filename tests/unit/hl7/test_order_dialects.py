"""Given an order, when written in any way that HL7 leaves open, then it is the same order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.events import Event
from bridge.domain.identifiers import Authority
from bridge.domain.order import OrderReceived
from bridge.hl7.er7 import read
from bridge.hl7.messages import read_message
from bridge.hl7.reading import Sender
from bridge.mapping.profiles import load_profile
from bridge.mapping.source import Site

SENDER = Sender.of(load_profile(), Site(authority=Authority("HOSP")))

Lines = list[str]


def head(kind: str, version: str) -> str:
    return rf"MSH|^~\&|RIS|HOSP|BRIDGE|HOSP|20260105080000+0700||{kind}|M1|P|{version}"


PATIENT = [
    "PID|1||P1^^^HOSP^MR||NGUYEN^ANH^VAN||19800101|F",
    "PV1|1|I|W1^2^3|||||1^LE^HOA",
]
ORC = "ORC|NW|PL{0}^HIS|FI{0}^RIS||SC"
OBR = (
    "OBR|{0}|PL{0}^HIS|FI{0}^RIS|CT{0}^CT head^99HOSP^PR{0}^Protocol^99HOSP||||||||||||"
    "BS007^LE^HOA||ACC{0}|RP{0}|SP{0}||||CT|||||||{0} reason"
)
TQ1 = "TQ1|1||||||2026010{0}093000||S"
ZDS = "ZDS|1.2.{0}^RIS^Application^DICOM"
IPC = "IPC|ACC{0}^HOSP|RP{0}^HOSP|1.2.{0}^HOSP|SP{0}^HOSP|CT|PR{0}^Protocol^99HOSP|||CT01"
EXTRAS = ["NTE|1||note {0}", "OBX|1|NM|29463-7^Body weight^LN||70|kg", "DG1|1||I21^^I10"]


def order(number: int, *parts: str) -> Lines:
    return [part.format(number) for part in parts]


MESSAGES: dict[str, Lines] = {
    "ORM": [
        head("ORM^O01", "2.3.1"),
        *PATIENT,
        *order(1, ORC, TQ1, OBR, *EXTRAS, ZDS),
        *order(2, ORC, TQ1, OBR, ZDS),
    ],
    "OMG": [
        head("OMG^O19^OMG_O19", "2.5.1"),
        *PATIENT,
        *order(1, ORC, TQ1, OBR, *EXTRAS, ZDS),
        *order(2, ORC, TQ1, OBR, ZDS),
    ],
    "OMI": [
        head("OMI^O23^OMI_O23", "2.8"),
        *PATIENT,
        *order(1, ORC, TQ1, OBR, *EXTRAS, IPC),
        *order(2, ORC, TQ1, OBR, IPC),
    ],
}


def events(raw: str) -> Sequence[Event]:
    return read_message(read(raw.encode()), SENDER).events


def meant(raw: str) -> Sequence[Event]:
    """The events without where they stood, and what each value was taken from."""
    return [
        replace(event, location="", sources={}) if isinstance(event, OrderReceived) else event
        for event in events(raw)
    ]


def _behind(lines: Lines, moved: str, anchor: str | tuple[str, ...]) -> Lines:
    """Each segment of a name directly behind the next `anchor`."""
    found: Lines = []
    waiting: Lines = []
    for line in lines:
        if line.startswith(moved):
            waiting.append(line)
            continue
        found.append(line)
        if line.startswith(anchor):
            found += waiting
            waiting = []
    return found


# What stands last in each order here.
ENDS = ("ZDS", "IPC")

# What may be done to a message without changing what it says.
CHANGES: dict[str, Callable[[Lines], Lines]] = {
    "segments of the site between all others": lambda lines: [
        part for line in lines for part in (line, "ZZZ|1|of the site")
    ],
    "empty segments": lambda lines: [part for line in lines for part in (line, "NTE")],
    "empty fields at the end": lambda lines: [
        line + "||||" if not line.startswith("MSH") else line for line in lines
    ],
    "empty components at the end": lambda lines: [
        line.replace("^HIS|", "^HIS^^|").replace("^HOSP|", "^HOSP^^|") for line in lines
    ],
    "empty repetitions": lambda lines: [
        line.replace("^MR|", "^MR~|").replace("ACC1|", "ACC1~|") for line in lines
    ],
    "blanks around codes": lambda lines: [
        line.replace("|NW|", "| NW |").replace("|SC", "| SC ").replace("|CT|", "| CT |")
        for line in lines
    ],
    "small letters": lambda lines: [
        line.replace("|NW|", "|nw|").replace("|SC", "|sc").replace("|CT|", "|ct|") for line in lines
    ],
    "names of segments in small letters": lambda lines: [
        lines[0],
        *(line[:3].lower() + line[3:] for line in lines[1:]),
    ],
    "indented segments": lambda lines: [lines[0], *("  " + line for line in lines[1:])],
    "letters as hex escapes": lambda lines: [
        line.replace("Protocol", r"Proto\X63\\X6F\l").replace("reason", r"re\X61\son")
        for line in lines
    ],
    "TQ1 after OBR": lambda lines: _behind(lines, "TQ1", "OBR"),
    "notes and observations last": lambda lines: _behind(
        _behind(_behind(lines, "DG1", ENDS), "OBX", ENDS), "NTE", ENDS
    ),
    "visit before patient": lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
    "insurance and guarantor": lambda lines: [
        *lines[:3],
        "IN1|1|PLAN|COMPANY",
        "GT1|1||GUARANTOR^X",
        "AL1|1|DA|^Penicillin",
        *lines[3:],
    ],
    "no sequence numbers": lambda lines: [
        line.replace("PID|1|", "PID||").replace("OBR|1|", "OBR||").replace("OBR|2|", "OBR||")
        for line in lines
    ],
}
ALLERGY = {"insurance and guarantor"}
# Nobody can tell a word of a broken text from the name of a segment in small letters.
ALONE = {"names of segments in small letters"}
DELIMITERS = ["|^~\\&", "#^~\\&", "|*!?%", "$:@!;"]
LINE_ENDS = ["\r", "\n", "\r\n"]


def written(lines: Lines, delimiters: str, line_end: str) -> str:
    table = str.maketrans("|^~\\&", delimiters)
    first = "MSH" + delimiters[:1] + delimiters[1:] + lines[0][8:].translate(table)
    return line_end.join([first, *(line.translate(table) for line in lines[1:])]) + line_end


@pytest.mark.parametrize("kind", MESSAGES)
@given(
    st.lists(st.sampled_from(sorted(CHANGES.keys() - ALONE)), unique=True, max_size=4),
    st.sampled_from(DELIMITERS),
    st.sampled_from(LINE_ENDS),
)
def test_given_an_order_when_written_another_way_then_it_means_the_same(
    kind: str, changes: list[str], delimiters: str, line_end: str
) -> None:
    lines = MESSAGES[kind]
    expected = meant(written(lines, "|^~\\&", "\r"))
    assert len(expected) == 2
    for change in changes:
        lines = CHANGES[change](lines)

    found = meant(written(lines, delimiters, line_end))

    if ALLERGY & set(changes):
        found = [_without_allergies(event) for event in found]
    assert found == expected


def _without_allergies(event: Event) -> Event:
    assert isinstance(event, OrderReceived)
    attributes = dict(event.patient.attributes)
    assert attributes.pop("Allergies")
    return replace(event, patient=replace(event.patient, attributes=attributes))


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("change", sorted(CHANGES))
def test_given_each_single_way_when_written_so_then_it_means_the_same(
    kind: str, change: str
) -> None:
    lines = CHANGES[change](MESSAGES[kind])
    found = meant(written(lines, "|^~\\&", "\r"))
    if change in ALLERGY:
        found = [_without_allergies(event) for event in found]

    assert found == meant(written(MESSAGES[kind], "|^~\\&", "\r"))
