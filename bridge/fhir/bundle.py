"""The transaction Bundle that publishes a study (FHIR R4 3.1.0.11), idempotent as a whole."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bridge.fhir.identifiers import Json, criteria, escape

_NAMESPACE = uuid.UUID("0e3c7a64-6f0a-5b7e-8b6c-7d3f6f0c2f11")


class PatientPolicy(StrEnum):
    """Who owns the receiver's patients.

    `CREATE`: a patient the server does not hold is created, one it holds is left alone. `UPDATE`:
    the bridge owns them and updates names and the like. `SEARCH`: the server owns them, and a
    study of a patient it does not hold waits.
    """

    CREATE = "create"
    UPDATE = "update"
    SEARCH = "search"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is to be said of a study, before any reference is resolved.

    Each resource comes with the search criteria that find it at the server. The study names its
    patient and orders by identifier only. `patient_reference` is literal, where the server's own
    patient is known.
    """

    study: Json
    study_criteria: str
    patient: Json
    patient_criteria: str
    patient_reference: str = ""
    endpoints: tuple[tuple[Json, str], ...] = ()

    def digest(self, receiver: str) -> str:
        """SHA-256 of everything said to `receiver`, to tell whether there is anything new."""
        said = [receiver, self.study, self.patient, [resource for resource, _ in self.endpoints]]
        return hashlib.sha256(dump(said)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The references that a study's resource gets: to its patient, its endpoints, its orders."""

    patient: str
    endpoints: Sequence[str] = ()
    requests: Sequence[str] = ()


def dump(value: object) -> bytes:
    """JSON bytes that are the same for the same value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def token_criteria(identifier: Json) -> str:
    """Search criteria that find the resource with this identifier, URL-encoded."""
    system, value = escape(identifier.get("system", "")), escape(identifier["value"])
    return criteria("identifier", f"{system}|{value}")


def linked(study: Json, links: Links, source: str) -> Json:
    """The study with its references; those by identifier stay beside them.

    `links.requests` has one entry per `basedOn`, empty where the order is not known there.
    """
    based_on = [
        {"reference": reference, **logical} if reference else logical
        for reference, logical in zip(links.requests, study.get("basedOn", []), strict=False)
    ]
    return {
        **study,
        "meta": {"source": source},
        "subject": {"reference": links.patient, **study["subject"]},
        **({"basedOn": based_on} if based_on else {}),
        **({"endpoint": [{"reference": r} for r in links.endpoints]} if links.endpoints else {}),
    }


def transaction(
    content: Content,
    requests: Sequence[str],
    *,
    policy: PatientPolicy,
    patient: str = "",
    source: str,
    refresh_endpoints: bool = False,
) -> Json:
    """Say everything in one transaction that may be repeated without harm.

    The patient's and the endpoints' entries are conditional creates, the study's is a conditional
    update. `patient` is the literal reference when the policy is to search. With
    `refresh_endpoints` the endpoints are conditional updates, too, so that a changed address
    reaches the server.
    """
    entries: list[Json] = []
    if content.patient_reference:
        patient = content.patient_reference
    elif policy is not PatientPolicy.SEARCH:
        patient = full_url("Patient", content.patient_criteria)
        update = policy is PatientPolicy.UPDATE
        entries.append(_entry(patient, content.patient, content.patient_criteria, update=update))
    for resource, where in content.endpoints:
        name = full_url("Endpoint", where)
        entries.append(_entry(name, resource, where, update=refresh_endpoints))
    links = Links(
        patient=patient,
        endpoints=[full_url("Endpoint", where) for _, where in content.endpoints],
        requests=requests,
    )
    study = linked(content.study, links, source)
    name = full_url("ImagingStudy", content.study_criteria)
    entries.append(_entry(name, study, content.study_criteria, update=True))
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def full_url(kind: str, where: str) -> str:
    """The name of an entry inside the bundle: the same for the same resource in every bundle."""
    return uuid.uuid5(_NAMESPACE, f"{kind}?{where}").urn


def _entry(name: str, resource: Json, where: str, *, update: bool) -> Json:
    kind = resource["resourceType"]
    request = (
        {"method": "PUT", "url": f"{kind}?{where}"}
        if update
        else {"method": "POST", "url": kind, "ifNoneExist": where}
    )
    return {"fullUrl": name, "resource": resource, "request": request}
