"""Given a link, when a message comes, then it is read by the newest profile and in its mode."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.domain.sender_options import SenderMode, SenderOptions
from bridge.hl7.reading import CurrentSender
from bridge.mapping.profiles import Profile, load_profile
from bridge.mapping.source import Site

PROFILE = load_profile()


def sender(profile: Profile, link: str = "", site: str = "his_only") -> CurrentSender:
    return CurrentSender(lambda: profile, Site(), mode=link, default_mode=site)


@pytest.mark.parametrize(
    ("link", "profile", "site", "mode"),
    [
        ("", "", "his_only", "his_only"),
        ("", "", "ris", "ris"),
        ("", "ris", "his_only", "ris"),
        ("his_only", "ris", "ris", "his_only"),
        ("ris", "", "his_only", "ris"),
    ],
)
def test_the_link_counts_before_its_profile_and_that_before_the_site(
    link: str, profile: str, site: str, mode: str
) -> None:
    said = replace(PROFILE, options=SenderOptions(mode=SenderMode(profile)))
    assert sender(said, link, site)().mode == mode


def test_a_profile_that_was_replaced_counts_for_the_next_message() -> None:
    profiles = [PROFILE]
    current = CurrentSender(lambda: profiles[-1], Site(), mode="", default_mode="his_only")
    before = current()
    assert current() is before
    profiles.append(replace(PROFILE, options=SenderOptions(mode=SenderMode.RIS)))
    assert current().mode == "ris"
    assert current().profile is profiles[-1]


def test_a_sectra_ris_is_one_without_the_site_saying_so() -> None:
    assert sender(load_profile("sectra"))().mode == "ris"
