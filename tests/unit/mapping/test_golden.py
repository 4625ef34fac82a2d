"""Given a profile's golden tests, when run, then every message gives what the file says."""

from itertools import chain
from pathlib import Path

import pytest

from bridge.hl7.explanation import explain, run_tests
from bridge.mapping.errors import ProfileError
from bridge.mapping.golden import GoldenResult, find_golden_tests
from bridge.mapping.profiles import LANGUAGE, check_profiles, load_profile
from bridge.mapping.shelf import TESTS, Shelf, default_directory

MAPPINGS = default_directory()
FIXTURES = MAPPINGS.parent / "fixtures"
SHELF = Shelf.of()
RESULTS = {
    path.name.removesuffix(TESTS): run_tests(path)
    for path in find_golden_tests(MAPPINGS)
    if SHELF.language(path.name.removesuffix(TESTS)) == LANGUAGE
}
FEWEST = 8
"""Golden tests a profile has at least."""


@pytest.mark.parametrize(
    "result", list(chain(*RESULTS.values())), ids=lambda result: f"{result.place} {result.name}"
)
def test_golden(result: GoldenResult) -> None:
    assert result.passed, "\n".join(result.differences)


def test_every_profile_that_comes_with_the_bridge_loads_and_has_golden_tests() -> None:
    assert check_profiles() == []
    assert set(RESULTS) >= set(SHELF.profiles(LANGUAGE))  # and ihe-adt, further tests of ihe-swf


@pytest.mark.parametrize("profile", RESULTS)
def test_every_profile_has_golden_tests_of_several_messages(profile: str) -> None:
    assert len(RESULTS[profile]) >= FEWEST


def written(folder: Path, text: str) -> Path:
    path = folder / "ihe-swf.tests.yaml"
    path.write_text(f"profile: ihe-swf\n{text}", encoding="utf-8")
    return path


MESSAGE = r"""
    message: |
      MSH|^~\&|A|B|C|D|20260312||ORM^O01|1|P|2.5
      PID|||7^^^HOSP||Test^Anna
      ORC|NW|P1
      OBR|1|P1||CT1^CT head^L||||||||||||||||||||CT
"""


def test_given_another_value_when_run_then_the_difference_names_line_and_both(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, f"tests:\n  - name: x{MESSAGE}    expect: [{{PatientName: Other}}]\n")
    (result,) = run_tests(path, MAPPINGS)
    assert not result.passed
    assert result.differences == (
        "line 9: event[1].PatientName: expected 'Other', found 'Test^Anna'",
    )


def test_given_more_events_than_expected_when_run_then_it_fails(tmp_path: Path) -> None:
    path = written(tmp_path, f"tests:\n  - name: x{MESSAGE}    expect: []\n")
    (result,) = run_tests(path, MAPPINGS)
    assert result.differences == ("line 9: event: expected 0, found 1",)


def test_given_a_refusal_that_does_not_come_when_run_then_it_fails(tmp_path: Path) -> None:
    path = written(tmp_path, f"tests:\n  - name: x{MESSAGE}    refused: 101 at PID^1^3\n")
    (result,) = run_tests(path, MAPPINGS)
    assert result.differences == ("the message was not refused",)


def test_given_a_message_file_that_is_not_there_when_run_then_the_error_says_where(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, "tests:\n  - {name: x, message: no.hl7, expect: []}\n")
    with pytest.raises(ProfileError, match=r"ihe-swf\.tests\.yaml:3: no message 'no\.hl7'"):
        run_tests(path, MAPPINGS)


def test_given_a_message_when_explained_then_each_value_names_its_field_and_row() -> None:
    raw = (FIXTURES / "ris-ihe" / "omi-one-step.hl7").read_bytes()
    text = explain(load_profile(), raw)
    assert "  AccessionNumber = 'A3001^HOSP' ← IPC-1 (ihe-swf row " in text
    assert "Modality = 'CT' ← IPC-5 by table modalities (ihe-swf row " in text
    assert "ScheduledProcedureStepStartDate = '20260313' ← TQ1-7 (ihe-swf row " in text


def test_given_a_sites_own_row_when_explained_then_it_names_that_profile() -> None:
    raw = (FIXTURES / "his-vn" / "orm-ct.hl7").read_bytes()
    text = explain(load_profile("his-vn"), raw)
    assert "AccessionNumber = '26031200045^SITE' ← OBR-3 (his-vn row " in text
    assert "PatientBirthDate = '19750314' ← PID-7 (his-vn row " in text
