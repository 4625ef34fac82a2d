"""Servers without conditional requests: search, then create or update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bridge.domain.delivery import TransportError
from bridge.fhir.bundle import PatientPolicy
from bridge.fhir.destination import FhirDestination
from bridge.fhir.endpoint import Access
from bridge.mapping.ehr_profiles import EhrProfile, Matches, Writes
from tests.adapters.fhir.scripted_server import DROP, Asked, Reply, ScriptedServer, searchset
from tests.unit.fhir.studies import a_delivery, a_patient, a_series, a_study, published

Make = Callable[..., FhirDestination]
STEPWISE = EhrProfile(writes=Writes.SEQUENCE, matches=Matches.SEARCH)
WADO = Access(identifier="urn:bridge:HOSP:wado-rs", address="http://127.0.0.1:8080/dicom-web")


class PlainServer:
    """Creates, updates with versions, searches by identifier, and nothing else."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {}
        self.conflicts = 0

    def __call__(self, asked: Asked) -> Reply:
        kind, _, identity = asked.path.removeprefix("/fhir/").partition("?")[0].partition("/")
        if asked.method == "GET":
            system, _, value = asked.query.removeprefix("identifier=").partition("|")
            wanted = {"system": system, "value": value}
            return searchset(
                *(
                    resource
                    for resource in self.held.values()
                    if resource["resourceType"] == kind
                    and any(wanted.items() <= i.items() for i in resource["identifier"])
                )
            )
        if asked.method == "POST":
            identity = str(len(self.held) + 1)
            self.keep(kind, identity, asked.resource, "1")
            location = f"http://127.0.0.1/fhir/{kind}/{identity}/_history/1"
            return Reply(201, headers={"Location": location})
        version = self.held[f"{kind}/{identity}"]["meta"]["versionId"]
        if self.conflicts:
            self.conflicts -= 1
            return Reply(412)
        assert asked.headers["if-match"] == f'W/"{version}"'
        self.keep(kind, identity, asked.resource, str(int(version) + 1))
        return Reply(200)

    def keep(self, kind: str, identity: str, resource: dict[str, Any], version: str) -> None:
        resource |= {"id": identity, "meta": {"versionId": version}}
        self.held[f"{kind}/{identity}"] = resource

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [r for r in self.held.values() if r["resourceType"] == kind]


@pytest.fixture
def plain(ehr: ScriptedServer) -> PlainServer:
    server = PlainServer()
    ehr.script = server
    return server


def test_given_an_empty_server_when_sent_twice_then_each_resource_is_there_once(
    plain: PlainServer, destination: Make
) -> None:
    target = destination(profile=STEPWISE, access=(WADO,))
    target.send(a_delivery(), published())
    more = a_study(a_series(), a_series("1.2.3.2"))
    target.send(a_delivery(), published(more))

    [study], [patient], [endpoint] = map(plain.all, ("ImagingStudy", "Patient", "Endpoint"))
    assert study["numberOfSeries"] == 2
    assert study["meta"]["versionId"] == "2"
    assert study["subject"]["reference"] == f"Patient/{patient['id']}"
    assert study["endpoint"] == [{"reference": f"Endpoint/{endpoint['id']}"}]
    assert patient["meta"]["versionId"] == endpoint["meta"]["versionId"] == "1"


@pytest.mark.parametrize(
    ("policy", "born"),
    [(PatientPolicy.CREATE, "1980-01-02"), (PatientPolicy.UPDATE, "1990-01-02")],
)
def test_given_a_patient_that_changed_when_sent_then_its_owner_decides(
    plain: PlainServer, destination: Make, policy: PatientPolicy, born: str
) -> None:
    target = destination(profile=STEPWISE, patients=policy)
    target.send(a_delivery(), published())
    target.send(a_delivery(), published(patient=a_patient(PatientBirthDate="19900102")))
    assert [patient["birthDate"] for patient in plain.all("Patient")] == [born]


def test_given_a_patient_nobody_holds_when_the_server_owns_them_then_the_study_waits(
    plain: PlainServer, destination: Make
) -> None:
    target = destination(profile=STEPWISE, patients=PatientPolicy.SEARCH)
    with pytest.raises(TransportError) as caught:
        target.send(a_delivery(), published())
    assert not caught.value.permanent
    assert plain.held == {}


@pytest.mark.parametrize(("conflicts", "written"), [(2, True), (3, False)])
def test_given_somebody_else_writes_too_when_sent_then_it_is_read_and_written_again(
    plain: PlainServer, destination: Make, conflicts: int, written: bool
) -> None:
    target = destination(profile=STEPWISE)
    target.send(a_delivery(), published())
    plain.conflicts = conflicts
    again = published(a_study(a_series(), a_series("1.2.3.2")))
    if written:
        target.send(a_delivery(), again)
    else:
        with pytest.raises(TransportError) as caught:
            target.send(a_delivery(), again)
        assert not caught.value.permanent
    assert plain.all("ImagingStudy")[0]["numberOfSeries"] == (2 if written else 1)


def test_given_two_resources_with_one_identifier_when_sent_then_none_is_guessed(
    plain: PlainServer, destination: Make
) -> None:
    target = destination(profile=STEPWISE)
    target.send(a_delivery(), published())
    plain.keep("ImagingStudy", "99", dict(plain.all("ImagingStudy")[0]), "1")
    with pytest.raises(TransportError) as caught:
        target.send(a_delivery(), published(a_study(a_series("1.2.3.9"))))
    assert caught.value.permanent


def test_given_a_create_without_an_answer_when_it_breaks_then_it_is_not_made_twice(
    ehr: ScriptedServer, destination: Make
) -> None:
    """Whether it was made, the next search will tell; a second create would not ask."""
    ehr.script = lambda asked: searchset() if asked.method == "GET" else DROP
    with pytest.raises(TransportError):
        destination(profile=STEPWISE).send(a_delivery(), published())
    assert len(ehr.writes()) == 1


def test_given_a_create_that_names_nothing_when_answered_then_it_is_not_taken_for_done(
    ehr: ScriptedServer, destination: Make
) -> None:
    ehr.script = lambda asked: searchset() if asked.method == "GET" else Reply(201)
    with pytest.raises(TransportError, match="does not say"):
        destination(profile=STEPWISE).send(a_delivery(), published())


def test_given_a_server_that_returns_what_it_made_when_created_then_its_id_is_taken(
    ehr: ScriptedServer, destination: Make
) -> None:
    def script(asked: Asked) -> Reply:
        if asked.method == "GET":
            return searchset()
        return Reply(201, asked.resource | {"id": "77"})

    ehr.script = script
    destination(profile=STEPWISE).send(a_delivery(), published())
    assert ehr.writes()[-1].resource["subject"]["reference"] == "Patient/77"
