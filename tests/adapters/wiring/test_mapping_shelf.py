"""Given a site's profiles, when somebody looks, then versions are kept and messages tried."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bridge.domain.errors import BridgeError, UnknownKey
from bridge.services.review_mappings import DryRun, ReviewMappings
from bridge.settings import load
from bridge.store import schema
from bridge.store.database import Database
from bridge.store.repositories import SqlStore
from bridge.wiring.mapping_shelf import ConfiguredProfiles
from bridge.wiring.profile_watch import ProfileWatch
from bridge.wiring.profiles import hl7_profiles

OWN = """profile: ours
extends: ihe-swf
defaults:
  order_control: NW
"""
ORDER = (
    "MSH|^~\\&|KIS|HAUS|BRIDGE|HOSP|20260312080000||ORM^O01|M1|P|2.5.1|||||VNM|8859/1\n"
    "PID|1||4711^^^KIS^MR||NGUYỄN^VĂN ÁNH||19800101|M\n"
    "PV1|1|O\n"
    "ORC|NW|P1^KIS||||\n"
    "OBR|1|P1^KIS||CTHEAD^CT Head^L||||||||||||||ACC1||||||CT|||^^^20260312090000\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mappings = tmp_path / "mappings"
    mappings.mkdir()
    (mappings / "ours.yaml").write_text(OWN)
    return mappings


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    database = Database(f"sqlite:///{tmp_path / 'bridge.db'}")
    schema.upgrade(database)
    yield SqlStore(database)
    database.close()


@pytest.fixture
def reviews(folder: Path, store: SqlStore) -> ReviewMappings:
    return reviewing(folder, store)


def reviewing(folder: Path, store: SqlStore, at: float = 1000.0) -> ReviewMappings:
    file = folder.parent / "bridge.yaml"
    listeners = [{"name": "his", "profile": "ours"}]
    file.write_text(yaml.safe_dump({"mappings": str(folder), "hl7": {"listeners": listeners}}))
    shelf = ConfiguredProfiles(load(file, {}))
    return ReviewMappings(store=store, shelf=shelf, clock=lambda: at)


def values(run: DryRun) -> dict[str, tuple[str, str]]:
    return {each.path: (each.text, each.source) for each in run.events[0].values}


def test_given_a_site_with_its_own_profile_then_it_is_listed_with_who_uses_it(
    reviews: ReviewMappings,
) -> None:
    listed = {each.name: each for each in reviews.profiles()}

    assert next(iter(listed)) in ("fhir-r4", "fhir-r5", "ours")
    ours = listed["ours"]
    assert (ours.is_own, ours.extends, ours.language) == (True, "ihe-swf", "hl7")
    assert ours.used_at == ["hl7.listeners[0].profile"]
    assert not listed["ihe-swf"].is_own
    assert not listed["ihe-swf"].used_at
    assert all(each.language in ("hl7", "fhir") for each in listed.values())


def test_given_a_change_of_a_file_then_both_versions_are_kept_and_can_be_compared(
    reviews: ReviewMappings, folder: Path, store: SqlStore
) -> None:
    assert reviews.note_what_is_in_force() == 3  # ours, and the two of FHIR
    assert reviews.note_what_is_in_force() == 0
    (folder / "ours.yaml").write_text(OWN.replace("NW", "XO"))
    later = reviewing(folder, store, 2000.0)
    assert later.note_what_is_in_force() == 1

    shown = later.profile("ours")
    assert shown is not None
    assert [each.taken_up_at for each in shown.versions] == [2000.0, 1000.0]
    assert (shown.listed.versions, shown.listed.taken_up_at) == (2, 2000.0)
    new, old = shown.versions
    (change,) = later.compare(old.label, new.label)
    assert (change.path, change.before, change.after) == ("defaults.order_control", "NW", "XO")
    assert later.compare("ours", new.label) == []
    assert later.compare("ihe-swf", "ours")
    (folder.parent / "secret.yaml").write_text("profile: secret\ntables: {a: b.csv}\n")
    for unknown in ("ours@99", "ours@x", f"ours@{'9' * 30}", "none", "../secret", "\0"):
        with pytest.raises(BridgeError):
            later.compare(unknown, "ours")


def test_given_a_pasted_order_then_each_value_says_where_it_came_from(
    reviews: ReviewMappings,
) -> None:
    run = reviews.dry_run("ours", ORDER.replace("\n", "\r\n"))

    assert not run.problem
    told = values(run)
    assert told["PatientName"][0] == "NGUYỄN^VĂN ÁNH", "MSH-18 is not believed of pasted text"
    assert told["AccessionNumber"][0].startswith("ACC1")
    assert "OBR" in told["AccessionNumber"][1]
    assert any("imaging" in note for note in run.notes)


@pytest.mark.parametrize("pasted", ["", "PID|1", "MSH|^~\\&|KIS|HAUS|||2026||ORM^O01|1|P|2.5\r"])
def test_given_what_is_no_order_then_why_it_is_refused_is_said(
    reviews: ReviewMappings, pasted: str
) -> None:
    assert reviews.dry_run("ours", pasted).problem


def test_given_a_resource_then_a_profile_of_fhir_reads_it(reviews: ReviewMappings) -> None:
    assert reviews.dry_run("fhir-r4", '{"resourceType": "Nothing"}').problem
    with pytest.raises(UnknownKey):
        reviews.dry_run("none", ORDER)


def test_given_a_broken_file_then_it_is_not_taken_for_a_version(
    folder: Path, store: SqlStore, reviews: ReviewMappings
) -> None:
    settings = load(folder.parent / "bridge.yaml", {})
    profiles = hl7_profiles(settings)
    watch = ProfileWatch(profiles, taken_up=reviews.note_what_is_in_force)
    watch.reload()
    (folder / "ours.yaml").write_text("profile: ours\nnonsense: true\n")
    watch.reload()

    assert watch.problem()
    shown = reviews.profile("ours")
    assert shown is not None
    assert len(shown.versions) == 1
    assert "nonsense" in shown.problem
    assert reviews.profile("none") is None
