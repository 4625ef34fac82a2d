"""Given an EHR's profile, when it is told of something, then it is asked what the profile says."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.fhir.ehr_explanation import run_tests
from bridge.mapping.ehr_profiles import (
    EhrProfile,
    Matches,
    Writes,
    ehr_profiles,
    ehr_tests,
    load_ehr_profile,
)
from bridge.mapping.errors import ProfileError
from bridge.mapping.golden import GoldenResult

RESULTS = [result for path in ehr_tests() for result in run_tests(path)]


@pytest.mark.parametrize("result", RESULTS, ids=[f"{r.place} {r.name}" for r in RESULTS])
def test_golden(result: GoldenResult) -> None:
    assert result.passed, "\n".join(result.differences)


def test_every_profile_that_comes_with_the_bridge_has_golden_tests() -> None:
    tested = {path.name.removesuffix(".tests.yaml") for path in ehr_tests()}
    assert tested == {*ehr_profiles()}
    assert all(load_ehr_profile(name).meaning for name in tested)


def test_the_standard_profile_says_what_holds_where_nothing_is_said() -> None:
    said = load_ehr_profile("standard")
    assert said == EhrProfile(meaning=said.meaning)


def test_given_a_sites_own_profile_then_it_says_only_how_it_differs(tmp_path: Path) -> None:
    (tmp_path / "ehr").mkdir()
    (tmp_path / "ehr" / "ours.yaml").write_text(
        "profile: ours\nextends: stepwise\nsystems: {HOSP: 'http://hosp.example/mrn'}\n"
        "leave_out: [ImagingStudy.series.performer, Patient.gender]\n"
    )
    found = load_ehr_profile("ours", tmp_path)
    assert (found.writes, found.matches) == (Writes.SEQUENCE, Matches.SEARCH)
    assert found.systems == {"HOSP": "http://hosp.example/mrn"}
    assert found.leave_out == ("ImagingStudy.series.performer", "Patient.gender")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("writes: atomically\n", "unknown word 'atomically'"),
        ("witres: sequence\n", "unknown key 'witres'"),
        ("max_bytes: much\n", "is not a number"),
        ("leave_out: [performer]\n", "is no element"),
        ("extends: ours\n", "extends itself"),
        ("extends: theirs\n", "no such profile"),
    ],
)
def test_given_a_profile_that_cannot_be_meant_then_the_error_says_where(
    tmp_path: Path, text: str, problem: str
) -> None:
    (tmp_path / "ehr").mkdir()
    (tmp_path / "ehr" / "ours.yaml").write_text(text)
    with pytest.raises(ProfileError, match=problem):
        load_ehr_profile("ours", tmp_path)
