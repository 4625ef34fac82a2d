"""Given the outbound profiles that come with the bridge, then what they write is what HL7 v2 says.

hl7apy is the oracle: it reads every golden message, and finds it as its version has it.
"""

from __future__ import annotations

from itertools import chain

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.exceptions import ValidationError
from hl7apy.parser import parse_message
from hl7apy.validation import Validator

from bridge.hl7.characters import character_set
from bridge.hl7.message_writer import UNICODE, MessageWriter, Wire
from bridge.hl7.outbound_golden import TIME, run_outbound_tests, write_golden
from bridge.mapping.documents import Node, read_document
from bridge.mapping.errors import ProfileError
from bridge.mapping.golden import GoldenResult
from bridge.mapping.outbound import LANGUAGE, OutboundProfile, load_outbound_profile
from bridge.mapping.shelf import TESTS, Shelf, default_directory

MAPPINGS = default_directory()
NAMES = Shelf.of().profiles(LANGUAGE)
PROFILES = {name: load_outbound_profile(name) for name in NAMES}
RESULTS = {name: run_outbound_tests(MAPPINGS / f"{name}{TESTS}") for name in NAMES}
NODES = [
    (name, node)
    for name in NAMES
    for node in read_document(MAPPINGS / f"{name}{TESTS}").entries()["tests"].items
]
# hl7apy takes the choice of ORM^O01's order detail for a sequence, and misses what was not chosen.
OWN_MISTAKE = "RQD"


def test_every_outbound_profile_has_golden_tests() -> None:
    assert set(NAMES) >= {"orm-oru", "omg-oru", "omi-oru", "omi", "orm"}
    assert all(len(results) >= 3 for results in RESULTS.values())


@pytest.mark.parametrize(
    "result", list(chain(*RESULTS.values())), ids=lambda result: f"{result.place} {result.name}"
)
def test_golden(result: GoldenResult) -> None:
    assert result.passed, "\n".join(result.differences)


@pytest.mark.parametrize(
    ("name", "node"), NODES, ids=[f"{name}:{node.line}" for name, node in NODES]
)
def test_given_a_golden_message_when_hl7apy_reads_it_then_it_is_valid(
    name: str, node: Node
) -> None:
    label = node.entries().get("character_set")
    written = write_golden(node, PROFILES[name])
    text = character_set(label.text if label else UNICODE).decode(written)
    lines = [line for line in text.split("\r") if not line.startswith("ZDS")]
    text = "\r".join(lines).replace(f"|{TIME}|", "|20260105080000|").replace("&#|", "&|", 1)
    message = parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT)
    if "#" not in lines[0]:  # hl7apy knows no truncation, and loses what v2.7 has withdrawn
        assert message.to_er7().rstrip("\r") == text.rstrip("\r")
    try:
        Validator.validate(message)
    except ValidationError as error:
        if OWN_MISTAKE not in str(error):
            raise


@pytest.mark.parametrize("version", ["2.3.1", "2.4", "2.5", "2.5.1", "2.6"])
def test_given_a_version_then_the_default_profile_can_be_written_in_it(version: str) -> None:
    assert MessageWriter(PROFILES["orm-oru"], Wire(version=version)).tells_of("study")


def test_given_a_version_without_the_message_then_it_is_refused_with_the_line() -> None:
    with pytest.raises(ProfileError, match=r"orm-oru.yaml:\d+: HL7 v2.8 has no message ORM\^O01"):
        MessageWriter(PROFILES["orm-oru"], Wire(version="2.8"))


def test_given_a_field_that_no_version_has_then_it_is_refused() -> None:
    made: OutboundProfile = load_outbound_profile("orm-oru")
    rows = made.segments["ORC"]
    wrong = type(rows[0])(
        type(rows[0].slot)("ORC", 99), rows[0].node, rows[0].is_constant, rows[0].evaluate
    )
    segments = {**made.segments, "ORC": (wrong,)}
    with pytest.raises(ProfileError, match="no version has a field ORC-99"):
        MessageWriter(
            OutboundProfile(name="x", version="2.5.1", messages=made.messages, segments=segments),
            Wire(),
        )
