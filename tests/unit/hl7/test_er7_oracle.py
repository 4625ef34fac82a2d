"""Given well-formed messages, when hl7apy reads them too, then every value is in the same place."""

import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence

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
