"""Appointments (SIU), reports (ORU, MDM), and messages that come before what they are about."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.appointments import head, mdm, new_appointment, oru, siu
from tests.acceptance.conftest import NewHospital
from tests.acceptance.hospital import Hospital
from tests.acceptance.orders import ZONE, Order, new_order, omi, orm
from tests.peers.process import choose_port

LATER = (datetime.now(ZONE) + timedelta(days=3)).strftime("%Y%m%d")
MUCH_LATER = (datetime.now(ZONE) + timedelta(days=9)).strftime("%Y%m%d")
OMI = "OMI^O23^OMI_O23"


def start_of(hospital: Hospital, order: Order) -> str:
    (step,) = hospital.entry(order).ScheduledProcedureStepSequence
    return str(step.ScheduledProcedureStepStartDate + step.ScheduledProcedureStepStartTime)[:12]


def is_shown(hospital: Hospital, order: Order) -> bool:
    return bool(hospital.worklist(AccessionNumber=order.accession))


def open_site(new_hospital: NewHospital, tmp_path: Path, options: str) -> Hospital:
    """A hospital whose sender has these options."""
    folder = tmp_path / "mappings"
    folder.mkdir()
    (folder / "site.yaml").write_text(f"profile: site\nextends: ihe-swf\noptions: {options}\n")
    listener = {"name": "his", "host": "127.0.0.1", "port": choose_port(), "profile": "site"}
    return new_hospital(mappings=str(folder), hl7={"listeners": [listener]})


def test_given_an_appointment_when_it_is_moved_and_cancelled_then_the_worklist_follows(
    hospital: Hospital,
) -> None:
    order, number = new_order(), new_appointment()
    hospital.place(omi(order))

    hospital.place(siu("S12", number, order, start=f"{LATER}103000", location="RAD^R2"))
    assert start_of(hospital, order) == f"{LATER}1030"
    (step,) = hospital.entry(order).ScheduledProcedureStepSequence
    assert step.ScheduledProcedureStepLocation == "RAD R2"

    moved = siu("S13", number, order, start=f"{MUCH_LATER}143000", named=False, minutes=1)
    hospital.place(moved)
    assert start_of(hospital, order) == f"{MUCH_LATER}1430"

    hospital.place(siu("S15", number, order, named=False, minutes=2))
    assert not is_shown(hospital, order)

    again = siu("S12", new_appointment(), order, start=f"{LATER}080000", minutes=3)
    hospital.place(again)
    assert start_of(hospital, order) == f"{LATER}0800"


def test_given_messages_of_an_appointment_in_the_wrong_order_then_the_newest_counts(
    hospital: Hospital,
) -> None:
    order, number = new_order(), new_appointment()
    hospital.place(omi(order))
    hospital.place(siu("S13", number, order, start=f"{MUCH_LATER}143000", minutes=2))
    hospital.place(siu("S12", number, order, start=f"{LATER}103000", minutes=1))
    assert start_of(hospital, order) == f"{MUCH_LATER}1430"


def test_given_an_appointment_before_its_order_then_it_waits_and_the_sender_is_told(
    hospital: Hospital,
) -> None:
    order, number = new_order(), new_appointment()
    answer = hospital.send(siu("S12", number, order, start=f"{LATER}103000", minutes=5))
    assert answer["code"] == "AA"
    assert "|W|" in answer["errors"]
    assert "waits for it" in answer["errors"]
    assert not is_shown(hospital, order)

    hospital.place(omi(order))
    assert start_of(hospital, order) == f"{LATER}1030"


def test_given_a_patient_who_does_not_come_then_the_examination_waits_for_a_new_time(
    hospital: Hospital,
) -> None:
    order, number = new_order(), new_appointment()
    hospital.place(omi(order))
    hospital.place(siu("S12", number, order, start=f"{LATER}103000"))
    hospital.place(siu("S26", number, order, named=False, minutes=1))
    assert not is_shown(hospital, order)


def test_given_an_examination_that_has_begun_then_its_appointment_no_longer_moves_it(
    hospital: Hospital,
) -> None:
    order, number = new_order(), new_appointment()
    hospital.place(omi(order))
    before = start_of(hospital, order)
    hospital.start_step(order)
    answer = hospital.send(siu("S13", number, order, start=f"{LATER}103000"))
    assert answer["code"] == "AA"
    assert "has begun" in answer["errors"]
    assert start_of(hospital, order) == before


def test_given_a_sender_that_places_no_orders_then_its_appointment_is_on_the_worklist(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    hospital = open_site(new_hospital, tmp_path, "{siu_creates_order: yes}")
    order, number = new_order(), new_appointment()
    hospital.place(siu("S12", number, order, start=f"{LATER}103000", named=False))
    (item,) = hospital.worklist(PatientID=order.patient.id)
    (step,) = item.ScheduledProcedureStepSequence
    assert step.ScheduledProcedureStepStartDate == LATER
    assert step.Modality == "CT"
    assert item.AccessionNumber
    assert item.StudyInstanceUID
    hospital.place(siu("S15", number, order, named=False, minutes=1))
    assert hospital.worklist(PatientID=order.patient.id) == []


def test_given_reports_then_they_complete_an_order_where_the_profile_says_so(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    hospital = open_site(new_hospital, tmp_path, "{results_complete: [F, C]}")
    by_result, by_document = new_order(), new_order()
    hospital.place(omi(by_result))
    hospital.place(omi(by_document))
    hospital.place(oru(by_result, "P"))
    assert is_shown(hospital, by_result)
    hospital.place(oru(by_result, "F"))
    assert not is_shown(hospital, by_result)
    hospital.place(mdm(by_document, "LA"))
    assert not is_shown(hospital, by_document)


def test_given_reports_otherwise_then_they_are_noted(hospital: Hospital) -> None:
    order = new_order()
    hospital.place(omi(order))
    hospital.place(oru(order, "F"))
    hospital.place(mdm(order, "LA"))
    assert is_shown(hospital, order)


@pytest.mark.parametrize(
    ("control", "status", "shown"),
    [("SC", "CM", False), ("HD", "", False), ("DC", "CA", False), ("SC", "IP", True)],
)
def test_given_a_message_on_an_order_before_the_order_then_it_counts_when_the_order_comes(
    hospital: Hospital, control: str, status: str, shown: bool
) -> None:
    order = new_order()
    early = omi(order, control=control, status=status, head=head(OMI, minutes=2))
    answer = hospital.send(early)
    assert answer["code"] == "AA"
    assert "waits for it" in answer["errors"]
    hospital.place(omi(order, head=head(OMI)))
    assert is_shown(hospital, order) is shown


def test_given_a_cancel_before_its_order_then_only_a_newer_order_is_shown(
    hospital: Hospital,
) -> None:
    order = new_order()
    hospital.place(omi(order, control="CA", status="CA", head=head(OMI, minutes=2)))
    hospital.place(omi(order, head=head(OMI, minutes=1)))
    assert not is_shown(hospital, order)
    hospital.place(omi(order, head=head(OMI, minutes=3)))
    assert is_shown(hospital, order)


def test_given_a_status_request_then_it_is_rejected_for_good(hospital: Hospital) -> None:
    order = new_order()
    hospital.place(orm(order))
    answer = hospital.send(omi(order, control="SS", status=""))
    assert answer["code"] == "AR"
    assert "201^" in answer["errors"]


def test_given_a_replacement_then_the_new_order_is_shown_and_the_old_one_is_not(
    hospital: Hospital,
) -> None:
    old = new_order()
    new = new_order(old.patient)
    hospital.place(omi(old))
    # One message: the old order ends (RP), the new one takes its place (RO).
    first = omi(old, control="RP", status="", head=head(OMI, minutes=1))
    second = omi(new, control="RO", status="SC", head=head(OMI, minutes=1))
    groups = second[second.index("ORC|") :]
    hospital.place(first + groups)
    assert not is_shown(hospital, old)
    assert is_shown(hospital, new)
