"""Given a code table, when read, then its rows are found, or the fault is told with its line."""

from pathlib import Path

import pytest

from bridge.mapping.errors import ProfileError
from bridge.mapping.profiles import load_profile
from bridge.mapping.tables import CodeTable, read_table

HEADER = "code,scheme,modality,station_ae_titles,minutes,body_part\n"


def table(folder: Path, text: str, name: str = "codes.csv") -> CodeTable:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_table(path)


def test_a_code_with_a_row_of_its_own_beats_one_that_begins_alike(tmp_path: Path) -> None:
    found = table(tmp_path, HEADER + "CT*,,CT,,,\nCTA*,,XA,,,\nCT-1,,MR,,,\n")
    assert [found.get(code, "modality") for code in ("CT-1", "ct-2", "CTA9", "US1")] == [
        "MR",
        "CT",
        "XA",
        None,
    ]


def test_a_prefix_of_the_coding_system_beats_one_of_any(tmp_path: Path) -> None:
    found = table(tmp_path, HEADER + "7*,,CT,,,\n7*,C4,DX,,,\n*,,US,,,\n")
    assert found.get("71046", "modality", "C4") == "DX"
    assert found.get("71046", "modality", "L") == "CT"
    assert found.get("X", "modality") == "US"


def test_a_table_may_be_yaml(tmp_path: Path) -> None:
    text = (
        "- {code: CT1, modality: CT, station_ae_titles: [CT01, CT02]}\n- {code: NO, modality: MR}\n"
    )
    found = table(tmp_path, text, "codes.yaml")
    assert found.get("CT1", "station_ae_titles") == "CT01\\CT02"
    assert found.get("NO", "station_ae_titles") == ""
    assert found.lines["NO", ""] == (2, "NO")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: b\n", "codes.yaml:1: no list of rows; write `- {code: CT1, modality: CT}`"),
        ("- {code: A}\n- {modality: CT}\n", "codes.yaml:2: a row without 'code'; add `code:`"),
        ("- {code: A}\n- {code: a}\n", "codes.yaml:2: 'a' stands twice; keep one of them"),
    ],
)
def test_a_fault_in_yaml_is_told_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ProfileError) as caught:
        table(tmp_path, text, "codes.yaml")
    assert str(caught.value) == problem


FAULTS = {
    "A,,TC,,,": "modality 'TC' is no modality; use one of AR, BDUS",
    "A,,ct,,,": "modality 'ct' is no modality; did you mean CT?",
    "A,,CT,TITLE-OF-17-LETTER,,": "station_ae_titles 'TITLE-OF-17-LETTER' is no AE title; use 1 to",
    "A,,CT,CT01\\,,": "station_ae_titles '' is no AE title; use 1 to 16 ASCII characters",
    "A,,CT,,a while,": "minutes 'a while' is no duration; write whole minutes, such as 15",
    "A,,CT,,,chest": "body_part 'chest' is no code string; use at most 16 capitals, digits",
}


@pytest.mark.parametrize("line", FAULTS)
def test_a_cell_that_cannot_be_is_told_with_its_line_and_the_fix(tmp_path: Path, line: str) -> None:
    profile = "profile: site\nextends: ihe-swf\ntables: {procedures: site.csv}\n"
    (tmp_path / "site.yaml").write_text(profile)
    (tmp_path / "site.csv").write_text(HEADER + line + "\n")
    with pytest.raises(ProfileError) as caught:
        load_profile("site", tmp_path)
    assert str(caught.value).startswith(f"site.csv:2: {FAULTS[line]}")


def test_a_column_that_is_misspelt_is_not_taken_for_one_that_is_left_out(tmp_path: Path) -> None:
    profile = "profile: site\nextends: ihe-swf\ntables: {procedures: site.csv}\n"
    (tmp_path / "site.yaml").write_text(profile)
    (tmp_path / "site.csv").write_text("code,modality\nA,CT\n")
    assert load_profile("site", tmp_path).name == "site"
    (tmp_path / "site.csv").write_text("code,modalty\nA,CT\n")
    with pytest.raises(ProfileError, match=r"site.csv:1: no column 'modalty'; did you mean modal"):
        load_profile("site", tmp_path)
