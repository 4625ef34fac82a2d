from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bridge.domain.announced_study import AnnouncedImages, AnnouncedSeries, AnnouncedStatus
from bridge.domain.delivery import Delivery, EventKind, TransportError
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.publication import OrderNews
from bridge.domain.step_status import StepStatus
from bridge.domain.study import Study
from bridge.fhir import client
from bridge.fhir.bundle import PatientPolicy
from bridge.fhir.client import Server
from bridge.fhir.destination import FhirDestination
from bridge.fhir.endpoint import Access
from bridge.fhir.releases import Release
from bridge.mapping.ehr_profiles import EhrProfile, Requests
from tests.adapters.fhir.scripted_server import (
    DROP,
    HANG,
    Asked,
    Reply,
    ScriptedServer,
    done,
    obliging,
    outcome,
    searchset,
)
from tests.unit.fhir.studies import (
    a_delivery,
    a_patient,
    a_request,
    a_series,
    a_study,
    published,
)

Make = Callable[..., FhirDestination]
WADO = Access(identifier="urn:bridge:HOSP:wado-rs", address="http://127.0.0.1:8080/dicom-web")


def answering(*replies: Reply) -> Callable[[Asked], Reply]:
    """Give these replies to writes, the last for good, and find nothing."""
    waiting = list(replies)

    def script(asked: Asked) -> Reply:
        if asked.method == "GET":
            return searchset()
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return script


def refused(destination: FhirDestination, **keywords: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        destination.send(a_delivery(), published(**keywords))
    return caught.value


def test_given_a_study_when_sent_then_one_transaction_says_it_all(
    ehr: ScriptedServer, destination: Make
) -> None:
    sent = destination(source="urn:bridge:HOSP").send(a_delivery(), published())

    [asked] = ehr.writes()
    assert (asked.method, asked.path) == ("POST", "/fhir")
    assert asked.headers["content-type"] == asked.headers["accept"] == "application/fhir+json"
    assert asked.headers["prefer"] == "return=minimal"
    assert sent.request == asked.body
    assert json.loads(sent.response)["type"] == "transaction-response"
    assert not sent.unchanged
    patient, study = (entry["resource"] for entry in asked.resource["entry"])
    assert patient["name"][0]["family"] == "NGUYỄN VĂN ÁNH"
    assert study["meta"]["source"] == "urn:bridge:HOSP#1.2.3"


def test_given_kinds_of_event_then_only_studies_are_told(destination: Make) -> None:
    told = {kind for kind in EventKind if destination().accepts(kind)}
    studies = {
        EventKind.STUDY_STARTED,
        EventKind.STUDY_AVAILABLE,
        EventKind.STUDY_CHANGED,
        EventKind.STUDY_WITHDRAWN,
    }
    assert told == studies


def test_given_what_the_server_confirmed_when_sent_again_then_nothing_goes_out(
    ehr: ScriptedServer, destination: Make
) -> None:
    target = destination()
    first = target.send(a_delivery(), published())
    before = len(ehr.asked)

    again = target.send(a_delivery(), published(last_content_hash=first.content_hash))

    assert (again.unchanged, again.content_hash) == (True, first.content_hash)
    assert len(ehr.asked) == before


def test_given_news_when_sent_then_it_goes_out(ehr: ScriptedServer, destination: Make) -> None:
    target = destination()
    first = target.send(a_delivery(), published())
    more = a_study(a_series(), a_series("1.2.3.2"))
    second = target.send(a_delivery(), published(more, last_content_hash=first.content_hash))
    assert not second.unchanged
    assert len(ehr.writes()) == 2


def test_given_an_answer_was_lost_when_the_study_is_as_before_then_it_is_sent_all_the_same(
    ehr: ScriptedServer, destination: Make
) -> None:
    """The server may hold the news of which it never told us."""
    target = destination()
    old = target.send(a_delivery(), published())
    news = a_study(a_series(), a_series("1.2.3.2"))
    ehr.script = answering(Reply(500))
    refused(target, study=news, last_content_hash=old.content_hash)
    ehr.script = obliging

    back = target.send(a_delivery(), published(last_content_hash=old.content_hash))
    settled = target.send(a_delivery(), published(last_content_hash=old.content_hash))

    assert (back.unchanged, settled.unchanged) == (False, True)


def test_given_attempts_that_failed_before_a_restart_then_the_study_is_sent_all_the_same(
    destination: Make,
) -> None:
    old = destination().send(a_delivery(), published())
    again = published(last_content_hash=old.content_hash)
    assert not destination().send(a_delivery(attempts=1), again).unchanged


@pytest.mark.parametrize(
    ("reply", "permanent", "unreachable"),
    [
        (Reply(422, outcome("structure")), True, False),
        (Reply(400, outcome("invalid")), True, False),
        (Reply(412, outcome("multiple-matches")), True, False),
        (Reply(412, outcome("conflict")), False, False),
        (Reply(409, outcome("conflict")), False, False),
        (Reply(404), False, False),
        (Reply(403), False, False),
        (Reply(500, b"<html>oops</html>"), False, False),
        (Reply(302, headers={"Location": "http://127.0.0.1:1/elsewhere"}), False, False),
        (Reply(401), False, True),
        (Reply(429), False, True),
        (Reply(503), False, True),
    ],
)
def test_given_a_status_when_sent_then_the_error_says_what_to_do(
    ehr: ScriptedServer, destination: Make, reply: Reply, permanent: bool, unreachable: bool
) -> None:
    ehr.script = answering(reply)
    error = refused(destination())
    assert (error.permanent, error.unreachable) == (permanent, unreachable)
    assert str(reply.status) in error.message
    assert error.request == ehr.writes()[0].body
    assert error.response == (reply.raw or str(reply.status).encode())
    assert len(ehr.writes()) == 1


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("7", 7, 7),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Fri, 21 Oct 2095 07:28:00 GMT", 1e9, 3e9),
    ],
)
def test_given_retry_after_when_refused_then_the_wait_is_kept(
    ehr: ScriptedServer, destination: Make, text: str, least: float, most: float
) -> None:
    ehr.script = answering(Reply(503, headers={"Retry-After": text}))
    wait = refused(destination()).retry_after
    assert wait is not None
    assert least <= wait <= most


def test_given_retry_after_that_is_neither_when_refused_then_there_is_no_wait(
    ehr: ScriptedServer, destination: Make
) -> None:
    ehr.script = answering(Reply(503, headers={"Retry-After": "soon"}))
    assert refused(destination()).retry_after is None


def test_given_nobody_listens_when_sent_then_nobody_was_there(destination: Make) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        error = refused(destination(url=f"http://127.0.0.1:{reserved.getsockname()[1]}/fhir"))
    assert error.unreachable
    assert not error.permanent


def test_given_a_name_that_does_not_resolve_when_sent_then_nobody_was_there(
    destination: Make,
) -> None:
    assert refused(destination(url="http://ehr.invalid/fhir")).unreachable


def test_given_no_answer_when_time_is_up_then_it_may_be_tried_again(
    ehr: ScriptedServer, destination: Make
) -> None:
    ehr.script = answering(HANG)
    error = refused(destination(timeout=0.2))
    assert (error.permanent, error.unreachable) == (False, False)
    assert "no answer in time" in error.message
    assert len(ehr.writes()) == 1  # the time is up: it is not asked again at once


def test_given_an_answer_that_drips_when_time_is_up_then_the_lane_is_free(
    ehr: ScriptedServer, destination: Make
) -> None:
    ehr.script = answering(Reply(200, done().raw, drips=True))
    assert "no answer in time" in refused(destination(timeout=0.2)).message


def test_given_an_endless_answer_when_read_then_it_is_cut(
    ehr: ScriptedServer, destination: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAXIMUM_ANSWER", 10_000)
    ehr.script = answering(Reply(200, b" " * 20_000))
    assert "too long" in refused(destination()).message


def test_given_a_connection_that_breaks_when_sent_then_it_is_asked_again_at_once(
    ehr: ScriptedServer, destination: Make
) -> None:
    ehr.script = answering(DROP, done())
    destination().send(a_delivery(), published())
    first, second = ehr.writes()
    assert first.body == second.body


def test_given_connections_that_keep_breaking_when_sent_then_it_is_tried_again_later(
    ehr: ScriptedServer, destination: Make
) -> None:
    ehr.script = answering(DROP)
    error = refused(destination())
    assert (error.permanent, error.unreachable) == (False, False)
    assert len(ehr.writes()) == 2


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<html>please sign in</html>"),
        Reply(200, b"[]"),
        Reply(200, b""),
        Reply(200, outcome("informational")),
        Reply(200, {"resourceType": "Bundle", "type": "transaction-response"}),
        done("201 Created"),
    ],
)
def test_given_success_in_name_only_when_sent_then_it_is_not_taken_for_done(
    ehr: ScriptedServer, destination: Make, reply: Reply
) -> None:
    ehr.script = answering(reply)
    assert not refused(destination()).permanent


def test_given_a_server_that_transacts_by_halves_when_an_entry_fails_then_it_is_not_done(
    ehr: ScriptedServer, destination: Make
) -> None:
    bad = {"response": {"status": "412", "outcome": outcome("multiple-matches", "two P1")}}
    entries = [{"response": {"status": "201"}}, bad]
    body = {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
    ehr.script = answering(Reply(200, body))
    error = refused(destination())
    assert error.permanent
    assert error.message == "HTTP 412 in entry 1 (multiple-matches)"
    assert json.loads(error.response) == body


def test_given_a_study_that_makes_no_resource_when_sent_then_it_is_refused_here(
    ehr: ScriptedServer, destination: Make
) -> None:
    error = refused(destination(), study=a_study(a_series("not/a/uid")))
    assert error.permanent
    assert ehr.asked == []


def test_given_credentials_when_sent_then_they_are_shown_to_the_server_only(
    ehr: ScriptedServer, destination: Make
) -> None:
    destination(token="t0ken", headers={"X-Site": "HOSP"}).send(a_delivery(), published())
    destination(username="bridge", password="pass").send(a_delivery(), published())
    bearer, basic = ehr.writes()
    assert bearer.headers["authorization"] == "Bearer t0ken"
    assert bearer.headers["x-site"] == "HOSP"
    assert base64.b64decode(basic.headers["authorization"].split()[1]) == b"bridge:pass"
    shown = repr(Server(url=ehr.url, token="t0ken", password="pass"))
    assert "t0ken" not in shown
    assert "pass" not in shown.replace("password", "")


def test_given_a_proxy_in_the_environment_when_sent_then_the_configured_server_is_asked(
    ehr: ScriptedServer, destination: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    destination().send(a_delivery(), published())
    assert ehr.writes()


def test_given_many_studies_when_sent_then_connections_are_kept(
    ehr: ScriptedServer, destination: Make
) -> None:
    target = destination()
    for n in range(5):
        target.send(a_delivery(f"study:{n}"), published())
    assert ehr.connections == 1


def order(identity: str, *identifiers: tuple[str, str]) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "id": identity,
        "identifier": [{"system": system, "value": value} for system, value in identifiers],
    }


BY_ACCESSION = ("urn:id:HOSP", "A1")
BY_PLACER = ("urn:id:KIS", "PL1")


@pytest.mark.parametrize(
    ("found", "reference"),
    [
        ([order("7", BY_ACCESSION)], "ServiceRequest/7"),
        ([order("8", BY_PLACER)], "ServiceRequest/8"),
        ([order("8", BY_PLACER), order("7", BY_ACCESSION)], "ServiceRequest/7"),
        ([order("7", BY_ACCESSION), order("8", BY_ACCESSION, BY_PLACER)], "ServiceRequest/8"),
        ([order("7", BY_ACCESSION), order("8", BY_ACCESSION)], ""),
        ([order("9", ("urn:id:OTHER", "A1"))], ""),
        ([], ""),
    ],
)
def test_given_orders_at_the_server_when_sent_then_the_one_order_is_referred_to(
    ehr: ScriptedServer, destination: Make, found: list[dict[str, Any]], reference: str
) -> None:
    ehr.script = lambda asked: searchset(*found) if asked.method == "GET" else done()
    destination().send(a_delivery(), published())

    assert ehr.asked[0].path.startswith("/fhir/ServiceRequest?")
    assert ehr.asked[0].query == "identifier=urn:id:HOSP|A1,urn:id:KIS|PL1"
    [based_on] = ehr.writes()[0].resource["entry"][-1]["resource"]["basedOn"]
    assert based_on.get("reference", "") == reference
    assert based_on["identifier"]["value"] == "A1"


@pytest.mark.parametrize("status", [400, 403, 404, 501])
def test_given_a_server_that_lets_no_orders_be_searched_when_sent_then_the_study_goes(
    ehr: ScriptedServer, destination: Make, status: int
) -> None:
    ehr.script = lambda asked: Reply(status) if asked.method == "GET" else done()
    if status < 500:
        destination().send(a_delivery(), published())
        assert len(ehr.writes()) == 1
    else:
        refused(destination())
    destination(profile=EhrProfile(requests=Requests.IGNORE)).send(a_delivery(), published())


def test_given_a_server_that_owns_its_patients_when_it_lacks_one_then_the_study_waits(
    ehr: ScriptedServer, destination: Make
) -> None:
    target = destination(patients=PatientPolicy.SEARCH)
    error = refused(target)
    assert (error.permanent, error.unreachable) == (False, False)
    assert ehr.writes() == []

    held = {
        "resourceType": "Patient",
        "id": "5",
        "identifier": [{"system": "urn:id:HOSP", "value": "P1"}],
    }
    ehr.script = lambda asked: (
        done("200") if asked.method == "POST" else searchset(*[held] * ("Patient" in asked.path))
    )
    target.send(a_delivery(), published())
    [entry] = ehr.writes()[0].resource["entry"]
    assert entry["resource"]["subject"]["reference"] == "Patient/5"


def test_given_a_server_that_ignores_criteria_when_searched_then_no_stranger_is_taken(
    ehr: ScriptedServer, destination: Make
) -> None:
    stranger = {
        "resourceType": "Patient",
        "id": "1",
        "identifier": [{"system": "urn:id:HOSP", "value": "P2"}],
    }
    ehr.script = lambda asked: searchset(stranger, {"resourceType": "OperationOutcome"})
    refused(destination(patients=PatientPolicy.SEARCH))
    assert ehr.writes() == []


def test_given_an_endpoint_when_sent_first_then_its_address_is_brought_up_to_date(
    ehr: ScriptedServer, destination: Make
) -> None:
    ehr.script = answering(done("200", "200", "200"))
    target = destination(access=(WADO,))
    for n in range(2):
        target.send(a_delivery(f"study:{n}"), published())
    methods = [
        [entry["request"]["method"] for entry in asked.resource["entry"]] for asked in ehr.writes()
    ]
    assert methods == [["POST", "PUT", "PUT"], ["POST", "POST", "PUT"]]


def test_given_r5_when_sent_then_the_study_is_of_r5(ehr: ScriptedServer, destination: Make) -> None:
    destination(release=Release.R5).send(a_delivery(), published())
    study = ehr.writes()[0].resource["entry"][-1]["resource"]
    assert study["modality"][0]["coding"][0]["code"] == "CT"


@pytest.mark.parametrize(
    ("statement", "release", "answer"),
    [
        ({"fhirVersion": "4.0.1", "software": {"name": "EHR"}}, Release.R4, "FHIR 4.0.1, EHR"),
        ({"fhirVersion": "4.3.0"}, Release.R4, "FHIR 4.3.0, a server without a name"),
        ({"fhirVersion": "5.0.0"}, Release.R4, None),
        ({"fhirVersion": "4.0.1"}, Release.R5, None),
        ({}, Release.R4, None),
    ],
)
def test_given_a_server_when_checked_then_it_says_what_it_is(
    ehr: ScriptedServer,
    destination: Make,
    statement: dict[str, Any],
    release: Release,
    answer: str | None,
) -> None:
    ehr.script = lambda asked: Reply(200, {"resourceType": "CapabilityStatement"} | statement)
    if answer is None:
        with pytest.raises(TransportError):
            destination(release=release).check()
    else:
        assert destination(release=release).check() == answer


def held_elsewhere(study: Study, address: str = "https://pacs.example/dicom-web") -> Study:
    series = AnnouncedSeries(series_instance_uid="1.2.3.9", modality="MR", number_of_instances=3)
    images = AnnouncedImages(
        status=AnnouncedStatus.AVAILABLE, series=(series,), retrieve_url=address
    )
    return replace(study, announced=images)


@pytest.mark.parametrize(
    ("study", "addresses"),
    [
        (a_study(a_series()), ["http://127.0.0.1:8080/dicom-web"]),
        (held_elsewhere(a_study()), ["https://pacs.example/dicom-web"]),
        (
            held_elsewhere(a_study(a_series())),
            ["http://127.0.0.1:8080/dicom-web", "https://pacs.example/dicom-web"],
        ),
        (held_elsewhere(a_study(), ""), []),
    ],
)
def test_given_images_here_and_elsewhere_when_sent_then_each_place_is_told(
    ehr: ScriptedServer, destination: Make, study: Study, addresses: list[str]
) -> None:
    ehr.script = answering(done(*["200"] * (2 + len(addresses))))
    destination(access=(WADO,)).send(a_delivery(), published(study))
    resources = [entry["resource"] for entry in ehr.writes()[0].resource["entry"]]
    assert [each["address"] for each in resources if "address" in each] == addresses
    assert len(resources[-1].get("endpoint", [])) == len(addresses)


def test_given_the_servers_own_ids_when_sent_then_they_are_literal_references(
    ehr: ScriptedServer, destination: Make
) -> None:
    ehr.script = answering(done("200"))
    own = Authority("his")
    patient = replace(a_patient(), identifiers=(Identifier("p-1", own),))
    request = a_request(accession=None, placer=Identifier("r-1", own))
    told = published(a_study(a_series()), patient, (request,))
    destination(own_ids="his").send(a_delivery(), told)

    (entry,) = ehr.writes()[0].resource["entry"]
    study = entry["resource"]
    assert study["subject"] == {"type": "Patient", "reference": "Patient/p-1"}
    assert study["basedOn"][0]["reference"] == "ServiceRequest/r-1"
    assert not [asked for asked in ehr.asked if asked.method == "GET"]


def an_order(status: StepStatus, **keywords: Any) -> OrderNews:
    request = a_request(status=status)
    return OrderNews(order=request.order, patient=a_patient(), **keywords)


def an_order_delivery() -> Delivery:
    return replace(a_delivery("order:1"), kind=EventKind.STEP_COMPLETED, correlation="A1")


def held_order(version: str = "3", status: str = "active") -> dict[str, Any]:
    meta = {"versionId": version}
    return {**order("sr", BY_ACCESSION), "status": status, "intent": "order", "meta": meta}


def test_given_an_order_that_is_done_when_told_then_the_servers_own_is_completed(
    ehr: ScriptedServer, destination: Make
) -> None:
    ehr.script = lambda asked: (
        searchset(held_order()) if asked.method == "GET" else done("201", "200", "200")
    )
    target = destination()
    sent = target.send(an_order_delivery(), an_order(StepStatus.COMPLETED))

    patient, request, task = ehr.writes()[0].resource["entry"]
    assert patient["request"]["method"] == "POST"
    assert request["request"] == {
        "method": "PUT",
        "url": "ServiceRequest/sr",
        "ifMatch": 'W/"3"',
    }
    assert request["resource"]["status"] == "completed"
    assert task["resource"]["status"] == "completed"
    assert task["resource"]["basedOn"][0]["reference"] == "ServiceRequest/sr"
    again = an_order(StepStatus.COMPLETED, last_content_hash=sent.content_hash)
    assert target.send(an_order_delivery(), again).unchanged


def test_given_an_order_that_others_fill_when_told_then_it_is_only_referred_to(
    ehr: ScriptedServer, destination: Make
) -> None:
    ehr.script = lambda asked: (
        searchset(held_order()) if asked.method == "GET" else done("201", "200")
    )
    destination(is_filler=False).send(an_order_delivery(), an_order(StepStatus.COMPLETED))
    kinds = [each["resource"]["resourceType"] for each in ehr.writes()[0].resource["entry"]]
    assert kinds == ["Patient", "Task"]


def test_given_an_order_nobody_holds_when_the_profile_says_so_then_it_is_created(
    ehr: ScriptedServer, destination: Make
) -> None:
    ehr.script = lambda asked: searchset() if asked.method == "GET" else done("201", "201", "201")
    target = destination(profile=EhrProfile(requests=Requests.CREATE))
    target.send(an_order_delivery(), an_order(StepStatus.SCHEDULED))
    _, request, task = ehr.writes()[0].resource["entry"]
    assert request["request"]["ifNoneExist"] == "identifier=urn%3Aid%3AHOSP%7CA1"
    assert request["resource"]["status"] == "active"
    assert task["resource"]["focus"]["reference"] == request["fullUrl"]


@pytest.mark.parametrize("status", [409, 412])
def test_given_somebody_changed_the_order_meanwhile_then_it_is_read_and_written_again(
    ehr: ScriptedServer, destination: Make, status: int
) -> None:
    versions = iter("345")

    def script(asked: Asked) -> Reply:
        if asked.method == "GET":
            return searchset(held_order(next(versions)))
        return done("201", "200", "200") if 'W/\\"4\\"' in asked.body.decode() else Reply(status)

    ehr.script = script
    destination().send(an_order_delivery(), an_order(StepStatus.COMPLETED))
    assert len(ehr.writes()) == 2


def test_given_an_order_that_keeps_changing_then_the_delivery_is_tried_again_later(
    ehr: ScriptedServer, destination: Make
) -> None:
    ehr.script = lambda asked: searchset(held_order()) if asked.method == "GET" else Reply(412)
    with pytest.raises(TransportError, match="others keep changing the ServiceRequest") as caught:
        destination().send(an_order_delivery(), an_order(StepStatus.COMPLETED))
    assert not caught.value.permanent
    assert len(ehr.writes()) == 3


@pytest.mark.parametrize("limit", [0, 2_500])
def test_given_a_study_too_large_for_the_server_then_its_instances_are_left_out(
    ehr: ScriptedServer, destination: Make, limit: int
) -> None:
    """Whether the server says so or we know it before."""

    def script(asked: Asked) -> Reply:
        if asked.method == "GET":
            return searchset()
        return Reply(413) if len(asked.body) > 2_500 else done()

    ehr.script = script
    study = a_study(a_series(instances=50))
    destination(profile=EhrProfile(max_bytes=limit)).send(a_delivery(), published(study))
    told = ehr.writes()[-1].resource["entry"][-1]["resource"]
    assert told["numberOfInstances"] == told["series"][0]["numberOfInstances"] == 50
    assert "instance" not in told["series"][0]
    assert len(ehr.writes()) == (1 if limit else 2)


def test_given_a_study_too_large_in_any_form_then_it_is_refused_here(
    ehr: ScriptedServer, destination: Make
) -> None:
    error = refused(destination(profile=EhrProfile(max_bytes=100)))
    assert error.permanent
    assert "more than the 100 that the server takes" in error.message
    assert ehr.writes() == []


def test_given_a_server_that_closes_before_the_end_of_its_answer_then_it_is_not_done(
    ehr: ScriptedServer, destination: Make
) -> None:
    ehr.script = answering(Reply(200, done().raw, headers={"Content-Length": "9999"}))
    error = refused(destination(timeout=1.0))
    assert (error.permanent, error.unreachable) == (False, False)


def test_given_elements_the_server_does_not_take_when_sent_then_they_are_left_out(
    ehr: ScriptedServer, destination: Make
) -> None:
    profile = EhrProfile(leave_out=("ImagingStudy.series.instance", "Patient.gender"))
    destination(profile=profile).send(a_delivery(), published())
    patient, study = (each["resource"] for each in ehr.writes()[0].resource["entry"])
    assert "gender" not in patient
    assert "instance" not in study["series"][0]


def test_given_a_viewer_when_sent_then_the_study_says_where_a_person_sees_it(
    ehr: ScriptedServer, destination: Make
) -> None:
    destination(viewer="https://v.example/?s={study_instance_uid}").send(a_delivery(), published())
    study = ehr.writes()[0].resource["entry"][-1]["resource"]
    assert study["contained"][0]["address"] == "https://v.example/?s=1.2.3"
    assert study["endpoint"] == [{"reference": "#endpoint-1"}]
