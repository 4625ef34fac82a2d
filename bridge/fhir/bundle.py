"""What is said to a server, resource by resource, before it is known how the server takes it."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

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


class Action(StrEnum):
    """What is to become of a resource at the server.

    `FIND`: it is the server's own, and referred to. `AMEND`: what the server holds gets what is
    said here, and what it does not hold is not created. `CREATE`: what the server holds is left
    alone. `UPDATE`: what the server holds becomes this.
    """

    FIND = "find"
    AMEND = "amend"
    CREATE = "create"
    UPDATE = "update"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One resource of what is said; its first identifier is what the server knows it by.

    Others refer to it by `name`, until the server's own reference is known. One that is `needed`
    and cannot be found holds up the whole; else references to it are left out. `at` is the server's
    reference where it is known. `otherwise` is created where there is nothing to amend.
    """

    resource: Json
    action: Action
    needed: bool = False
    at: str = ""
    otherwise: Json | None = None

    @property
    def kind(self) -> str:
        """The type of the resource."""
        return str(self.resource["resourceType"])

    @property
    def criteria(self) -> str:
        """Search criteria that find it at the server."""
        return token_criteria(self.resource["identifier"][0])

    @property
    def name(self) -> str:
        """What others refer to it by."""
        return full_url(self.kind, self.criteria)

    @property
    def name_of_encounter(self) -> str:
        """What others refer to the encounter by in which the server says that it was ordered."""
        return f"{self.name}#encounter"


Content = tuple[Entry, ...]
"""Everything that is to be said at once; what is referred to comes before what refers to it."""


def digest(content: Content, receiver: str) -> str:
    """SHA-256 of everything said to `receiver`, to tell whether there is anything new."""
    said = [[each.action, each.resource] for each in content]
    return hashlib.sha256(dump([receiver, said])).hexdigest()


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
    return _token_criteria(identifier.get("system", ""), identifier["value"])


@lru_cache(maxsize=4096)  # asked for a dozen times while one study is told
def _token_criteria(system: str, value: str) -> str:
    return criteria("identifier", f"{escape(system)}|{escape(value)}")


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


@lru_cache(maxsize=4096)
def full_url(kind: str, where: str) -> str:
    """The name of an entry inside the bundle: the same for the same resource in every bundle."""
    return uuid.uuid5(_NAMESPACE, f"{kind}?{where}").urn


def client_id(kind: str, where: str) -> str:
    """The id of a resource at servers that leave it to us: the same whenever it is written."""
    return str(uuid.uuid5(_NAMESPACE, f"{kind}?{where}"))


def with_references(resource: Json, known: Mapping[str, str]) -> Json:
    """The resource with the server's own references in place of names.

    A name that stands for nothing (empty) is left out; what identifies the same beside it stays.
    """
    replaced = {k: v if k == "series" else _replaced(v, known) for k, v in resource.items()}
    return {name: value for name, value in replaced.items() if value not in ({}, [])}


def _replaced(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        items = [_replaced(each, known) for each in value]
        return [each for each in items if each not in ({}, [])]
    if not isinstance(value, dict):
        return value
    name = str(value.get("reference", ""))
    if name in known:
        others = {k: v for k, v in value.items() if k != "reference"}
        found = known[name]
        bare = not found and set(others) <= {"type"}
        return {} if bare else {**({"reference": found} if found else {}), **others}
    return {k: _replaced(v, known) for k, v in value.items()}
