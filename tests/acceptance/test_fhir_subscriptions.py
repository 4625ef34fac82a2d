"""Programs subscribe at the bridge and are told: sekmet-fhir as subscriber, which is not ours."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.acceptance.conftest import NewHospital
from tests.acceptance.images import scan
from tests.acceptance.orders import new_order, orm
from tests.peers.fhir_client import FhirClient
from tests.peers.process import choose_port, wait_until
from tests.peers.sekmet import Sekmet

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"


def backport(topic: str, endpoint: str, content: str) -> dict[str, Any]:
    extension = {"url": f"{BACKPORT}/backport-payload-content", "valueCode": content}
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "to know",
        "criteria": topic,
        "channel": {
            "type": "rest-hook",
            "endpoint": endpoint,
            "payload": "application/fhir+json",
            "_payload": {"extension": [extension]},
            "header": ["Authorization: Bearer hook"],
        },
    }


def test_given_subscribers_when_an_order_is_scanned_then_each_is_told_in_its_form(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    """R4 as it stands, made by sekmet; the backport guide, read by sekmet; a kill between."""
    port = choose_port()
    base = f"http://127.0.0.1:{port}/fhir"
    told_by_r4 = {"criteria": "ImagingStudy?status=available"}
    peers = {"bridge": {"base_url": base, "subscribe": [told_by_r4], "fetch_on_ping": True}}
    hooks = {"hook_token": "hook"}
    with closing(Sekmet(tmp_path, peers=peers, subscriptions=hooks)) as listener:
        hospital = new_hospital(listener, destinations=[], http={"host": "127.0.0.1", "port": port})
        bridge = FhirClient(base)
        [registered] = json.loads(listener.command("subscriptions", "register", "bridge"))
        assert registered["status"] == 201, registered
        hook = f"{listener.url.removesuffix('/fhir')}/hooks/bridge"
        topics = {
            "studies": f"{base}/SubscriptionTopic/imagingstudy-available",
            "orders": f"{base}/SubscriptionTopic/order-status",
        }
        made = {
            name: bridge.create(backport(topic, f"{hook}/{name}", content))
            for (name, topic), content in zip(
                topics.items(), ("full-resource", "id-only"), strict=True
            )
        }

        def states() -> set[str]:
            return {bridge.read(f"Subscription/{one['id']}")["status"] for one in made.values()}

        wait_until(lambda: states() == {"active"}, "both receivers have answered")
        order = new_order()
        hospital.place(orm(order))
        hospital.bridge.restart()
        step = hospital.start_step(order)
        study = scan(order, tmp_path / order.accession, series=(2, 1))
        hospital.store(study)
        hospital.end_step(step, study)

        def told(hook: str) -> list[dict[str, Any]]:
            return [one for one in listener.notifications() if one["hook"] == hook]

        def of_type(hook: str, resource_type: str) -> list[dict[str, Any]]:
            return [one for one in told(hook) if one["resource_type"] == resource_type]

        wait_until(lambda: of_type("studies", "ImagingStudy"), "the study is told of")
        own = registered["endpoint"].rpartition("/")[2]
        wait_until(lambda: of_type(own, "ImagingStudy"), "the study, in R4's own form")
        wait_until(
            lambda: statuses(of_type("orders", "ServiceRequest"))[-1:] == ["completed"],
            "the order's end is told of",
        )
        whole = json.loads(of_type("studies", "ImagingStudy")[-1]["body"])
        assert whole["numberOfInstances"] == 3
        assert told("orders")[0]["kind"] == "handshake"
        numbers = bridge.read(f"Subscription/{made['orders']['id']}/$events")
        given = [
            part["valueString"]
            for parameter in numbers["entry"][0]["resource"]["parameter"]
            if parameter["name"] == "notification-event"
            for part in parameter["part"]
            if part["name"] == "event-number"
        ]
        assert given == ["1", "2", "3"]  # scheduled, started, completed: over a kill


def statuses(notifications: list[dict[str, Any]]) -> list[str]:
    """The statuses of the orders that sekmet read when it was told of them."""
    return [json.loads(one["body"])["status"] for one in notifications if one["body"]]
