"""A FHIR server over a real database, asked without HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from bridge.domain.identifiers import Authority
from bridge.domain.sender_options import NO_OPTIONS, SenderOptions
from bridge.fhir.identifiers import IdentifierSystems
from bridge.fhir.imaging_study import Rendering
from bridge.fhir.reading import FhirSender
from bridge.fhir.releases import Release
from bridge.fhir.server.exchange import Answer, Request
from bridge.fhir.server.library import House
from bridge.fhir.server.order_resources import Site
from bridge.fhir.server.security import Guard
from bridge.fhir.server.service import FhirServer, FhirServerConfiguration
from bridge.fhir.subscriptions.desk import SubscriptionDesk, Terms
from bridge.mapping.fhir_profiles import load_fhir_profile
from bridge.mapping.source import Site as SiteOfSender
from bridge.services.answer_request import AnswerRequest
from tests.unit.services.core import Core

Json = dict[str, Any]
BASE = "http://bridge.example/fhir"
MRN = "http://hospital.example/mrn"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
ORDERS = "http://hospital.example/orders"
TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
JSON = "application/fhir+json"


class Desk:
    """Short ways to ask a FHIR server."""

    def __init__(
        self,
        core: Core,
        tokens: Mapping[str, str] | None = None,
        options: SenderOptions = NO_OPTIONS,
    ) -> None:
        self.core = core
        site = SiteOfSender(authority=Authority("HOSP"), local_scheme="99HOSP")
        profiles = {
            release: replace(load_fhir_profile(f"fhir-{release.value.lower()}"), options=options)
            for release in Release
        }
        systems = IdentifierSystems(default="HOSP")
        here = Site(systems=systems, zone=site.zone)
        self.server = FhirServer(
            store=core.store,
            requests=AnswerRequest(core.store, core.messages),
            configuration=FhirServerConfiguration(
                house=House(base=BASE, site=here, rendering=Rendering(systems=systems)),
                sender_of=lambda release: FhirSender.of(profiles[release], site, release),
                guard=Guard(tokens or {}),
            ),
            clock=core.clock,
            subscriptions=SubscriptionDesk(
                House(base=BASE, site=here, rendering=Rendering(systems=systems)),
                Terms(),
                core.subscribers,
            ),
        )

    def ask(
        self, method: str, url: str, body: Any = None, /, content_type: str = JSON, **headers: str
    ) -> Answer:
        """Ask, with headers as keywords (`if_match`)."""
        url = url.removeprefix(BASE).lstrip("/")
        path, _, query = url.partition("?")
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and content_type:
            said.setdefault("content-type", content_type)
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        return self.server.answer(
            Request(
                method=method, path=path, query=query, headers=said, body=raw, client="127.0.0.1"
            )
        )

    def get(self, url: str, **headers: str) -> Json:
        """A read that must succeed."""
        answer = self.ask("GET", url, **headers)
        assert answer.status == 200, answer
        assert answer.content is not None
        return answer.content

    def post(self, resource: Json, url: str = "", **headers: str) -> Json:
        """A create that must succeed, and the resource it gives."""
        answer = self.ask("POST", url or resource["resourceType"], resource, **headers)
        assert answer.status in (200, 201), answer
        assert answer.content is not None
        return answer.content

    def find(self, url: str) -> list[Json]:
        """What a search matches."""
        entries = self.get(url).get("entry", [])
        return [each["resource"] for each in entries if each["search"]["mode"] == "match"]

    def ids(self, url: str) -> list[str]:
        return [each["id"] for each in self.find(url)]


def problem(answer: Answer) -> tuple[int, str, str]:
    """Status, issue code and place of a refusal."""
    assert answer.content is not None
    assert answer.content["resourceType"] == "OperationOutcome"
    issue = answer.content["issue"][0]
    return answer.status, issue["code"], (issue.get("expression") or [""])[0]


def patient(mrn: str = "P1", **elements: Any) -> Json:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": MRN, "value": mrn}],
        "name": [{"family": "TRAN", "given": ["MAI"]}],
        "gender": "female",
        "birthDate": "1970-01-01",
        **elements,
    }


def request(subject: str, placer: str = "O1", **elements: Any) -> Json:
    """An order for a CT of the head."""
    kind = {"coding": [{"system": TYPES, "code": "PLAC"}]}
    return {
        "resourceType": "ServiceRequest",
        "identifier": [{"type": kind, "system": ORDERS, "value": placer}],
        "status": "active",
        "intent": "order",
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "363679005"}]}],
        "code": {
            "coding": [{"system": "urn:id:99HOSP", "code": "CTHEAD", "display": "CT head"}],
            "text": "CT head",
        },
        "orderDetail": [{"coding": [{"system": DCM, "code": "CT"}]}],
        "subject": {"reference": subject},
        "occurrenceDateTime": "2026-01-05T09:00:00Z",
        **elements,
    }


def form(**fields: str) -> bytes:
    return "&".join(f"{name}={quote(value)}" for name, value in fields.items()).encode()


def target(url: str) -> str:
    """A link as the path and query below the base."""
    parts = urlsplit(url)
    return f"{parts.path.removeprefix('/fhir/')}?{parts.query}"
