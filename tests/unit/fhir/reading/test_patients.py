"""Patients: who they are, who they were taken for, and who is gone."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.domain.events import Noted
from bridge.domain.identifiers import Identifier
from bridge.domain.patient_events import (
    PatientRemoved,
    PatientsLinked,
    PatientsMerged,
    PatientUpdated,
)
from tests.unit.fhir.reading.reader import (
    Held,
    bundle,
    deleted,
    events,
    identifier,
    patient,
    read,
    refusal,
)

NATIONAL = "urn:oid:2.16.704.1"


def updated(**elements: Any) -> PatientUpdated:
    (event,) = events(patient(**elements))
    assert isinstance(event, PatientUpdated)
    return event


def keys(identifiers: tuple[Identifier, ...]) -> list[tuple[str, str]]:
    return [each.key for each in identifiers]


def link(kind: str, name: str = "q") -> list[dict[str, Any]]:
    return [{"type": kind, "other": {"reference": f"Patient/{name}"}}]


class TestDemographics:
    @pytest.mark.parametrize(
        ("gender", "sex"), [("male", "M"), ("female", "F"), ("other", "O"), ("unknown", None)]
    )
    def test_given_a_gender_then_it_is_dicoms(self, gender: str, sex: str | None) -> None:
        assert updated(gender=gender).patient.attributes.get("PatientSex") == sex

    def test_given_a_birth_date_then_it_is_da(self) -> None:
        assert updated(birthDate="1980-02-29").patient.attributes["PatientBirthDate"] == "19800229"

    @pytest.mark.parametrize("partial", ["1980", "1980-02"])
    def test_given_part_of_a_date_then_it_is_left_out_with_a_warning(self, partial: str) -> None:
        reading = read(patient(birthDate=partial))
        (event,) = reading.events
        assert isinstance(event, PatientUpdated)
        assert "PatientBirthDate" not in event.patient.attributes
        assert reading.warnings == ("Patient.birthDate: not a complete date",)

    def test_given_an_inactive_record_then_it_is_kept_with_a_warning(self) -> None:
        reading = read(patient(active=False))
        assert len(reading.events) == 1
        assert "Patient.active" in reading.warnings[0]


class TestNames:
    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            ([{"family": "Nguyễn", "given": ["Ánh", "Thị", "Minh"]}], "Nguyễn^Ánh^Thị Minh"),
            ([{"text": "NGUYỄN VĂN ÁNH"}], "NGUYỄN VĂN ÁNH"),
            ([{"family": "A", "prefix": ["Dr."], "suffix": ["Jr."]}], "A^^^Dr.^Jr."),
            ([{"use": "old", "family": "B"}, {"use": "usual", "family": "C"}], "C"),
            ([{"use": "nickname", "given": ["X"]}, {"use": "official", "family": "D"}], "D"),
            ([{"use": "old", "family": "B"}], "B"),
            ([{"family": "E^F=G"}], "E F G"),
        ],
    )
    def test_given_names_then_the_one_in_use_is_taken(
        self, names: list[dict[str, Any]], expected: str
    ) -> None:
        assert updated(name=names).patient.name == expected

    def test_given_scripts_then_they_are_the_groups_of_one_name(self) -> None:
        url = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
        names = [
            {"family": family, "given": [given], "extension": [{"url": url, "valueCode": code}]}
            for family, given, code in (
                ("やまだ", "たろう", "SYL"),
                ("山田", "太郎", "IDE"),
                ("Yamada", "Tarou", "ABC"),
            )
        ]
        assert updated(name=names).patient.name == "Yamada^Tarou=山田^太郎=やまだ^たろう"


class TestIdentifiers:
    def test_given_several_then_the_medical_record_number_is_first(self) -> None:
        numbers = [identifier("N1", NATIONAL, "NI"), identifier("P1", kind="MR")]
        assert keys(updated(identifier=numbers).patient.identifiers) == [
            ("P1", "HOSP"),
            ("N1", "2.16.704.1"),
        ]

    def test_given_one_that_is_old_then_it_is_left_out(self) -> None:
        numbers = [identifier("P0") | {"use": "old"}, identifier("P1")]
        assert keys(updated(identifier=numbers).patient.identifiers) == [("P1", "HOSP")]

    @pytest.mark.parametrize(
        ("system", "key"),
        [
            ("urn:id:H%20S", "H S"),
            ("urn:oid:1.2.3", "1.2.3"),
            (
                "urn:uuid:0B9C6F0A-6F3B-4A55-9D6E-3F6C1D2E4F50",
                "0b9c6f0a-6f3b-4a55-9d6e-3f6c1d2e4f50",
            ),
            ("http://hospital.example/mrn", "http://hospital.example/mrn"),
            ("", "HOSP"),
        ],
    )
    def test_given_a_system_then_it_is_the_authority(self, system: str, key: str) -> None:
        number = identifier("P1", system) if system else {"value": "P1"}
        assert keys(updated(identifier=[number]).patient.identifiers) == [("P1", key)]

    @pytest.mark.parametrize("placeholder", ["", "UNKNOWN", "0", "99999"])
    def test_given_a_placeholder_then_the_id_is_all_there_is(self, placeholder: str) -> None:
        numbers = [{"system": "urn:id:HOSP", "value": placeholder}]
        assert keys(updated(identifier=numbers).patient.identifiers) == [("p", "FHIR")]

    def test_given_neither_number_nor_id_then_it_is_refused(self) -> None:
        assert refusal(patient(identifier=[], id=None) | {"id": None}) in (
            ("101", "Patient.identifier"),
            ("102", "Patient.id"),
        )
        bare = {"resourceType": "Patient", "name": [{"family": "A"}]}
        assert refusal(bare) == ("101", "Patient.identifier")


class TestLinks:
    def test_given_one_that_replaced_it_then_that_is_the_survivor(self) -> None:
        (event,) = events(patient(link=link("replaced-by")), Held(patient("q", "P2")))
        assert isinstance(event, PatientsMerged)
        assert keys(event.survivor.identifiers) == [("P2", "HOSP")]
        assert keys(event.retired) == [("P1", "HOSP")]

    def test_given_one_that_it_replaces_then_it_is_the_survivor(self) -> None:
        found = events(patient(link=link("replaces")), Held(patient("q", "P2")))
        assert isinstance(found[1], PatientsMerged)
        assert keys(found[1].survivor.identifiers) == [("P1", "HOSP")]
        assert keys(found[1].retired) == [("P2", "HOSP")]

    def test_given_a_survivor_that_carries_the_retired_number_then_it_is_merged_once(self) -> None:
        numbers = [identifier("P1"), identifier("P2")]
        held = Held(patient("q", "P2"))
        found = events(patient(identifier=numbers, link=link("replaces")), held)
        assert isinstance(found[1], PatientsMerged)
        assert keys(found[1].survivor.identifiers) == [("P1", "HOSP")]
        assert keys(found[1].retired) == [("P2", "HOSP")]

    @pytest.mark.parametrize("kind", ["seealso", "refer"])
    def test_given_another_record_of_the_person_then_both_are_linked(self, kind: str) -> None:
        found = events(patient(link=link(kind)), Held(patient("q", "P2")))
        assert isinstance(found[1], PatientsLinked)
        assert found[1].linked

    @pytest.mark.parametrize("kind", ["replaced-by", "replaces"])
    def test_given_a_merge_with_nobody_then_it_is_refused(self, kind: str) -> None:
        assert refusal(patient(link=link(kind))) == ("204", "Patient.link[0].other.reference")

    def test_given_a_link_to_nobody_then_the_rest_is_taken(self) -> None:
        reading = read(patient(link=link("seealso")))
        assert [type(event) for event in reading.events] == [PatientUpdated]
        assert reading.warnings

    def test_given_a_merge_with_itself_then_it_is_refused(self) -> None:
        assert refusal(patient(link=link("replaces", "p")), Held(patient()))[0] == "205"

    def test_given_a_related_person_then_it_is_no_link(self) -> None:
        person = {"resourceType": "RelatedPerson", "id": "z", "patient": {"reference": "Patient/p"}}
        other = [{"type": "seealso", "other": {"reference": "RelatedPerson/z"}}]
        assert len(events(patient(link=other), Held(person))) == 1


def test_given_a_deletion_then_the_record_is_dropped() -> None:
    (event,) = deleted(patient())
    assert isinstance(event, PatientRemoved)
    assert keys(event.patient.identifiers) == [("P1", "HOSP")]


def test_given_many_patients_then_each_has_an_entry_of_its_own() -> None:
    reading = read(bundle(patient("a", "P1"), patient("b", "P2", gender="X"), patient("c", "P3")))
    assert [bool(each.error) for each in reading.entries] == [False, True, False]
    assert reading.entries[1].expression == "Bundle.entry[1].resource"


def test_given_a_record_replaced_by_itself_then_nothing_comes_of_it() -> None:
    document = bundle(
        patient(link=[{"type": "replaced-by", "other": {"reference": "RelatedPerson/1"}}])
    )
    person = {"resourceType": "RelatedPerson", "id": "1", "patient": {"reference": "Patient/p"}}
    (event,) = events(document, Held(person))
    assert isinstance(event, Noted)
