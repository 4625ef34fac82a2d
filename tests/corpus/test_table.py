"""Given third-party files, when each is sent to a bridge, then it fares as we expect.

A change of `expectations.csv` is a change of behaviour: it is reviewed, with its judgement.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.wiring.bridge import Bridge
from tests.corpus.dicom_outcomes import DICOM_FILES, send_dicom
from tests.corpus.outcomes import (
    FHIR_FILES,
    HL7_FILES,
    Outcome,
    running,
    send_fhir,
    send_hl7,
    serves_fhir,
)
from tests.corpus.table import DOCUMENT, Row, read_expectations, render

EXPECTED = read_expectations()

needs_corpus = pytest.mark.skipif(not HL7_FILES, reason="the corpus is not beside this checkout")


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    with running(tmp_path_factory.mktemp("corpus")) as started:
        yield started


def compare(outcome: Outcome) -> None:
    expected = EXPECTED.get(outcome.file)
    assert expected is not None, f"{outcome.file} is new: {outcome}"
    assert Row.of(outcome, expected.judgement) == expected


@needs_corpus
@pytest.mark.parametrize("path", HL7_FILES, ids=lambda path: path.name)
def test_given_a_message_then_its_outcome_is_the_expected_one(bridge: Bridge, path: Path) -> None:
    outcome = send_hl7(bridge, path)

    assert "failed" not in outcome.verdict
    assert "lost" not in outcome.verdict
    compare(outcome)


@needs_corpus
@pytest.mark.parametrize("path", FHIR_FILES, ids=lambda path: path.name)
def test_given_a_resource_then_its_outcome_is_the_expected_one(bridge: Bridge, path: Path) -> None:
    if not serves_fhir(bridge):
        pytest.skip("this bridge has no FHIR server")
    outcome = send_fhir(bridge, path)

    assert "(5" not in outcome.verdict
    compare(outcome)


@needs_corpus
@pytest.mark.parametrize("path", DICOM_FILES, ids=lambda path: path.name)
def test_given_a_dicom_file_then_its_outcome_is_the_expected_one(
    bridge: Bridge, path: Path
) -> None:
    compare(send_dicom(bridge, path))


@pytest.mark.parametrize("row", EXPECTED.values(), ids=lambda row: row.file)
def test_given_what_was_not_accepted_then_a_judgement_is_written_down(row: Row) -> None:
    assert row.is_plain or row.judgement


@pytest.mark.parametrize("row", EXPECTED.values(), ids=lambda row: row.file)
def test_given_what_was_refused_or_held_then_the_bridge_said_why(row: Row) -> None:
    assert row.reasons or not {"refused", "held", "parked"} & set(row.verdict.split())


def test_given_the_expectations_then_the_document_says_the_same() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(list(EXPECTED.values()))
