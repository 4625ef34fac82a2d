"""Given profiles in use, when their files change, then all of the change counts or none of it."""

from pathlib import Path

import pytest

from bridge.mapping.errors import ProfileError
from bridge.mapping.library import Profiles
from bridge.mapping.profiles import Profile, check_profiles, load_profile
from bridge.mapping.shelf import Shelf, default_directory

SITE = "profile: site\nextends: ihe-swf\ntables: {procedures: site-procedures.csv}\n"
HEADER = "code,scheme,modality,station_ae_titles,protocol,minutes\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "site-procedures.csv").write_text(HEADER + "A1,,CT,,,\n")
    return tmp_path


def test_a_sites_own_profile_extends_the_one_that_is_shipped(folder: Path) -> None:
    profiles = Profiles(load_profile, ["site"], folder)
    assert profiles.get("site").name == "site"
    assert profiles.get("ihe-swf").name == "ihe-swf"  # not named before, loaded when asked for


def test_a_sites_file_hides_the_shipped_one_of_that_name(folder: Path) -> None:
    shipped = (default_directory() / "modalities.csv").read_text()
    (folder / "modalities.csv").write_text(f"{shipped}XX,XX\n")
    found = Shelf.of(folder).find("modalities.csv")
    assert found == folder / "modalities.csv"
    assert "his-vn" in Shelf.of(folder).profiles()
    assert not check_profiles(folder)


def test_nothing_is_read_again_while_nothing_changes(folder: Path) -> None:
    profiles = Profiles(load_profile, ["site"], folder)
    before = profiles.get("site")
    assert not profiles.reload_if_changed()
    assert profiles.get("site") is before


def test_a_changed_table_is_taken_up(folder: Path) -> None:
    profiles = Profiles(load_profile, ["site"], folder)
    before = profiles.get("site")
    (folder / "site-procedures.csv").write_text(HEADER + "A1,,MR,,,\nA2,,US,,,\n")
    assert profiles.reload_if_changed()
    assert profiles.get("site") is not before
    assert profiles.problem == ""


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("site-procedures.csv", HEADER + "A1,,MR\n", "site-procedures.csv:2: 3 cells for 6"),
        ("site.yaml", SITE + "rows: {patient: [{to: X}]}\n", "site.yaml:4: row 1: unknown target"),
        ("site.yaml", "\udcff", "utf-8"),
    ],
)
def test_a_broken_file_is_refused_whole_and_the_old_one_stays(
    folder: Path, file: str, content: str, problem: str
) -> None:
    profiles = Profiles(load_profile, ["site", "his-vn"], folder)
    before = {name: profiles.get(name) for name in ("site", "his-vn")}
    (folder / file).write_bytes(content.encode(errors="surrogateescape"))
    assert profiles.reload_if_changed()
    assert problem in profiles.problem
    after: dict[str, Profile] = {name: profiles.get(name) for name in before}
    assert all(after[name] is before[name] for name in before)
    assert not profiles.reload_if_changed()  # it is not complained of over and over
    assert problem in profiles.problem


def test_a_mended_file_is_taken_up_and_nothing_is_wrong_any_more(folder: Path) -> None:
    profiles = Profiles(load_profile, ["site"], folder)
    (folder / "site-procedures.csv").write_text("code\nA1,B\n")
    assert profiles.reload()
    (folder / "site-procedures.csv").write_text(HEADER + "A1,,MR,,,\n")
    assert profiles.reload() == ""
    assert profiles.problem == ""


def test_a_profile_that_is_not_there_is_named_at_once(folder: Path) -> None:
    with pytest.raises(ProfileError, match="did you mean site"):
        Profiles(load_profile, ["sit"], folder)


def test_what_lies_beside_profiles_is_none(folder: Path) -> None:
    (folder / "codes.yaml").write_text("- {code: A, modality: CT}\n")
    (folder / "site.tests.yaml").write_text("profile: site\ntests: []\n")
    found = Shelf.of(folder).profiles()
    assert {"site", "ihe-swf"} <= set(found)
    assert not {"codes", "site.tests", "order-control"} & set(found)
