"""The short form of `python -m tests.fuzz`, and what its long form found."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.encoding import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from bridge.dicom.header import read_header
from bridge.domain.errors import BridgeError
from tests.adapters.dicom.pdus import connected, read_pdu
from tests.fuzz import conversations, data_sets
from tests.fuzz.harness import Harness, harness

# The client's own: what it sends is meant to be none.
pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR")

FOUND = sorted((Path(__file__).parents[2] / "fixtures" / "fuzz").glob("*.bin"))


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    directory = tmp_path_factory.mktemp("fuzz")
    with harness(directory, DicomConfiguration(port=0, idle_timeout=5.0)) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_did_harm(tried: Harness) -> Iterator[None]:
    yield
    tried.came("looked", b"")
    assert tried.crashes == []
    assert tried.outcomes["no end"] == 0


def test_given_broken_data_sets_then_each_is_answered(tried: Harness) -> None:
    data_sets.run(tried, 200, seed=1)


def test_given_broken_conversations_then_each_has_an_end(tried: Harness) -> None:
    conversations.run(tried, 100, seed=1)


@pytest.mark.parametrize("file", FOUND, ids=lambda file: file.stem)
@pytest.mark.parametrize("patiently", [True, False])
def test_given_what_did_harm_once_then_it_does_none(
    tried: Harness, file: Path, patiently: bool
) -> None:
    said = file.read_bytes()
    if patiently:
        assert conversations.held(tried.port, said) != "no end"
        return
    with connected(tried.port, said) as connection:
        connection.shutdown(socket.SHUT_WR)
        while read_pdu(connection)[0]:
            pass


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.binary(max_size=200),
    at=st.integers(0, 700),
    syntax=st.sampled_from([IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED]),
)
def test_given_any_bytes_inside_a_data_set_then_it_is_read_or_refused(
    data: bytes, at: int, syntax: str
) -> None:
    sound = dict(data_sets.seeds())[syntax]
    try:
        header = read_header(sound[:at] + data + sound[at:], syntax)
    except BridgeError:
        return
    texts = [header.patient_name, header.sop_instance_uid, *header.attributes.values()]
    assert not any("\0" in text or len(text) > 1024 for text in texts)
    "".join(texts).encode()  # nothing that a database refuses
