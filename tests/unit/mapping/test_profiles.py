"""Given a profile with a fault, when loaded, then the error names file, line, row and the fix."""

from pathlib import Path

import pytest

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import OrderReceived
from bridge.hl7.er7 import read
from bridge.hl7.messages import read_message
from bridge.hl7.reading import Sender
from bridge.mapping.errors import ProfileError
from bridge.mapping.profiles import load_profile
from bridge.mapping.shelf import default_directory
from bridge.mapping.source import Site
from bridge.mapping.tables import read_table
from bridge.mapping.targets import Level

SHIPPED = default_directory()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A folder with the profiles that come with the bridge."""
    for path in SHIPPED.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def load(directory: Path, text: str, name: str = "site") -> object:
    header = f"profile: {name}\nextends: ihe-swf\n"
    (directory / f"{name}.yaml").write_text(header + text, encoding="utf-8")
    return load_profile(name, directory)


FAULTS = {
    "a target that is misspelt": (
        "rows:\n  patient:\n    - {to: PatientNam, from: PID-5, as: xpn}\n",
        "site.yaml:5: row 1: unknown target 'PatientNam'; did you mean PatientName?",
    ),
    "a target of another level": (
        "rows:\n  step:\n    - {to: PatientName, from: PID-5, as: xpn}\n",
        "site.yaml:5: row 1: PatientName is not of the step; move the row to `patient`",
    ),
    "a second row with a transform that is misspelt": (
        "rows:\n  patient:\n    - {to: PatientName, from: PID-5, as: xpn}\n"
        "    - {to: PatientBirthDate, from: PID-7, as: dat}\n",
        "site.yaml:6: row 2: unknown transform 'dat'; did you mean date?",
    ),
    "a transform that makes something else": (
        "rows:\n  patient:\n    - {to: PatientName, from: PID-5}\n",
        "site.yaml:5: row 1: PatientName takes name, not text; write `as:` with xpn, xcn or ndl",
    ),
    "a path that is none": (
        "rows:\n  order:\n    - {to: AdmissionID, from: PV1.19}\n",
        "site.yaml:5: row 1: 'PV1.19' is not a path such as PID-3.1; "
        "write SEGMENT-FIELD.COMPONENT, such as OBR-4.1",
    ),
    "a key that is misspelt": (
        "rows:\n  order:\n    - {to: AdmissionID, form: PV1-19}\n",
        "site.yaml:5: row 1: unknown key 'form'; did you mean from?",
    ),
    "no source": (
        "rows:\n  order:\n    - {to: AdmissionID}\n",
        "site.yaml:5: row 1: a row without `from`; name a path or write `constant`",
    ),
    "a table that is not there": (
        "rows:\n  step:\n    - {to: Modality, from: OBR-24, as: {table: modalitys}}\n",
        "site.yaml:5: row 1: no table 'modalitys'; did you mean modalities?",
    ),
    "a column that is not there": (
        "rows:\n  step:\n"
        "    - {to: Modality, from: OBR-4, as: {table: {name: procedures, column: modalty}}}\n",
        "site.yaml:5: row 1: procedures.csv has no column 'modalty'; did you mean modality?",
    ),
    "an option that is not there": (
        "rows:\n  patient:\n    - {to: PatientName, from: PID-5, as: {xpn: {splitt: none}}}\n",
        "site.yaml:5: row 1: xpn has no option 'splitt'; did you mean split?",
    ),
    "a pattern that is none": (
        "rows:\n  step:\n    - {to: Modality, from: OBR-4, as: {match: '('}}\n",
        "site.yaml:5: row 1: not a regular expression: "
        "missing ), unterminated subpattern at position 0; mend it",
    ),
    "two readers": (
        "rows:\n  patient:\n    - {to: PatientBirthDate, from: PID-7, as: [text, date]}\n",
        "site.yaml:5: row 1: date comes after another transform; put it first",
    ),
    "a where of another segment": (
        "rows:\n  patient:\n"
        "    - {to: PatientWeight, from: OBX-5, as: kilograms, where: {OBR-4: [x]}}\n",
        "site.yaml:5: row 1: OBR-4 is not of OBX; name a field of OBX",
    ),
    "a condition that is misspelt": (
        "rows:\n  step:\n    - {to: Modality, constant: CT, when: {messages: ORM^O01}}\n",
        "site.yaml:5: row 1: unknown key 'messages'; did you mean message?",
    ),
    "a level that is misspelt": (
        "rows:\n  steps:\n    - {to: Modality, constant: CT}\n",
        "site.yaml:5: unknown key 'steps'; did you mean step?",
    ),
    "a section that is misspelt": (
        "row:\n  step: []\n",
        "site.yaml:4: unknown key 'row'; did you mean rows?",
    ),
    "a removal of nothing": (
        "remove: [Modalty]\n",
        "site.yaml:3: unknown target 'Modalty'; did you mean Modality?",
    ),
    "a rule without a reason": (
        "imaging:\n  - {is: imaging, present: ZDS}\n",
        "site.yaml:4: imaging rule 1: a rule without `because`; say why in a few words",
    ),
    "a rule with a conclusion that is none": (
        "imaging:\n  - {is: imagin, because: x, present: ZDS}\n",
        "site.yaml:4: imaging rule 1: unknown 'imagin'; did you mean imaging?",
    ),
    "a key twice": (
        "remove: [Modality]\nremove: [Modality]\n",
        "site.yaml:4: key 'remove' stands twice; keep one of them",
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_given_a_fault_when_loaded_then_the_error_says_where_and_what_to_do(
    directory: Path, fault: tuple[str, str]
) -> None:
    text, message = fault
    with pytest.raises(ProfileError) as caught:
        load(directory, text)
    assert str(caught.value) == message


def test_given_no_yaml_when_loaded_then_the_error_names_the_line(directory: Path) -> None:
    with pytest.raises(ProfileError, match=r"site\.yaml:\d+: not YAML"):
        load(directory, "rows:\n  - [\n")


def test_given_an_unknown_name_when_loaded_then_the_error_offers_the_nearest(
    directory: Path,
) -> None:
    with pytest.raises(ProfileError, match="did you mean ihe-swf"):
        load_profile("ihe-swff", directory)


def test_given_profiles_in_a_circle_when_loaded_then_it_is_an_error(directory: Path) -> None:
    (directory / "a.yaml").write_text("profile: a\nextends: b\n", encoding="utf-8")
    (directory / "b.yaml").write_text("profile: b\nextends: a\n", encoding="utf-8")
    with pytest.raises(ProfileError, match=r"b\.yaml:2: profiles extend each other"):
        load_profile("a", directory)


def test_given_rows_for_a_target_when_extended_then_they_replace_all_rows_for_it(
    directory: Path,
) -> None:
    load(directory, "rows:\n  step:\n    - {to: Modality, from: OBR-21}\n")
    site = load_profile("site", directory)
    base = load_profile("ihe-swf", directory)
    own = [row for row in site.levels[Level.STEP] if row.target.keyword == "Modality"]
    assert [(row.profile, row.number) for row in own] == [("site", 1)]
    others = {row.target.keyword for row in base.levels[Level.STEP]}
    assert {row.target.keyword for row in site.levels[Level.STEP]} == others


def test_given_a_removal_when_extended_then_the_target_has_no_rows(directory: Path) -> None:
    load(directory, "remove: [MedicalAlerts]\n")
    site = load_profile("site", directory)
    assert "MedicalAlerts" not in {row.target.keyword for row in site.levels[Level.PATIENT]}


def test_given_authorities_when_localized_then_they_stand_before_the_sites(
    directory: Path,
) -> None:
    load(directory, "authorities: {patient: KIS&1.2.3&ISO, placer: HIS}\n")
    site = load_profile("site", directory).localize(Site(authority=Authority("HOSP")))
    assert site.authority == Authority("KIS", "1.2.3", "ISO")
    assert site.placer == Authority("HIS")


def test_given_a_word_that_yaml_takes_for_a_boolean_when_read_then_it_stays_a_word(
    directory: Path,
) -> None:
    load(directory, "rows:\n  step:\n    - {to: ScheduledStationName, constant: NO}\n")
    site = load_profile("site", directory)
    (row,) = (r for r in site.levels[Level.STEP] if r.target.keyword == "ScheduledStationName")
    assert row.profile == "site"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("code,x\nA,1\na,2\n", "t.csv:3: 'a' stands twice; keep one of them"),
        ("code,x\nA\n", "t.csv:2: 1 cells for 2 columns; write one cell for each column"),
        ("# nothing\n", "t.csv:1: no header; name the columns in the first line"),
    ],
)
def test_given_a_faulty_table_when_read_then_the_error_names_the_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        read_table(path)
    assert str(caught.value) == message


def test_given_a_scheme_column_when_looked_up_then_the_scheme_decides(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("code,scheme,x\n1,LN,loinc\n1,,any\n", encoding="utf-8")
    table = read_table(path)
    assert table.get("1", "x", "LN") == "loinc"
    assert table.get("1", "x", "L") == "any"
    assert table.get("2", "x", "LN") is None


def test_a_condition_on_the_field_itself_finds_the_repetition(directory: Path) -> None:
    text = (
        "rows:\n  order:\n"
        "    - {to: AccessionNumber, from: OBR-3, as: ei, where: {OBR-3.2: [ACCN]}}\n"
        "    - {to: AdmissionID, from: PV1-19, where: {PV1-19.5: [VN, FIN]}}\n"
    )
    load(directory, text)
    profile = load_profile("site", directory)
    message = read(
        b"MSH|^~\\&|A|B|C|D|20260312||ORM^O01|1|P|2.5\rPID|||7\r"
        b"PV1||O|||||||||||||||||1^^^^MR~2^^^^FIN\r"
        b"ORC|NW|P1\rOBR|1|P1|8^CEREF~9^ACCN|CT1^CT head^L||||||||||||||||||||CT"
    )
    (event,) = read_message(message, Sender.of(profile, Site())).events
    assert isinstance(event, OrderReceived)
    assert event.numbers.accession == Identifier("9", Authority("ACCN"))
    assert event.attributes["AdmissionID"] == "2"
