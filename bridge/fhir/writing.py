"""Two ways to write a study to a server: one transaction, or one resource after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.domain.delivery import TransportError
from bridge.fhir.bundle import Content, Links, PatientPolicy, dump, linked, transaction
from bridge.fhir.client import Answer, FhirClient
from bridge.fhir.creations import Creations
from bridge.fhir.identifiers import Json
from bridge.fhir.lookup import find_one, reference
from bridge.fhir.outcome import Refusal, failure

_CONFLICTING = frozenset({409, 412})
_CONFLICTS = 3

_ENTERED_IN_ERROR = "entered-in-error"
NO_PATIENT = "the server does not hold the patient"


@dataclass(frozen=True, slots=True)
class Written:
    """What was said both ways in the exchange that wrote the study."""

    request: bytes
    response: bytes


class Writer(Protocol):
    """Writes content so that writing it again changes nothing."""

    def write(self, content: Content, requests: Sequence[str], source: str) -> Written:
        """Write a study, and its patient and endpoints as the policy wants.

        Raises:
            TransportError: the server did not confirm all of it.
        """


class TransactionWriter:
    """One transaction of conditional requests: what any server of R4 should do."""

    def __init__(self, client: FhirClient, policy: PatientPolicy) -> None:
        self._client = client
        self._policy = policy
        self._creations = Creations(policy)

    def write(self, content: Content, requests: Sequence[str], source: str) -> Written:
        """Write everything or nothing."""
        patient = content.patient_reference
        if not patient and self._policy is PatientPolicy.SEARCH:
            patient = _held_patient(self._client, content)
        with self._creations.guarding(content) as refresh_endpoints:
            bundle = transaction(
                content,
                requests,
                policy=self._policy,
                patient=patient,
                source=source,
                refresh_endpoints=refresh_endpoints,
            )
            body = dump(bundle)
            answer = self._client.request("POST", "", body)
            _confirm(answer, body, len(bundle["entry"]))
        return Written(body, answer.raw)


class StepwiseWriter:
    """Search, then create or update each resource: for servers without conditional requests.

    Not atomic, so it is safe only while nobody else writes the same resources.
    """

    def __init__(self, client: FhirClient, policy: PatientPolicy) -> None:
        self._client = client
        self._policy = policy
        self._creations = Creations(policy)

    def write(self, content: Content, requests: Sequence[str], source: str) -> Written:
        """Write patient, endpoints and study, in this order."""
        with self._creations.guarding(content) as refresh_endpoints:
            place = self._put if refresh_endpoints else self._keep
            links = Links(
                patient=self._patient(content),
                endpoints=[place(resource)[0] for resource, _ in content.endpoints],
                requests=requests,
            )
            return self._put(linked(content.study, links, source))[1]

    def _patient(self, content: Content) -> str:
        if content.patient_reference:
            return content.patient_reference
        if self._policy is PatientPolicy.SEARCH:
            return _held_patient(self._client, content)
        if self._policy is PatientPolicy.CREATE:
            return self._keep(content.patient)[0]
        return self._put(content.patient)[0]

    def _keep(self, resource: Json) -> tuple[str, Written]:
        """Create a resource, unless there is one that carries its first identifier."""
        held = find_one(self._client, resource["resourceType"], resource["identifier"][0])
        return self._create(resource) if held is None else (reference(held), Written(b"", b""))

    def _put(self, resource: Json) -> tuple[str, Written]:
        """Create a resource, or update the one that carries its first identifier."""
        kind = resource["resourceType"]
        for _ in range(_CONFLICTS):
            held = find_one(self._client, kind, resource["identifier"][0])
            if held is None:
                return self._create(resource)
            try:
                return reference(held), self._update(resource, held)
            except Refusal as refusal:
                if refusal.permanent or refusal.status not in _CONFLICTING:
                    raise
        raise TransportError(f"others keep changing the {kind}", permanent=False)

    def _create(self, resource: Json) -> tuple[str, Written]:
        kind, body = resource["resourceType"], dump(resource)
        answer = self._client.request("POST", kind, body, repeatable=False)
        identity = _created_id(answer, kind)
        if not identity:
            raise TransportError(
                f"the server does not say which {kind} it created",
                permanent=False,
                request=body,
                response=answer.raw,
            )
        return f"{kind}/{identity}", Written(body, answer.raw)

    def _update(self, resource: Json, held: Json) -> Written:
        body = dump({**resource, "id": held["id"]})
        version = held.get("meta", {}).get("versionId")
        match = {"If-Match": f'W/"{version}"'} if version else {}
        answer = self._client.request("PUT", reference(held), body, headers=match)
        return Written(body, answer.raw)


def withdraw(client: FhirClient, identifier: Json) -> Written:
    """Let the ImagingStudy of this identifier be entered-in-error; nothing when there is none.

    All else it says stays: others may hold references to it.

    Raises:
        TransportError: the server did not confirm.
    """
    for _ in range(_CONFLICTS):
        held = find_one(client, "ImagingStudy", identifier)
        if held is None or held.get("status") == _ENTERED_IN_ERROR:
            return Written(b"", b"")
        body = dump({**held, "status": _ENTERED_IN_ERROR})
        version = held.get("meta", {}).get("versionId")
        match = {"If-Match": f'W/"{version}"'} if version else {}
        try:
            answer = client.request("PUT", reference(held), body, headers=match)
        except Refusal as refusal:
            if refusal.permanent or refusal.status not in _CONFLICTING:
                raise
        else:
            return Written(body, answer.raw)
    raise TransportError("others keep changing the ImagingStudy", permanent=False)


def _held_patient(client: FhirClient, content: Content) -> str:
    held = find_one(client, "Patient", content.patient["identifier"][0])
    if held is None:
        raise TransportError(NO_PATIENT, permanent=False, response=b"0 matches")
    return reference(held)


def _created_id(answer: Answer, kind: str) -> str:
    if answer.body is not None and answer.body.get("resourceType") == kind:
        return str(answer.body.get("id", ""))
    parts = answer.location.split("/_history")[0].rstrip("/").split("/")
    return parts[-1] if len(parts) > 1 and parts[-2] == kind else ""


def _confirm(answer: Answer, request: bytes, entries: int) -> None:
    """Take a transaction for done only when the server says so of each entry.

    Raises:
        TransportError: it does not.
    """
    body = answer.body or {}
    told = body.get("entry")
    if body.get("type") != "transaction-response" or not isinstance(told, list):
        raise TransportError(
            f"HTTP {answer.status} without a transaction-response",
            permanent=False,
            request=request,
            response=answer.raw or b"-",
        )
    for index, entry in enumerate(told):
        response = entry.get("response", {}) if isinstance(entry, dict) else {}
        status = str(response.get("status", ""))[:3]
        if not status.startswith("2") and status != "304":
            code = int(status) if status.isdecimal() else 500
            outcome = dump(response.get("outcome", {}))
            error = failure(code, outcome, request=request, where=f" in entry {index}")
            error.response = answer.raw
            raise error
    if len(told) < entries:
        raise TransportError(
            "the server answered only a part of the transaction",
            permanent=False,
            request=request,
            response=answer.raw,
        )
