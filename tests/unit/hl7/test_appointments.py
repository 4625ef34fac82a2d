"""Given an SIU message, when read, then it says which appointment, for what, when and where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bridge.domain.appointment import AppointmentAction, AppointmentReceived
from bridge.domain.errors import DataTypeError, RequiredFieldMissing
from bridge.domain.events import Noted
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import Category, OrderNumbers
from bridge.hl7.er7 import read
from bridge.hl7.messages import read_message
from bridge.hl7.reading import Sender
from bridge.mapping.profiles import load_profile
from tests.unit.hl7.messages import PID, SITE, msh, raw, reading, segment

A = AppointmentAction
AIS = segment("AIS", {1: "1", 2: "A", 3: "CTHEAD^CT head^99HOSP", 4: "20260316094500"})
CREATES = "profile: creates\nextends: ihe-swf\noptions: {siu_creates_order: yes}\n"


def sch(**more: str) -> str:
    numbered = {int(key[1:]): value for key, value in more.items()}
    return segment("SCH", {1: "AP1^SCHED"} | numbered)


def one(*segments: str) -> AppointmentReceived:
    (event,) = reading(*segments).events
    assert isinstance(event, AppointmentReceived)
    return event


@pytest.mark.parametrize(
    ("event", "action"),
    [
        ("S12", A.BOOK),
        ("S13", A.RESCHEDULE),
        ("S14", A.MODIFY),
        ("S15", A.CANCEL),
        ("S17", A.DELETE),
        ("S26", A.NO_SHOW),
    ],
)
def test_the_event_says_what_happens(event: str, action: AppointmentAction) -> None:
    found = one(msh(f"SIU^{event}^SIU_S12"), sch(), PID, AIS)
    assert found.action is action
    assert found.numbers == (Identifier("AP1", Authority("SCHED"), "PLAC"),)
    assert found.occurred_at == "20260312011500"


@pytest.mark.parametrize("event", ["S16", "S18", "S19", "S23", "S27"])
def test_other_events_are_noted(event: str) -> None:
    (found,) = reading(msh(f"SIU^{event}"), sch(), PID).events
    assert isinstance(found, Noted)


@pytest.mark.parametrize(
    ("status", "action"),
    [
        ("Booked^^HL70278", A.MODIFY),
        ("Pending", A.MODIFY),
        ("Started", A.ARRIVE),
        ("ARRIVED", A.ARRIVE),
        ("Complete", A.FULFIL),
        ("Cancelled", A.CANCEL),
        ("Deleted", A.DELETE),
        ("Noshow", A.NO_SHOW),
        ("own words", A.MODIFY),
        ("", A.MODIFY),
    ],
)
def test_the_status_may_say_that_more_has_happened(status: str, action: AppointmentAction) -> None:
    assert one(msh("SIU^S14"), sch(f25=status), PID, AIS).action is action


def test_a_cancel_is_a_cancel_whatever_its_status_still_says() -> None:
    assert one(msh("SIU^S15"), sch(f25="Booked"), PID).action is A.CANCEL


def test_repetitions_name_one_order_each() -> None:
    found = one(msh("SIU^S12"), sch(f26="P1^HIS~P2^HIS", f27="F1^RIS"), PID, AIS)
    his, ris = Authority("HIS"), Authority("RIS")
    assert found.orders == (
        OrderNumbers(placer=Identifier("P1", his), filler=Identifier("F1", ris)),
        OrderNumbers(placer=Identifier("P2", his)),
    )


@pytest.mark.parametrize(
    ("segments", "start"),
    [
        ([sch(f11="^^^20260316080000"), AIS], "20260316094500"),
        ([sch(f11="^^^20260316080000"), segment("AIS", {3: "CT"})], "20260316080000"),
        ([sch(), "TQ1|1||||||20260316070000", segment("AIS", {3: "CT"})], "20260316070000"),
        ([sch(), segment("AIG", {3: "CT1", 8: "20260316060000"})], "20260316060000"),
        ([sch(), segment("AIL", {3: "R1", 6: "20260316050000"})], "20260316050000"),
        ([sch(), segment("AIP", {3: "D1", 6: "20260316040000"})], "20260316040000"),
        ([sch(f11="^^^20260316030000")], "20260316030000"),
        ([sch(f11="^^^202603160300+0000")], "20260316100000"),
    ],
)
def test_the_start_is_where_senders_put_it(segments: list[str], start: str) -> None:
    header, *rest = segments
    (found,) = one(msh("SIU^S12"), header, PID, *rest).steps
    assert found.start_date + found.start_time == start


def test_resources_belong_to_the_services_of_their_group() -> None:
    found = one(
        msh("SIU^S12"),
        sch(),
        PID,
        "RGS|1",
        AIS,
        "NTE|1||fasting",
        segment("AIL", {3: "RAD^R1"}),
        "RGS|2",
        segment("AIS", {3: "MRKNEE^MRI knee^99HOSP"}),
        segment("AIL", {3: "RAD^R2"}),
        segment("AIP", {3: "7^Berg^Nils"}),
        "NTE|1||of the person",
    )
    assert [
        (
            step.protocol_codes[0].value,
            step.attributes.get("ScheduledProcedureStepLocation"),
            step.attributes.get("ScheduledPerformingPhysicianName"),
            step.attributes.get("CommentsOnTheScheduledProcedureStep"),
        )
        for step in found.steps
    ] == [
        ("CTHEAD", "RAD R1", None, "fasting"),
        ("MRKNEE", "RAD R2", "Berg^Nils", None),
    ]


def test_what_is_taken_off_the_appointment_is_not_booked() -> None:
    gone = segment("AIS", {2: "D", 3: "MRKNEE"})
    found = one(msh("SIU^S14"), sch(), PID, "RGS|1", AIS, gone, segment("AIL", {2: "D", 3: "R1"}))
    (step,) = found.steps
    assert step.protocol_codes[0].value == "CTHEAD"
    assert step.attributes == {}


def test_equipment_is_a_station_by_table(tmp_path: Path) -> None:
    (tmp_path / "stations.csv").write_text(
        "code,station_ae_titles,station_names,modality\nROOM2,CT01\\CT02,CT two,CT\n"
    )
    (tmp_path / "site.yaml").write_text("profile: site\nextends: ihe-swf\n")
    sender = Sender.of(load_profile("site", tmp_path), SITE)
    message = raw(msh("SIU^S12"), sch(), PID, segment("AIG", {3: "ROOM2^CT scanner^L"}))
    (found,) = read_message(read(message), sender).events
    assert isinstance(found, AppointmentReceived)
    assert found.category is Category.IMAGING
    assert found.steps[0].station_ae_titles == ("CT01", "CT02")
    assert found.steps[0].modality == "CT"


def test_a_clinic_visit_is_not_imaging_and_what_only_names_an_appointment_may_be() -> None:
    visit = segment("AIS", {3: "VISIT^Office visit^L"})
    header = msh("SIU^S12").replace("RIS|RAD", "SCHED|HOSP")
    assert one(header, sch(), PID, visit).category is Category.OTHER
    assert one(header.replace("S12", "S15"), sch(), PID).category is Category.IMAGING


def test_a_start_that_is_no_date_is_refused_where_it_stands() -> None:
    with pytest.raises(DataTypeError) as caught:
        reading(msh("SIU^S12"), sch(f11="^^^soon"), PID, segment("AIS", {3: "CTHEAD^CT head"}))
    assert caught.value.location == "SCH^1^11^1^4"


def test_an_appointment_amounts_to_an_order_where_the_profile_says_so(tmp_path: Path) -> None:
    (tmp_path / "creates.yaml").write_text(CREATES)
    sender = Sender.of(load_profile("creates", tmp_path), SITE)
    message = raw(msh("SIU^S12"), sch(), PID, AIS)
    (found,) = read_message(read(message), sender).events
    assert isinstance(found, AppointmentReceived)
    order = found.order
    assert order is not None
    assert order.control == "NW"
    assert order.numbers == OrderNumbers(placer=Identifier("AP1", Authority("SCHED")))
    (procedure,) = order.procedures
    assert procedure.code is not None
    assert procedure.code.value == "CTHEAD"
    assert procedure.attributes == {"RequestedProcedureDescription": "CT head"}
    assert procedure.steps[0].start_date == "20260316"
    assert replace(found, order=None) == one(msh("SIU^S12"), sch(), PID, AIS)


def test_an_appointment_without_any_number_is_refused_unless_it_may_be_found_otherwise(
    tmp_path: Path,
) -> None:
    with pytest.raises(RequiredFieldMissing) as caught:
        reading(msh("SIU^S12"), PID, AIS)
    assert caught.value.location == "SCH^1^1"
    (tmp_path / "site.yaml").write_text(
        "profile: site\nextends: ihe-swf\noptions: {siu_matches_by_service: yes}\n"
    )
    sender = Sender.of(load_profile("site", tmp_path), SITE)
    (found,) = read_message(read(raw(msh("SIU^S12"), PID, AIS)), sender).events
    assert isinstance(found, AppointmentReceived)
