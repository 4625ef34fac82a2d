"""Given a subscription, when something happens, then its owner is told under the next number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from bridge.domain.delivery import Delivery, RetryPolicy, TransportError, decide_retry
from bridge.fhir.reading import check_resource
from bridge.fhir.releases import Release
from bridge.fhir.subscriptions.channel import SubscriptionChannel, SubscriptionOutbox
from bridge.services.offer_subscriptions import DESTINATION, HEARTBEAT, subject_of
from bridge.store.tables import message
from bridge.store.timers import Timer
from tests.adapters.fhir.scripted_server import DROP, Asked, Reply, ScriptedServer, serving
from tests.unit.fhir_server.house import BASE, Desk, patient, problem, request
from tests.unit.services.core import order, procedure, scheduled
from tests.unit.services.core import patient as a_patient

Json = dict[str, Any]
R5 = "application/fhir+json; fhirVersion=5.0"
BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
STUDIES, ORDERS = (
    f"{BASE}/SubscriptionTopic/imagingstudy-available",
    f"{BASE}/SubscriptionTopic/order-status",
)


@pytest.fixture
def receiver() -> Iterator[ScriptedServer]:
    with serving() as server:
        server.script = lambda _asked: Reply(200)
        yield server


class Office:
    """The desk, the channel, and whoever drives it: until nothing is due."""

    def __init__(self, desk: Desk, url: str) -> None:
        self.desk, self.core, self.url = desk, desk.core, url
        configuration = desk.server._configuration
        self.channel = SubscriptionChannel(
            self.core.store,
            configuration.house,
            self.core.clock,
            attempts=3,
            retry=RetryPolicy(base=1.0, ceiling=4.0),
        )
        self.outbox = SubscriptionOutbox(self.core.store)

    def work(self) -> list[str]:
        """Send what is due, once each; the errors of what failed."""
        errors = []
        while claimed := self.outbox.claim(DESTINATION, "node", self.core.now, 60.0, 10):
            for each in claimed:
                errors += self._send(each)
        return errors

    def _send(self, each: Delivery) -> list[str]:
        try:
            sent = self.channel.send(each, each)
        except TransportError as error:
            decision = decide_retry(self.channel.retry, error, each.attempts, 0.5)
            self.outbox.failed(each, error, decision, self.core.now)
            return [error.message]
        self.outbox.delivered(each, sent, self.core.now)
        return []

    def subscribe(self, **changes: Any) -> Json:
        answer = self.desk.ask("POST", "Subscription", backport(self.url, **changes))
        assert answer.status == 201, answer
        assert answer.content is not None
        self.work()
        return answer.content

    def state(self, id_: str) -> str:
        return str(self.desk.get(f"Subscription/{id_}")["status"])


@pytest.fixture
def office(desk: Desk, receiver: ScriptedServer) -> Iterator[Office]:
    made = Office(desk, receiver.url)
    yield made
    made.channel.close()


def backport(
    url: str,
    topic: str = STUDIES,
    content: str = "id-only",
    filters: tuple[str, ...] = (),
    **channel: Any,
) -> Json:
    def extension(name: str, **value: Any) -> Json:
        return {"url": f"{BACKPORT}/{name}", **value}

    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "to know",
        "criteria": topic,
        **(
            {
                "_criteria": {
                    "extension": [
                        extension("backport-filter-criteria", valueString=each) for each in filters
                    ]
                }
            }
            if filters
            else {}
        ),
        "channel": {
            "type": "rest-hook",
            "endpoint": url,
            "payload": "application/fhir+json",
            "_payload": {"extension": [extension("backport-payload-content", valueCode=content)]},
            "header": ["Authorization: Bearer secret"],
            **channel,
        },
    }


def r5(url: str, topic: str = STUDIES, **elements: Any) -> Json:
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "topic": topic,
        "channelType": {
            "system": "http://terminology.hl7.org/CodeSystem/subscription-channel-type",
            "code": "rest-hook",
        },
        "endpoint": url,
        "contentType": "application/fhir+json",
        "content": "id-only",
        **elements,
    }


def told(asked: Asked) -> dict[str, Any]:
    """The parameters of a notification by name; events as number → focus."""
    parameters = asked.resource["entry"][0]["resource"]["parameter"]
    found: dict[str, Any] = {"events": {}}
    for each in parameters:
        if each["name"] == "notification-event":
            parts = {p["name"]: p for p in each["part"]}
            focus = parts.get("focus", {}).get("valueReference", {}).get("reference", "")
            found["events"][int(parts["event-number"]["valueString"])] = focus
        else:
            found[each["name"]] = next(v for k, v in each.items() if k.startswith("value"))
    return found


def scanned(office: Office, accession: str = "A1", uid: str = "1.2.1") -> None:
    office.core.image(f"{uid}.1.1", uid, accession=accession)
    office.core.settle()
    office.work()


def test_given_a_subscription_then_its_receiver_is_asked_first_and_told_in_order(
    office: Office, receiver: ScriptedServer
) -> None:
    made = office.subscribe()
    assert made["status"] == "requested"
    assert office.state(made["id"]) == "active"
    [handshake] = receiver.asked
    assert told(handshake)["type"] == "handshake"
    assert handshake.headers["authorization"] == "Bearer secret"

    office.core.place(order())
    scanned(office)
    office.core.image("1.2.1.1.2")
    office.core.settle()
    office.work()

    events = [told(each) for each in receiver.asked[1:]]
    assert [each["events"].keys() for each in events] == [{1}, {2}]
    assert events[0]["type"] == "event-notification"
    assert events[0]["topic"] == STUDIES
    assert events[1]["events-since-subscription-start"] == "2"
    focus = events[0]["events"][1].removeprefix(f"{BASE}/")
    assert office.desk.get(focus)["numberOfInstances"] == 2
    bundle = receiver.asked[1].resource
    assert (bundle["type"], check_resource(bundle, Release.R4)) == ("history", ())
    assert [entry.get("resource", {}).get("resourceType") for entry in bundle["entry"]] == [
        "Parameters",
        None,
        None,
    ]


def test_given_what_changes_nothing_that_is_told_then_there_is_no_event(
    office: Office, receiver: ScriptedServer
) -> None:
    office.subscribe()
    office.core.place(order())
    scanned(office)
    count = len(receiver.asked)
    office.core.place(order("XO", ReferringPhysicianName="LE^BINH"))
    office.work()
    assert len(receiver.asked) == count


@pytest.mark.parametrize("content", ["empty", "id-only", "full-resource"])
def test_given_a_payload_then_no_more_is_told(
    office: Office, receiver: ScriptedServer, content: str
) -> None:
    office.subscribe(content=content)
    office.core.place(order())
    scanned(office)
    bundle = receiver.asked[-1].resource
    assert check_resource(bundle, Release.R4) == ()
    resources = [entry.get("resource", {}).get("resourceType") for entry in bundle["entry"][1:]]
    expected: dict[str, list[str | None]] = {
        "empty": [],
        "id-only": [None, None],
        "full-resource": ["ImagingStudy", "ServiceRequest"],
    }
    assert resources == expected[content]
    assert bool(told(receiver.asked[-1])["events"][1]) == (content != "empty")


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        (("ImagingStudy?modality=CT",), True),
        (("ImagingStudy?modality=MR",), False),
        (("ImagingStudy?modality=MR,CT&status=available",), True),
        (("ImagingStudy?accession=A1", "ImagingStudy?patient.identifier=P1"), None),
        (("ImagingStudy?identifier=urn:dicom:uid|urn:oid:1.2.1",), True),
        (("ImagingStudy?identifier=urn:dicom:uid|urn:oid:1.2.9",), False),
        (("ImagingStudy?modality:not=CT",), False),
        (("ImagingStudy?color=red",), None),
        (("ImagingStudy?status=",), None),
    ],
)
def test_given_filters_then_only_what_passes_them_all_is_told(
    office: Office, receiver: ScriptedServer, filters: tuple[str, ...], passes: bool | None
) -> None:
    """None: that cannot be filtered by, and is said when it is asked for."""
    if passes is None:
        answer = office.desk.ask("POST", "Subscription", backport(office.url, filters=filters))
        assert problem(answer)[:2] == (422, "not-supported")
        return
    office.subscribe(filters=filters)
    office.core.place(order())
    scanned(office)
    assert len(receiver.asked) == 1 + passes


def test_given_a_patient_in_the_filter_then_other_patients_are_not_told_of(
    office: Office, receiver: ScriptedServer
) -> None:
    other = procedure("1.2.2", "R2")
    office.core.place(order(who=a_patient("P1")))
    office.core.place(order("NW", other, who=a_patient("P2"), accession="A2"))
    [one] = [each["id"] for each in office.desk.find("Patient?identifier=P1")]
    office.subscribe(topic=ORDERS, filters=(f"ServiceRequest?patient=Patient/{one}",))
    office.core.place(order("CA", other, who=a_patient("P2"), accession="A2"))
    office.core.place(order("CA", who=a_patient("P1")))
    office.work()
    assert [each["events"].keys() for each in map(told, receiver.asked[1:])] == [{1}]


def test_given_an_order_then_each_of_its_statuses_is_told_with_its_steps(
    office: Office, receiver: ScriptedServer
) -> None:
    office.subscribe(topic=ORDERS, content="full-resource")
    office.core.place(order())
    office.work()
    office.core.start_step("1.9.1", "IN PROGRESS", scheduled())
    office.work()
    office.core.end_step("1.9.1", "COMPLETED")
    office.work()
    statuses = [
        [entry["resource"]["status"] for entry in asked.resource["entry"][1:]]
        for asked in receiver.asked[1:]
    ]
    assert statuses == [
        ["active", "accepted"],
        ["active", "in-progress"],
        ["completed", "completed"],
    ]


def test_given_a_receiver_that_is_away_then_it_is_told_all_of_it_when_it_is_back(
    office: Office, receiver: ScriptedServer
) -> None:
    made = office.subscribe()
    office.core.place(order())
    receiver.script = lambda _asked: Reply(503)
    scanned(office)
    assert office.state(made["id"]) == "error"
    assert "503" in office.desk.get(f"Subscription/{made['id']}")["error"]
    office.core.image("1.2.1.1.2")
    office.core.settle()

    receiver.script = lambda _asked: Reply(200)
    before = len(receiver.asked)
    office.core.now += 60
    office.work()
    assert office.state(made["id"]) == "active"
    numbers = [n for each in receiver.asked[before:] for n in told(each)["events"]]
    assert numbers == [1, 2]


def test_given_an_answer_that_was_lost_then_the_number_is_told_again_and_never_another_thing(
    office: Office, receiver: ScriptedServer
) -> None:
    office.subscribe()
    office.core.place(order())
    receiver.script = lambda _asked: DROP
    scanned(office)
    receiver.script = lambda _asked: Reply(200)
    office.core.now += 60
    office.work()
    first, second = (told(each)["events"] for each in receiver.asked[1:])
    assert first == second == {1: first[1]}


def test_given_a_receiver_that_never_answers_then_it_is_turned_off_and_told_no_more(
    office: Office, receiver: ScriptedServer
) -> None:
    made = office.subscribe()
    office.core.place(order())
    receiver.script = lambda _asked: Reply(500)
    scanned(office)
    for _ in range(4):
        office.core.now += 60
        office.work()
    assert office.state(made["id"]) == "off"
    count = len(receiver.asked)
    office.core.image("1.2.1.1.2")
    office.core.settle()
    office.work()
    assert len(receiver.asked) == count == 4
    dead = office.core.store.read(lambda tx: tx.deliveries.listed(["dead"]))
    assert [row.subject for row in dead] == [subject_of(1)]

    receiver.script = lambda _asked: Reply(200)
    again = office.desk.ask("PUT", f"Subscription/{made['id']}", backport(office.url))
    assert again.status == 200
    office.work()
    assert office.state(made["id"]) == "active"
    assert receiver.asked[-1].headers["authorization"] == "Bearer secret"


def test_given_a_subscriber_that_hangs_up_then_others_are_told_all_the_same(
    office: Office, receiver: ScriptedServer
) -> None:
    office.subscribe()
    with serving() as other:
        other.script = lambda _asked: Reply(200)
        answer = office.desk.ask("POST", "Subscription", backport(other.url))
        assert answer.status == 201
        office.work()
        receiver.script = lambda _asked: DROP
        office.core.place(order())
        scanned(office)
        assert [told(each)["type"] for each in other.asked] == ["handshake", "event-notification"]


def test_given_a_restart_then_numbers_go_on_where_they_were(
    office: Office, receiver: ScriptedServer
) -> None:
    office.subscribe()
    office.core.place(order())
    scanned(office)
    later = Office(office.desk, office.url)
    office.core.place(order(accession="A2"))
    office.core.image("1.2.1.1.3")
    office.core.settle()
    later.work()
    later.channel.close()
    numbers = [n for each in receiver.asked[1:] for n in told(each)["events"]]
    assert numbers == [1, 2]


def test_given_the_same_delivery_twice_then_it_is_one_event(
    office: Office, receiver: ScriptedServer
) -> None:
    """The node was killed after the numbers were given, before the row was done."""
    office.subscribe()
    office.core.place(order())
    office.core.image()
    office.core.settle()
    (row,) = office.outbox.claim(DESTINATION, "node", office.core.now, 60.0, 10)
    office.channel.send(row, row)
    office.channel.send(row, row)
    office.core.now += 120
    office.work()
    assert [n for each in receiver.asked[1:] for n in told(each)["events"]] == [1]


def test_given_a_silent_channel_then_it_beats(office: Office, receiver: ScriptedServer) -> None:
    extension = {"url": f"{BACKPORT}/backport-heartbeat-period", "valueUnsignedInt": 10}
    office.subscribe(extension=[extension])
    due = office.core.now + 10
    office.core.now = due
    office.channel.heartbeat(Timer(HEARTBEAT, "1", due), office.core.now)
    office.work()
    assert [told(each)["type"] for each in receiver.asked] == ["handshake", "heartbeat"]
    assert office.core.store.read(lambda tx: tx.timers.next_due(0.0)) == due + 10


def test_given_r5_then_the_subscriber_is_told_in_r5(
    office: Office, receiver: ScriptedServer
) -> None:
    resource = r5(
        office.url,
        parameter=[{"name": "Authorization", "value": "Bearer secret"}],
        filterBy=[{"resourceType": "ImagingStudy", "filterParameter": "modality", "value": "CT"}],
    )
    answer = office.desk.ask("POST", "Subscription", resource, content_type=R5, accept=R5)
    assert answer.status == 201, answer
    office.work()
    office.core.place(order())
    scanned(office)
    bundle = receiver.asked[-1].resource
    assert (bundle["type"], check_resource(bundle, Release.R5)) == ("subscription-notification", ())
    said = bundle["entry"][0]["resource"]
    assert said["type"] == "event-notification"
    assert said["notificationEvent"][0]["eventNumber"] == "1"
    assert said["notificationEvent"][0]["focus"]["reference"].startswith(f"{BASE}/ImagingStudy/")


@pytest.mark.parametrize("payload", [None, "application/fhir+json"])
def test_given_r4_as_it_stands_then_it_is_a_ping_or_the_resource(
    office: Office, receiver: ScriptedServer, payload: str | None
) -> None:
    channel = {"type": "rest-hook", "endpoint": office.url}
    resource = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "to know",
        "criteria": "ImagingStudy?status=available",
        "channel": {**channel, **({"payload": payload} if payload else {})},
    }
    office.desk.post(resource)
    office.work()
    office.core.place(order())
    scanned(office)
    asked = receiver.asked[-1]
    if payload is None:
        assert (asked.method, asked.body) == ("POST", b"")
    else:
        assert asked.method == "PUT"
        assert asked.path.startswith("/fhir/ImagingStudy/")
        assert asked.resource["resourceType"] == "ImagingStudy"


def test_given_events_then_they_are_given_again_by_number(
    office: Office, receiver: ScriptedServer
) -> None:
    made = office.subscribe()
    office.core.place(order())
    scanned(office)
    office.core.image("1.2.1.1.2")
    office.core.settle()
    office.work()
    path = f"Subscription/{made['id']}"
    again = office.desk.get(f"{path}/$events?eventsSinceNumber=2&content=full-resource")
    assert check_resource(again, Release.R4) == ()
    parameters = {p["name"]: p for p in again["entry"][0]["resource"]["parameter"]}
    assert parameters["type"]["valueCode"] == "query-event"
    numbers = [p["valueString"] for p in parameters["notification-event"]["part"][:1]]
    assert numbers == ["2"]
    status = office.desk.get(f"{path}/$status")
    assert check_resource(status, Release.R4) == ()
    assert status["entry"][0]["resource"]["parameter"][2]["valueCode"] == "active"
    every = office.desk.get(f"Subscription/$status?id={made['id']}&id=none")
    assert every["total"] == 1
    assert office.desk.get("Subscription/$status?status=off")["total"] == 0
    assert problem(office.desk.ask("GET", f"{path}/$events?eventsSinceNumber=x"))[0] == 400


def test_given_a_subscription_that_is_deleted_then_nothing_more_is_told(
    office: Office, receiver: ScriptedServer
) -> None:
    made = office.subscribe()
    office.core.place(order())
    office.core.image()
    office.core.settle()
    assert office.desk.ask("DELETE", f"Subscription/{made['id']}").status == 204
    office.work()
    assert len(receiver.asked) == 1
    assert office.desk.ask("GET", f"Subscription/{made['id']}").status == 404


def test_given_a_subscription_whose_end_is_over_then_it_is_turned_off(
    office: Office, receiver: ScriptedServer
) -> None:
    resource = backport(office.url) | {"end": "1970-01-01T00:30:00Z"}
    made = office.desk.post(resource)
    office.work()
    office.core.now = 1801.0
    office.core.place(order())
    scanned(office)
    assert len(receiver.asked) == 1
    assert office.state(made["id"]) == "off"


def test_given_several_clients_then_each_sees_its_own(core: Any, receiver: ScriptedServer) -> None:
    desk = Desk(core, tokens={"one": "t1", "two": "t2"})
    mine = {"authorization": "Bearer t1"}
    made = desk.post(backport(receiver.url), **mine)
    for method in ("GET", "DELETE"):
        other = desk.ask(method, f"Subscription/{made['id']}", authorization="Bearer t2")
        assert other.status == 404
    assert desk.ask("POST", "Subscription", backport(receiver.url)).status == 401
    assert desk.get("Subscription", **mine)["total"] == 1
    assert desk.get("Subscription", authorization="Bearer t2")["total"] == 0


def test_given_what_it_signs_in_with_then_nobody_is_shown_it(office: Office) -> None:
    made = office.subscribe()
    shown = json.dumps(office.desk.get(f"Subscription/{made['id']}"))
    assert "secret" not in shown
    with office.core.database.read() as connection:
        rows = connection.execute(select(message.c.raw, message.c.reply)).all()
    kept = [bytes(each) for row in rows for each in row if each]
    assert kept
    assert not any(b"secret" in each for each in kept if b"Subscription" in each)
    office.desk.ask(
        "PUT", f"Subscription/{made['id']}", json.loads(shown) | {"status": "requested"}
    )
    held = office.core.store.read(lambda tx: tx.subscriptions.find(made["id"]))
    assert held
    assert held.channel.headers == {"Authorization": "Bearer secret"}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"criteria": "http://other.example/SubscriptionTopic/unknown"}, "Subscription.criteria"),
        ({"criteria": "Observation?code=1"}, "Subscription.criteria"),
        (
            {"channel": {"type": "email", "endpoint": "mailto:a@b.example"}},
            "Subscription.channel.type",
        ),
        (
            {"channel": {"type": "rest-hook", "endpoint": "ftp://x"}},
            "Subscription.channel.endpoint",
        ),
        ({"channel": {"type": "rest-hook"}}, "Subscription.channel.endpoint"),
        ({"status": "error"}, "Subscription.status"),
        ({"end": "1970-01-01T00:00:00Z"}, "Subscription.end"),
        (
            {"channel": {"type": "rest-hook", "endpoint": "http://a", "header": ["Host: evil"]}},
            "Subscription.channel.header",
        ),
    ],
)
def test_given_what_is_not_offered_then_the_refusal_names_the_element(
    office: Office, change: Json, place: str
) -> None:
    answer = office.desk.ask("POST", "Subscription", backport(office.url) | change)
    assert problem(answer)[0::2] == (422, place)


def test_given_if_match_then_nobody_elses_change_is_overwritten(office: Office) -> None:
    made = office.subscribe()
    path = f"Subscription/{made['id']}"
    assert office.desk.ask("PUT", path, backport(office.url), if_match='W/"1"').status == 200
    assert office.desk.ask("PUT", path, backport(office.url), if_match='W/"1"').status == 412
    assert office.desk.ask("PATCH", path, b"[]").status == 405


@pytest.mark.parametrize("release", Release)
def test_topics_are_told_of_in_either_release(desk: Desk, release: Release) -> None:
    accept = f"application/fhir+json; fhirVersion={release.value[1]}.0"
    statement = desk.get("metadata", accept=accept)
    resources = {each["type"]: each for each in statement["rest"][0]["resource"]}
    if release is Release.R4:
        topics = [each["valueCanonical"] for each in resources["Subscription"]["extension"]]
        assert topics == [STUDIES, ORDERS]
        assert desk.ask("GET", "SubscriptionTopic", accept=accept).status == 404
        return
    found = [e["resource"] for e in desk.get("SubscriptionTopic", accept=accept)["entry"]]
    assert [each["url"] for each in found] == [STUDIES, ORDERS]
    for each in found:
        assert check_resource(each, release) == ()
        assert desk.get(f"SubscriptionTopic/{each['id']}", accept=accept) == each


def test_given_nobody_subscribes_then_nothing_is_queued(office: Office) -> None:
    office.core.place(order())
    scanned(office)
    assert office.outbox.claim(DESTINATION, "node", office.core.now, 60.0, 10) == ()


def test_given_orders_by_fhir_then_the_focus_is_the_clients_own_resource(
    office: Office, receiver: ScriptedServer
) -> None:
    office.subscribe(topic=ORDERS)
    who = office.desk.post(patient())
    placed = office.desk.post(request(f"Patient/{who['id']}"))
    office.work()
    assert told(receiver.asked[-1])["events"] == {1: f"{BASE}/ServiceRequest/{placed['id']}"}
