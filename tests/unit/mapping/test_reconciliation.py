"""The decision table as a file: total, safe, changed by a site in part, and read aloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.domain.matching import Outcome, PatientAgreement
from bridge.domain.matching_rules import Field, Finding, NameStrictness, Situation
from bridge.mapping.errors import ProfileError
from bridge.mapping.library import Profiles
from bridge.mapping.reconciliation import load_matching_rules
from bridge.mapping.reconciliation_page import page
from bridge.mapping.shelf import default_directory

DOCS = Path(__file__).parents[3] / "docs"
SHIPPED = default_directory() / "reconciliation.yaml"
ALIKE = (Finding.STUDY_INSTANCE_UID, PatientAgreement.ALIKE)
CAREFUL = """
extends: reconciliation
decisions:
  - {found: Study Instance UID, patient: alike, outcome: candidates, reason: somebody looks}
patient: {differences: 1, names: components}
weights: {PatientSex: 50}
"""


def write(folder: Path, text: str, name: str = "ours") -> Path:
    (folder / f"{name}.yaml").write_text(text, "utf-8")
    return folder


def test_the_shipped_table_has_every_cell() -> None:
    rules = load_matching_rules()
    assert set(rules.cells) == {(f, a) for f in Finding for a in PatientAgreement}
    assert set(rules.situations) == set(Situation)
    assert set(rules.weights) == set(Field)
    assert all(each.why for each in (*rules.cells.values(), *rules.situations.values()))


@pytest.mark.parametrize("name", ["ours", "reconciliation"])
def test_a_site_says_only_what_differs(tmp_path: Path, name: str) -> None:
    rules, shipped = (
        load_matching_rules(name, write(tmp_path, CAREFUL, name)),
        load_matching_rules(),
    )
    assert rules.cells[ALIKE].outcome is Outcome.CANDIDATES
    assert {k: v for k, v in rules.cells.items() if k != ALIKE} == {
        k: v for k, v in shipped.cells.items() if k != ALIKE
    }
    assert (rules.differences, rules.names) == (1, NameStrictness.COMPONENTS)
    assert rules.weights == {**shipped.weights, Field.PATIENT_SEX: 50}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("decisions: []", "there is no row for"),
        ("extends: nowhere", "no profile 'nowhere'"),
        (CAREFUL.replace("alike", "other"), "another patient is always a conflict"),
        (
            CAREFUL.replace("candidates", "matched").replace("alike", "unknown"),
            "nothing is matched",
        ),
        (CAREFUL.replace("candidates", "rejected"), "only a person can say rejected"),
        (CAREFUL.replace("alike", "alik"), "unknown patient 'alik'"),
        (CAREFUL.replace("differences: 1", "differences: 0"), "'0' is no number from 1 to 4"),
        (CAREFUL.replace("names: components", "names: loose"), "unknown names 'loose'"),
        (CAREFUL.replace("PatientSex", "PatientAge"), "unknown key 'PatientAge'"),
        (CAREFUL.replace(", reason: somebody looks", ""), "a row without `reason`"),
    ],
)
def test_a_table_that_is_wrong_or_dangerous_is_refused(
    tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(ProfileError, match=problem):
        load_matching_rules("ours", write(tmp_path, text))


def test_a_cell_that_stands_twice_is_refused(tmp_path: Path) -> None:
    row = CAREFUL.splitlines()[3]
    with pytest.raises(ProfileError, match="stands twice"):
        load_matching_rules("ours", write(tmp_path, CAREFUL.replace(row, f"{row}\n{row}")))


def test_a_cell_that_is_taken_out_is_missed(tmp_path: Path) -> None:
    lines = SHIPPED.read_text("utf-8").splitlines()
    rows = [line for line in lines if "found: Order Number, patient: linked" not in line]
    with pytest.raises(ProfileError, match="no row for Order Number × linked"):
        load_matching_rules("ours", write(tmp_path, "\n".join(rows)))


def test_changes_are_taken_up_and_mistakes_are_not(tmp_path: Path) -> None:
    write(tmp_path, CAREFUL)
    tables = Profiles(load_matching_rules, ("ours",), directory=tmp_path)
    write(tmp_path, CAREFUL.replace("differences: 1", "differences: 3"))
    assert tables.reload() == ""
    assert tables.get("ours").differences == 3
    write(tmp_path, "decisions: []")
    assert "there is no row for" in tables.reload()
    assert tables.get("ours").differences == 3


def test_the_page_for_clinicians_is_current() -> None:
    """Else: python -m bridge.mapping.reconciliation_page > docs/reconciliation.md."""
    assert (DOCS / "reconciliation.md").read_text("utf-8") == page(load_matching_rules())
