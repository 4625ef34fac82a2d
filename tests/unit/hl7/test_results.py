"""Given an ORU or MDM message, when read, then each report names its order and its status."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.domain.events import Noted
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import Category
from bridge.domain.result import ResultReported
from bridge.hl7.er7 import read
from bridge.hl7.messages import read_message
from bridge.hl7.reading import Sender
from bridge.mapping.profiles import load_profile
from tests.unit.hl7.messages import PID, SITE, msh, obr, orc, raw, reading, segment

UID = "1.2.826.0.1.3680043.10.1234.1"
ORU = msh("ORU^R01^ORU_R01")


def results(*segments: str) -> list[ResultReported]:
    events = reading(*segments).events
    return [event for event in events if isinstance(event, ResultReported)]


def test_a_report_names_its_order_and_its_status() -> None:
    (found,) = results(ORU, PID, orc("RE"), obr(f18="A1", f19="RP1", f25="F"))
    assert found.numbers.accession == Identifier("A1", Authority("HOSP"))
    assert (found.numbers.placer, found.numbers.filler) == (Identifier("P1"), Identifier("F1"))
    assert (found.status, found.completes, found.location) == ("F", False, "OBR^1")
    assert found.procedure is not None
    assert found.procedure.rp_id == "RP1"
    assert found.patient.identifiers[0].value == "PID1"


@pytest.mark.parametrize(
    "observed",
    [
        segment("OBX", {2: "ST", 3: "113014^DICOM Study^DCM", 5: UID}),
        segment("OBX", {2: "HD", 3: "^Study Instance UID", 5: UID}),
        f"ZDS|{UID}^RIS^Application^DICOM",
    ],
)
def test_the_study_is_where_senders_put_it(observed: str) -> None:
    (found,) = results(ORU, PID, obr(f2="", f25="F"), observed)
    assert found.study_instance_uid == UID


def test_each_order_of_a_message_has_its_report() -> None:
    found = results(ORU, PID, orc("RE"), obr(f25="F"), orc("RE", "P2", "F2"), obr(2, f25="P"))
    assert [(each.numbers.placer, each.status) for each in found] == [
        (Identifier("P1"), "F"),
        (Identifier("P2"), "P"),
    ]


def test_a_status_that_stands_with_the_observations_counts_where_obr_says_none() -> None:
    (found,) = results(ORU, PID, orc("RE"), obr(), segment("OBX", {3: "X", 5: "y", 11: "F"}))
    assert found.status == "F"


@pytest.mark.parametrize(("status", "completes"), [("F", True), ("C", True), ("P", False)])
def test_the_profile_says_which_statuses_complete(
    tmp_path: Path, status: str, completes: bool
) -> None:
    (tmp_path / "site.yaml").write_text(
        "profile: site\nextends: ihe-swf\noptions: {results_complete: [F, C]}\n"
    )
    sender = Sender.of(load_profile("site", tmp_path), SITE)
    message = read(raw(ORU, PID, orc("RE"), obr(f25=status)))
    (found,) = read_message(message, sender).events
    assert isinstance(found, ResultReported)
    assert found.completes is completes


def test_a_laboratory_result_is_told_as_such() -> None:
    lab = ORU.replace("RIS|RAD", "LIS|LAB")
    (found,) = results(lab, PID, orc("RE"), obr(f4="NA^Sodium^L", f24="CH", f25="F"))
    assert found.category is Category.OTHER


@pytest.mark.parametrize("event", [f"T{number:02}" for number in range(1, 12)])
def test_a_document_names_its_order_in_txa(event: str) -> None:
    txa = segment("TXA", {1: "1", 2: "DI", 14: "P1^HIS", 15: "F1^RIS", 17: "LA"})
    (found,) = results(msh(f"MDM^{event}^MDM_T02"), PID, txa)
    assert found.numbers.placer == Identifier("P1", Authority("HIS"))
    assert found.numbers.filler == Identifier("F1", Authority("RIS"))
    assert found.status == ("X" if event == "T11" else "F")
    assert found.location == "TXA^1"


def test_a_document_with_its_order_names_it_there() -> None:
    txa = segment("TXA", {1: "1", 17: "DI"})
    (found,) = results(msh("MDM^T02"), PID, orc("RE"), obr(), txa)
    assert (found.numbers.placer, found.status) == (Identifier("P1"), "P")


def test_a_report_that_names_no_order_is_noted() -> None:
    (found,) = reading(ORU, PID, obr()).events
    assert isinstance(found, Noted)


def test_nothing_of_a_report_can_refuse_it() -> None:
    found = reading(ORU, PID, orc("RE"), obr(f18="X" * 40, f25="F"), "ZDS|no uid")
    (event,) = found.events
    assert isinstance(event, ResultReported)
    assert found.remarks
