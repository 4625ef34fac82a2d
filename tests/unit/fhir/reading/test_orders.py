"""ServiceRequests and Tasks as orders: what belongs together, and what it asks for."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.domain.events import Noted
from bridge.domain.order import Category, OrderReceived
from bridge.domain.visit import VisitNumbers
from tests.unit.fhir.reading.reader import (
    CT,
    POLLED,
    Held,
    bundle,
    controls,
    deleted,
    events,
    identifier,
    orders,
    patient,
    read,
    refusal,
    request,
    task,
)

HERE = Held(patient())


def first(document: dict[str, Any], *held: dict[str, Any], **how: Any) -> OrderReceived:
    return orders(document, Held(patient(), *held), **how)[0]


class TestStatus:
    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            ("active", [("NW", ""), ("RL", "")]),
            ("on-hold", [("NW", "HD")]),
            ("revoked", [("CA", "CA")]),
            ("completed", [("NW", "CM")]),
            ("entered-in-error", [("CA", "CA")]),
        ],
    )
    def test_given_a_status_then_it_asks_for_this(
        self, status: str, expected: list[tuple[str, str]]
    ) -> None:
        assert controls(orders(request(status=status), HERE)) == expected

    @pytest.mark.parametrize("status", ["draft", "unknown"])
    def test_given_a_status_that_asks_for_nothing_then_it_is_noted(self, status: str) -> None:
        (event,) = events(request(status=status), HERE)
        assert isinstance(event, Noted)

    @pytest.mark.parametrize("intent", ["proposal", "plan", "directive", "option"])
    def test_given_an_intent_that_is_no_order_then_it_is_noted(self, intent: str) -> None:
        (event,) = events(request(intent=intent), HERE)
        assert isinstance(event, Noted)

    @pytest.mark.parametrize(
        "intent", ["order", "original-order", "reflex-order", "filler-order", "instance-order"]
    )
    def test_given_the_intent_of_an_order_then_it_is_one(self, intent: str) -> None:
        assert first(request(intent=intent)).category is Category.IMAGING

    def test_given_a_prohibition_then_it_is_noted(self) -> None:
        (event,) = events(request(doNotPerform=True), HERE)
        assert isinstance(event, Noted)


class TestNumbers:
    def test_given_types_then_each_number_is_what_it_says(self) -> None:
        numbers = [
            identifier("A1", "urn:oid:1.2", "ACSN"),
            identifier("F1", "urn:id:RIS", "FILL"),
            identifier("P1", "urn:id:HIS", "PLAC"),
        ]
        found = first(request(identifier=numbers)).numbers
        assert found.accession is not None
        assert found.filler is not None
        assert found.placer is not None
        assert found.accession.key == ("A1", "1.2")
        assert (found.filler.key, found.placer.key) == (("F1", "RIS"), ("P1", "HIS"))

    def test_given_no_type_then_it_is_the_placers(self) -> None:
        found = first(request(number="K7")).numbers
        assert found.placer is not None
        assert found.placer.key == ("K7", "HIS")

    def test_given_no_number_then_the_id_is_one(self) -> None:
        found = first(request(name="abc", number="")).numbers
        assert found.placer is not None
        assert found.placer.key == ("abc", "FHIR")

    def test_given_neither_then_it_is_refused(self) -> None:
        nameless = request(number="", id=None)
        assert refusal(nameless, HERE) == ("101", "ServiceRequest.identifier")

    def test_given_an_accession_number_that_is_too_long_then_it_is_refused_with_its_place(
        self,
    ) -> None:
        long = request(identifier=[identifier("K1"), identifier("A" * 17, "urn:id:R", "ACSN")])
        assert refusal(long, HERE) == ("102", "ServiceRequest.identifier[1]")


class TestPatient:
    def test_given_a_patient_who_is_not_known_then_it_is_refused(self) -> None:
        assert refusal(request()) == ("204", "ServiceRequest.subject.reference")

    def test_given_something_that_is_no_patient_then_it_is_refused(self) -> None:
        group = {"resourceType": "Group", "id": "g"}
        grouped = request(subject={"reference": "Group/g"})
        assert refusal(grouped, Held(group)) == ("204", "ServiceRequest.subject.reference")

    def test_given_a_logical_reference_then_the_identifier_is_enough(self) -> None:
        found = first(request(subject={"identifier": identifier("P9")}))
        assert [each.key for each in found.patient.identifiers] == [("P9", "HOSP")]

    def test_given_a_revoked_request_then_nobody_need_be_known(self) -> None:
        (event,) = orders(request(status="revoked"))
        assert (event.control, event.patient.identifiers) == ("CA", ())

    def test_given_a_contained_patient_then_it_is_meant(self) -> None:
        whole = request(contained=[patient("x", "P5")], subject={"reference": "#x"})
        assert first(whole).patient.identifiers[0].value == "P5"


class TestImaging:
    def test_given_no_sign_of_imaging_then_it_is_noted_with_its_numbers(self) -> None:
        other = request(category=[], orderDetail=[], code={"text": "Referral"})
        (event,) = orders(other)
        assert event.category is Category.OTHER
        assert event.numbers

    @pytest.mark.parametrize(
        "elements",
        [
            {"category": [{"coding": [{"code": "RAD"}]}]},
            {"category": [{"text": "Imaging"}]},
            {"orderDetail": [CT]},
            {"code": {"text": "MRI brain"}},
            {"code": {"coding": [{"system": "http://playbook.radlex.org", "code": "RPID2"}]}},
            {"code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "71250"}]}},
        ],
    )
    def test_given_one_sign_then_it_is(self, elements: dict[str, Any]) -> None:
        bare = {"category": [], "orderDetail": [], "code": {"text": "Thorax"}}
        assert first(request(**{**bare, **elements})).category is Category.IMAGING

    def test_given_a_laboratory_category_then_its_words_do_not_count(self) -> None:
        laboratory = {"coding": [{"code": "108252007"}]}
        other = request(category=[laboratory], orderDetail=[], code={"text": "X-ray thorax"})
        assert first(other).category is Category.OTHER

    def test_given_what_an_order_cannot_have_then_only_imaging_is_refused(self) -> None:
        long = [identifier("A" * 17, "urn:id:R", "ACSN")]
        assert refusal(request(identifier=long), HERE)[0] == "102"
        lab = request(identifier=long, category=[{"coding": [{"code": "108252007"}]}])
        assert first(lab).category is Category.OTHER


class TestLevels:
    def test_given_a_procedure_of_an_order_then_both_are_one_order(self) -> None:
        root = request("isr", "K1", code=None, orderDetail=[])
        child = request(
            "rp",
            number="",
            identifier=[{"type": {"text": "Requested Procedure ID"}, "value": "RP1"}],
            basedOn=[{"reference": "ServiceRequest/isr"}],
        )
        reading = read(bundle(child, root, patient()))
        snapshot = next(e for e in reading.events if isinstance(e, OrderReceived))
        (procedure,) = snapshot.procedures
        assert procedure.rp_id == "RP1"
        assert snapshot.numbers.placer is not None
        assert snapshot.numbers.placer.value == "K1"
        assert snapshot.location == "Bundle.entry[1].resource"
        assert reading.entries[0].note == "read with Bundle.entry[1].resource"

    def test_given_accession_numbers_of_their_own_then_procedures_are_orders_of_their_own(
        self,
    ) -> None:
        root = request("isr", "K1", code=None)
        children = [
            request(
                f"rp{n}",
                identifier=[identifier(f"A{n}", kind="ACSN")],
                basedOn=[{"reference": "ServiceRequest/isr"}],
            )
            for n in (1, 2)
        ]
        found = [e for e in orders(bundle(root, *children, patient())) if e.control == "NW"]
        accessions = [e.numbers.accession.value for e in found if e.numbers.accession]
        assert accessions == ["A1", "A2"]

    def test_given_a_request_based_on_a_plan_then_it_is_the_order(self) -> None:
        plan = request("plan", intent="plan")
        found = first(request("r", basedOn=[{"reference": "ServiceRequest/plan"}]), plan)
        assert found.location == "ServiceRequest"

    def test_given_requests_that_are_based_on_each_other_then_that_ends(self) -> None:
        one = request("a", "K1", basedOn=[{"reference": "ServiceRequest/b"}])
        other = request("b", "K2", basedOn=[{"reference": "ServiceRequest/a"}])
        assert orders(bundle(one, other, patient()))

    def test_given_a_revoked_procedure_then_only_that_is_cancelled(self) -> None:
        root = request("isr", "K1", code=None)
        alive, gone = (
            request(
                name,
                number="",
                identifier=[{"type": {"text": "RP"}, "value": name}],
                status=status,
                basedOn=[{"reference": "ServiceRequest/isr"}],
            )
            for name, status in (("R1", "active"), ("R2", "revoked"))
        )
        found = orders(bundle(root, alive, gone, patient()))
        assert controls(found) == [("NW", ""), ("RL", ""), ("SC", "CA")]
        assert [each.rp_id for each in found[2].procedures] == ["R2"]


class TestTasks:
    def test_given_tasks_then_each_is_a_step(self) -> None:
        steps = [task("a", "S1"), task("b", "S2")]
        (procedure,) = orders(bundle(request(), *steps, patient()))[0].procedures
        assert [step.sps_id for step in procedure.steps] == ["S1", "S2"]

    def test_given_a_task_without_number_then_its_id_stands_for_one(self) -> None:
        long = "0b9c6f0a-6f3b-4a55-9d6e-3f6c1d2e4f50"
        tasks = [task("short", ""), task(long, "")]
        (procedure,) = orders(bundle(request(), *tasks, patient()))[0].procedures
        short, other = (step.sps_id for step in procedure.steps)
        assert short == "short"
        assert len(other) == 16
        again = orders(bundle(request(), *reversed(tasks), patient()))[0].procedures[0]
        assert {step.sps_id for step in again.steps} == {short, other}

    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            ("requested", []),
            ("accepted", []),
            ("ready", []),
            ("in-progress", [("SC", "IP")]),
            ("completed", [("SC", "CM")]),
            ("cancelled", [("SC", "CA")]),
            ("rejected", [("SC", "CA")]),
            ("failed", [("SC", "CA")]),
            ("on-hold", [("SC", "HD")]),
        ],
    )
    def test_given_its_status_then_its_step_follows(
        self, status: str, expected: list[tuple[str, str]]
    ) -> None:
        found = orders(bundle(request(), task(status=status), task("b", "S2"), patient()))
        assert controls(found)[2:] == expected
        for event in found[2:]:
            assert [s.sps_id for p in event.procedures for s in p.steps] == ["S1"]

    def test_given_a_draft_then_it_is_no_step(self) -> None:
        found = orders(bundle(request(), task(status="draft"), patient()))
        assert [step.sps_id for step in found[0].procedures[0].steps] == [""]

    def test_given_a_task_alone_then_its_order_is_read_whole(self) -> None:
        held = Held(patient(), request(), task("a", "S1"))
        found = orders(task("b", "S2", status="in-progress"), held)
        assert controls(found) == [("NW", ""), ("RL", ""), ("SC", "IP")]
        assert [s.sps_id for s in found[0].procedures[0].steps] == ["S2", "S1"]

    def test_given_a_task_of_a_number_then_only_its_step_is_told_of(self) -> None:
        of = {"type": "ServiceRequest", "identifier": identifier("K1", "urn:id:HIS")}
        (event,) = orders(task(focus=of, status="completed"))
        assert (event.control, event.status) == ("SC", "CM")
        assert event.numbers.placer is not None
        assert event.numbers.placer.key == ("K1", "HIS")

    def test_given_a_request_that_is_not_known_then_it_is_refused(self) -> None:
        assert refusal(task(of="nowhere")) == ("204", "Task.focus.reference")

    def test_given_a_task_about_something_else_then_it_is_noted(self) -> None:
        (event,) = events(task(focus={"reference": "Observation/1"}))
        assert isinstance(event, Noted)


class TestValues:
    def test_given_a_time_with_a_zone_then_it_is_the_sites(self) -> None:
        found = first(request(occurrenceDateTime="2026-03-12T23:30:00Z"))
        step = found.procedures[0].steps[0]
        assert (step.start_date, step.start_time) == ("20260313", "063000")

    @pytest.mark.parametrize(
        "when",
        [
            {"occurrencePeriod": {"start": "2026-03-12T08:00:00+07:00"}},
            {"occurrenceTiming": {"event": ["2026-03-12T08:00:00+07:00"]}},
            {
                "occurrenceTiming": {
                    "repeat": {"boundsPeriod": {"start": "2026-03-12T08:00:00+07:00"}}
                }
            },
        ],
    )
    def test_given_any_occurrence_then_it_tells_the_start(self, when: dict[str, Any]) -> None:
        step = first(request(**when)).procedures[0].steps[0]
        assert (step.start_date, step.start_time) == ("20260312", "080000")

    def test_given_only_a_month_then_it_is_left_out_with_a_warning(self) -> None:
        reading = read(request(occurrenceDateTime="2026-03"), HERE)
        assert any("ServiceRequest.occurrence" in each for each in reading.warnings)

    def test_given_an_appointment_then_it_goes_before_the_request(self) -> None:
        booked = {
            "resourceType": "Appointment",
            "id": "ap",
            "status": "booked",
            "start": "2026-03-13T08:00:00+07:00",
            "basedOn": [{"reference": "ServiceRequest/r"}],
            "participant": [{"status": "accepted", "actor": {"reference": "Patient/p"}}],
        }
        said = request(occurrenceDateTime="2026-03-12T08:00:00+07:00")
        step = first(said, booked).procedures[0].steps[0]
        assert step.start_date == "20260313"

    def test_given_a_practitioners_role_then_both_are_named(self) -> None:
        role = {
            "resourceType": "PractitionerRole",
            "id": "role",
            "practitioner": {"reference": "Practitioner/d"},
            "organization": {"display": "Khoa Nội"},
        }
        doctor = {"resourceType": "Practitioner", "id": "d", "name": [{"family": "Lê"}]}
        found = first(request(requester={"reference": "PractitionerRole/role"}), role, doctor)
        assert found.attributes["RequestingPhysician"] == "Lê"
        assert found.attributes["RequestingService"] == "Khoa Nội"

    def test_given_an_organisation_then_it_is_no_person(self) -> None:
        found = first(request(requester={"reference": "Organization/o", "display": "Khoa Nội"}))
        assert "RequestingPhysician" not in found.attributes
        assert found.attributes["RequestingService"] == "Khoa Nội"

    def test_given_an_encounter_then_the_visit_is_known(self) -> None:
        encounter = {
            "resourceType": "Encounter",
            "id": "e",
            "status": "in-progress",
            "class": {"code": "IMP"},
            "identifier": [identifier("V1", kind="VN")],
            "location": [{"location": {"display": "Khoa Ngoại"}}],
        }
        found = first(request(encounter={"reference": "Encounter/e"}), encounter)
        assert isinstance(found.visit, VisitNumbers)
        assert found.visit.number is not None
        assert found.visit.number.value == "V1"
        assert found.attributes["CurrentPatientLocation"] == "Khoa Ngoại"

    def test_given_supporting_information_then_it_is_the_patients(self) -> None:
        weight = {
            "resourceType": "Observation",
            "id": "w",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "valueQuantity": {"value": 61500, "code": "g"},
        }
        found = first(request(supportingInfo=[{"reference": "Observation/w"}]), weight)
        assert found.patient.attributes["PatientWeight"] == "61.5"

    def test_given_a_registered_study_then_its_uid_is_the_procedures(self) -> None:
        study = {
            "resourceType": "ImagingStudy",
            "id": "s",
            "status": "registered",
            "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}],
            "subject": {"reference": "Patient/p"},
            "basedOn": [{"reference": "ServiceRequest/r"}],
        }
        assert first(request(), study).procedures[0].study_instance_uid == "1.2.3"


class TestTime:
    def test_given_what_a_client_wrote_then_it_says_nothing_of_the_sequence(self) -> None:
        meta = {"lastUpdated": "2026-03-12T08:00:00Z"}
        assert first(request(meta=meta)).occurred_at == ""

    def test_given_what_a_server_says_then_it_does(self) -> None:
        meta = {"lastUpdated": "2026-03-12T08:00:00Z"}
        assert first(request(meta=meta), sender=POLLED).occurred_at == "20260312080000"

    def test_given_a_newer_task_then_the_snapshot_is_as_new(self) -> None:
        older, newer = ({"lastUpdated": f"2026-03-12T0{n}:00:00Z"} for n in (8, 9))
        document = bundle(request(meta=older), task(meta=newer), patient())
        assert orders(document, sender=POLLED)[0].occurred_at == "20260312090000"

    def test_given_a_message_then_its_timestamp_does(self) -> None:
        document = bundle(request(), patient(), kind="message", timestamp="2026-03-12T08:00:00Z")
        assert orders(document)[0].occurred_at == "20260312080000"


class TestDeletion:
    def test_given_a_request_that_is_deleted_then_it_is_cancelled(self) -> None:
        (event,) = deleted(request(), HERE)
        assert isinstance(event, OrderReceived)
        assert (event.control, event.status) == ("CA", "CA")

    def test_given_a_task_that_is_deleted_then_its_step_is_cancelled(self) -> None:
        (event,) = deleted(task(), Held(patient(), request()))
        assert isinstance(event, OrderReceived)
        assert (event.control, event.status) == ("SC", "CA")
        assert [s.sps_id for p in event.procedures for s in p.steps] == ["S1"]

    def test_given_nothing_but_an_id_then_the_order_of_that_id_is(self) -> None:
        (event,) = deleted({"resourceType": "ServiceRequest", "id": "abc"})
        assert isinstance(event, OrderReceived)
        assert event.control == "CA"
        assert event.numbers.placer is not None
        assert event.numbers.placer.value == "abc"


def test_given_a_request_that_replaces_another_then_that_ends_first() -> None:
    old = request("old", "K0", status="revoked")
    found = orders(request(replaces=[{"reference": "ServiceRequest/old"}]), Held(patient(), old))
    assert controls(found) == [("RP", ""), ("RO", ""), ("RL", "")]
    assert found[0].numbers.placer is not None
    assert found[0].numbers.placer.value == "K0"
    assert found[1].replaces == (found[0].numbers,)


class TestStations:
    @pytest.mark.parametrize(
        ("device", "titles"),
        [
            ({"deviceName": [{"name": "CT02", "type": "other"}]}, ("CT02",)),
            ({"deviceName": [{"name": "Siemens SOMATOM Definition", "type": "other"}]}, ()),
            ({"deviceName": [{"name": "Phòng CT", "type": "user-friendly-name"}]}, ()),
            ({"identifier": [{"type": {"coding": [{"code": "AE"}]}, "value": "ct_2"}]}, ("ct_2",)),
            ({"identifier": [{"system": "urn:serial", "value": "SN12345"}]}, ()),
        ],
    )
    def test_given_a_device_then_only_what_is_an_ae_title_is_taken_for_one(
        self, device: dict[str, Any], titles: tuple[str, ...]
    ) -> None:
        station = {"resourceType": "Device", "id": "d", **device}
        found = first(request(performer=[{"reference": "Device/d"}]), station)
        assert found.procedures[0].steps[0].station_ae_titles == titles

    @pytest.mark.parametrize(
        ("number", "titles"),
        [
            ({"value": "CT01"}, ("CT01",)),
            ({"system": "urn:serial", "value": "CT01"}, ()),
            ({"value": "the CT in room 4"}, ()),
        ],
    )
    def test_given_a_logical_reference_then_an_ae_title_is_taken_for_one(
        self, number: dict[str, Any], titles: tuple[str, ...]
    ) -> None:
        found = first(request(performer=[{"type": "Device", "identifier": number}]))
        assert found.procedures[0].steps[0].station_ae_titles == titles

    def test_given_its_friendly_name_then_it_is_the_stations(self) -> None:
        named = {"deviceName": [{"name": "Phòng CT", "type": "user-friendly-name"}]}
        station = {"resourceType": "Device", "id": "d", **named}
        step = first(request(performer=[{"reference": "Device/d"}]), station).procedures[0].steps[0]
        assert step.attributes["ScheduledStationName"] == "Phòng CT"


def test_given_an_order_known_elsewhere_by_its_number_then_a_procedure_is_of_it() -> None:
    root = request("isr", "K1", code=None)
    number = {"type": "ServiceRequest", "identifier": identifier("K1", "urn:id:HIS")}
    found = first(request("rp", "", basedOn=[number]), root)
    assert found.numbers.placer is not None
    assert found.numbers.placer.value == "K1"
