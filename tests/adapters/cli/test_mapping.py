"""`bridge mapping`: profiles tested, messages explained, other profiles held against traffic."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from bridge.cli import main
from tests.acceptance.orders import Order, new_order, new_patient, orm
from tests.adapters.cli.conftest import Site

WriteMessage = Callable[[str], Path]
FIXTURES = Path(__file__).parents[3] / "fixtures"
LOCAL = "profile: site\nextends: ihe-swf\ntables: {procedures: site.csv}\n"
TABLE = "code,scheme,modality\n"


@pytest.fixture
def draft(site: Site) -> Path:
    """A folder with a changed version of the profile: its stations are said by its table."""
    folder = site.directory / "draft"
    folder.mkdir()
    (folder / "site.yaml").write_text(
        f"{LOCAL}rows:\n  order:\n    - {{to: AccessionNumber, from: OBR-3, as: ei}}\n"
    )
    (folder / "site.csv").write_text(f"{TABLE}X,,CT\n")
    return folder


@pytest.fixture
def handled(site: Site, write_message: WriteMessage) -> list[Order]:
    """Orders that the bridge received, and a patient by FHIR."""
    folder = site.directory / "mappings"
    folder.mkdir()
    (folder / "site.yaml").write_text(LOCAL)
    (folder / "site.csv").write_text(f"{TABLE}X,,CT\n")
    site.configuration["mappings"] = str(folder)
    site.configuration["hl7"]["listeners"][0]["profile"] = "site"
    site.start()
    orders = [new_order(new_patient(family="ĐẶNG")) for _ in range(3)]
    for each in orders:
        assert site.run("send", "hl7", write_message(orm(each)))[0] == 0
    body = {"resourceType": "Patient", "identifier": [{"system": "urn:hosp", "value": "FP1"}]}
    headers = {"Content-Type": "application/fhir+json"}
    with urlopen(Request(f"{site.url}/fhir/Patient", json.dumps(body).encode(), headers)):
        pass
    return orders


def test_given_the_same_profile_when_compared_then_nothing_differs(
    site: Site, handled: list[Order]
) -> None:
    code, told = site.run("mapping", "diff", "--against", "journal", "--to", "site")
    assert (code, told.splitlines()[0]) == (
        0,
        "3 messages compared: 0 differ, 0 of them in events, category or refusal",
    )
    assert "1 messages of another language" in told


def test_given_a_changed_profile_then_each_message_tells_what_would_differ_and_nobodys_name(
    site: Site, handled: list[Order], draft: Path
) -> None:
    code, told = site.run("mapping", "diff", "--against", "journal", "--to", draft)
    assert code == 1
    assert "4 messages compared: 3 differ" in told
    assert told.count("event[1].AccessionNumber: #") == 3
    assert "(site → site)" in told
    for order in handled:
        assert order.accession not in told
        assert order.patient.id not in told
    assert "ĐẶNG" not in told
    code, told = site.run("mapping", "diff", "--against", "journal", "--to", draft, "--show")
    assert f"AccessionNumber: {handled[0].accession}^HOSP → {handled[0].filler}^RIS" in told


def test_given_a_time_then_only_messages_since_then_are_compared(
    site: Site, handled: list[Order], draft: Path
) -> None:
    compare = ("mapping", "diff", "--against", "journal", "--to", draft)
    assert "0 messages compared" in site.run(*compare, "--since", "2999-01-01")[1]
    assert "4 messages compared" in site.run(*compare, "--since", "1h")[1]
    assert "0 messages compared" in site.run(*compare, "--until", "2020-01-01T08:00")[1]
    assert "2 messages compared" in site.run(*compare, "--limit", "2")[1]
    assert "is no time" in site.run(*compare, "--since", "yesterday")[1]


def test_given_a_profile_that_is_broken_then_its_line_is_told(
    site: Site, handled: list[Order], draft: Path
) -> None:
    (draft / "site.csv").write_text(f"{TABLE}X,,TC\n")
    code, told = site.run("mapping", "diff", "--against", "journal", "--to", draft)
    assert code == 2
    assert "site.csv:2: modality 'TC' is no modality" in told


def test_given_message_files_when_two_profiles_are_compared_then_they_need_no_database(
    site: Site,
) -> None:
    messages = FIXTURES / "philips"
    code, told = site.run("mapping", "diff", messages, "--from", "ihe-swf", "--to", "philips")
    assert code == 1
    assert "orm-mr-knee.hl7 (ihe-swf → philips)" in told
    assert "Modality: - → MR" in told
    assert "BodyPartExamined: - → KNEE" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--against", "journal"], "say which other profile"),
        (["--to", "epic"], "name messages, say --against journal, or name two profiles"),
        (["x.hl7", "--against", "journal", "--to", "epic"], "not both"),
        (["x.hl7", "--to", "./none.yaml"], "there is no profile ./none.yaml"),
    ],
)
def test_given_too_little_then_it_says_what_is_missing(
    site: Site, arguments: list[str], words: str
) -> None:
    code, told = site.run("mapping", "diff", *arguments)
    assert code == 1
    assert words in told


def test_given_a_message_when_explained_then_it_says_why_it_is_imaging_and_what_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["mapping", "explain", str(FIXTURES / "epic" / "orm-new-ct.hl7")]) == 0
    told = capsys.readouterr().out
    assert "imaging: its diagnostic service section" in told
    assert "order control NW with SC: create, schedule" in told
    assert "Modality = 'CT' ← OBR-24 by table diagnostic-sections (ihe-swf row " in told


def test_given_nothing_named_then_every_profile_is_tested(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["mapping", "test"]) == 0
    assert "golden tests passed" in capsys.readouterr().out


def test_given_a_profile_by_name_then_its_tests_are_run_and_a_wrong_name_is_put_right(
    site: Site,
) -> None:
    assert site.run("mapping", "test", "epic") == (0, "10 of 10 golden tests passed\n")
    code, told = site.run("mapping", "test", "epc")
    assert (code, told) == (1, "bridge: there are no tests of 'epc'; did you mean epic?\n")


def test_given_a_sites_own_profile_then_its_tests_are_run_too_and_it_explains(
    site: Site, draft: Path
) -> None:
    site.configuration["mappings"] = str(draft)
    message = FIXTURES / "ris-ihe" / "omi-one-step.hl7"
    (draft / "site.tests.yaml").write_text(
        f"profile: site\ntests:\n  - {{name: x, message: {message}, expect: [{{Modality: CT}}]}}\n"
    )
    code, told = site.run("mapping", "test", "site")
    assert code == 1
    assert "FAILED site.tests.yaml:3 x" in told
    code, told = site.run("mapping", "explain", message, "--profile", "site")
    assert code == 0
    assert "← OBR-3 (site row 1)" in told


def test_given_two_profile_files_then_it_tells_what_they_say_otherwise(
    site: Site, draft: Path
) -> None:
    old = site.directory / "old"
    old.mkdir()
    (old / "site.yaml").write_text(LOCAL)
    (old / "site.csv").write_text(f"{TABLE}X,,CT\nY,,MR\n")
    (draft / "site.csv").write_text(f"{TABLE}X,,US\n")
    code, told = site.run("mapping", "diff", old / "site.yaml", draft / "site.yaml")
    assert code == 1
    assert "rows.order.AccessionNumber: {from: [IPC-1, OBR-18], as: ei} → {from: OBR-3" in told
    assert "tables.procedures[X]: code=X, modality=CT → code=X, modality=US" in told
    assert "tables.procedures[Y]: code=Y, modality=MR → -" in told
    assert told.endswith("3 rows, rules, options and codes differ\n")
    assert site.run("mapping", "diff", old / "site.yaml", old / "site.yaml")[0] == 0


def test_given_two_profiles_by_name_then_options_and_rules_are_told_too(site: Site) -> None:
    code, told = site.run("mapping", "diff", "--from", "ihe-swf", "--to", "cerner")
    assert code == 1
    assert "options.overlong_ids: - → surrogate" in told
    assert "imaging.cerner[1]: - → {because: its activity type" in told
