"""Quirk profiles are data: those that are shipped, and those of a site."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.domain.worklist_policy import NO_QUIRKS, Quirks
from bridge.mapping.errors import ProfileError
from bridge.mapping.modality_quirks import FILE, chosen, load_quirk_profiles


def write(folder: Path, text: str) -> Path:
    (folder / FILE).write_text(text, encoding="utf-8")
    return folder


def test_given_what_is_shipped_then_every_profile_says_what_it_is() -> None:
    profiles = load_quirk_profiles()
    assert profiles["standard"].quirks == NO_QUIRKS
    assert all(each.meaning for each in profiles.values())
    short = profiles["ascii-short"].quirks
    assert (short.ascii_only, short.upper_case, short.longest_text) == (True, True, 16)


def test_given_a_site_then_its_profiles_come_beside_and_before_those_shipped(
    tmp_path: Path,
) -> None:
    text = """
profiles:
  ascii-only: {ascii_only: no}
  ours: {is: our own, extends: date-only, only_sequences: [], root_sps_keys: ignore}
"""
    profiles = load_quirk_profiles(write(tmp_path, text))
    assert profiles["ascii-only"].quirks == NO_QUIRKS
    assert profiles["ours"].quirks == Quirks(
        ignore_keys=("ScheduledProcedureStepStartTime",), only_sequences=(), root_sps_keys="ignore"
    )
    assert "no-warnings" in profiles


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("profiles: {a: {ascii: yes}}", "unknown key 'ascii'; did you mean ascii_only"),
        ("profiles: {a: {ascii_only: perhaps}}", "neither yes nor no"),
        ("profiles: {a: {longest_text: long}}", "'long' is not a number"),
        ("profiles: {a: {root_sps_keys: take}}", "unknown word 'take'"),
        ("profiles: {a: {extends: b}}", "no profile 'b'"),
        ("profiles: {a: {extends: b}, b: {extends: a}}", "extends itself"),
    ],
)
def test_given_a_profile_that_cannot_be_then_the_error_says_where_and_what(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(ProfileError, match=said) as raised:
        load_quirk_profiles(write(tmp_path, text))
    assert (raised.value.file, raised.value.line) == (FILE, 1)


def test_given_a_name_that_nobody_has_then_the_configurations_key_is_named() -> None:
    with pytest.raises(ProfileError, match=r"dicom\.peers\.CT01.*did you mean ascii-only"):
        chosen("ascii-onl", load_quirk_profiles(), "dicom.peers.CT01")
    assert chosen("", load_quirk_profiles(), "") == NO_QUIRKS
