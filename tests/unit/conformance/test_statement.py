"""Given the code, when its conformance statement is written, then it says what the code does."""

import re
from pathlib import Path

import pytest

from bridge.conformance.statement import write_statement
from bridge.dicom import sop_classes
from bridge.dicom.statuses import Status
from bridge.dicom.worklist_keys import WORKLIST_KEYS
from bridge.settings import Settings
from bridge.settings.dicom import Dicom

COMMITTED = Path(__file__).parents[3] / "docs" / "conformance" / "dicom.md"
OPERATIONS = COMMITTED.parents[1] / "operations" / "dicom-statuses.md"


def is_uid(text: str) -> bool:
    return re.fullmatch(r"1\.2\.840\.10008(\.\d+)+", text) is not None


STATEMENT = write_statement(Settings())
UIDS = {uid for uid in vars(sop_classes).values() if isinstance(uid, str) and is_uid(uid)}


def test_given_the_committed_statement_then_it_is_the_one_the_code_writes() -> None:
    """Run `bridge conformance dicom > docs/conformance/dicom.md` when this fails."""
    assert COMMITTED.read_text(encoding="utf-8") == STATEMENT


@pytest.mark.parametrize("uid", sorted(UIDS - {sop_classes.STORAGE_COMMITMENT_INSTANCE}))
def test_given_a_sop_class_of_a_service_then_the_statement_names_it(uid: str) -> None:
    assert f"`{uid}`" in STATEMENT


@pytest.mark.parametrize("status", Status, ids=lambda status: status.name)
def test_given_a_failure_then_operations_say_what_to_do(status: Status) -> None:
    assert status is Status.SUCCESS or f"{status:04X}H" in OPERATIONS.read_text(encoding="utf-8")


def test_given_the_keys_of_the_worklist_then_each_has_its_row() -> None:
    section = STATEMENT.split("#### 4.3.2")[1].split("#### 4.3.3")[0]

    assert len(re.findall(r"^\| .* \([0-9A-F]{4},[0-9A-F]{4}\) \|", section, re.M)) == len(
        WORKLIST_KEYS
    )


@pytest.mark.parametrize("key", ["Patient's Name", "Modalities in Study", "Study Date"])
def test_given_a_key_of_query_retrieve_then_its_reader_was_asked_and_it_is_there(key: str) -> None:
    section = STATEMENT.split("#### 4.3.6")[1].split("### 4.4")[0]

    assert re.search(rf"^\| {key} ", section, re.M)


def test_given_a_key_that_no_reader_matches_then_no_table_says_so() -> None:
    section = STATEMENT.split("#### 4.3.6")[1].split("### 4.4")[0]

    assert "Manufacturer" not in section


def test_given_a_site_then_its_title_and_limits_are_in_its_statement() -> None:
    ours = write_statement(Settings(dicom=Dicom(ae_title="HOSPITAL", max_associations=7)))

    assert "`HOSPITAL`" in ours
    assert "| Associations accepted at one time | 7 |" in ours
