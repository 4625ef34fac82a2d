"""How each resource of what is said is written to a server of one kind: the requests it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from bridge.domain.delivery import TransportError
from bridge.fhir.bundle import Action, Content, Entry, client_id, with_references
from bridge.fhir.client import FhirClient
from bridge.fhir.identifiers import Json
from bridge.fhir.lookup import carries, find_best, find_one, reference
from bridge.fhir.outcome import Refusal
from bridge.mapping.ehr_profiles import EhrProfile, Matches

_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
NO_PATIENT = "the server does not hold the patient"

# What the server says of a resource of its own, and we do not overrule by our word: its status →
# the statuses that give way to it.
_STANDS: Mapping[str, frozenset[str]] = {
    "entered-in-error": frozenset(),
    "draft": frozenset({"completed", "revoked"}),
    "on-hold": frozenset({"completed", "revoked"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request; `path` is relative to the base, `reference` empty until the server says it."""

    entry: Entry
    method: str
    path: str
    resource: Json
    headers: Mapping[str, str] = field(default_factory=dict)
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests in their order, and what is known of references (name → reference, or empty)."""

    steps: tuple[Step, ...]
    known: Mapping[str, str]

    @property
    def names_versions(self) -> bool:
        """Whether somebody else's write in between makes it fail."""
        return any("If-Match" in step.headers for step in self.steps)


class Planner:
    """Looks up what has to be known, and says what is to be written."""

    def __init__(self, client: FhirClient, profile: EhrProfile) -> None:
        self._client = client
        self._profile = profile

    def plan(self, content: Content) -> Plan:
        """Plan the writing of `content`.

        Raises:
            TransportError: a search failed, found several, or a needed resource is not there.
        """
        known: dict[str, str] = {}
        steps: list[Step] = []
        for entry in content:
            step = self._step(entry, known)
            if step is not None:
                steps.append(step)
                if step.reference:
                    known[entry.name] = step.reference
        return Plan(tuple(steps), known)

    def _step(self, entry: Entry, known: dict[str, str]) -> Step | None:
        if entry.action in (Action.FIND, Action.AMEND):
            return self._of_the_servers_own(entry, known)
        if self._profile.matches is Matches.CONDITIONAL:
            return _conditional(entry)
        ours = self._profile.matches is Matches.CLIENT_IDS
        if ours and (entry.action is Action.UPDATE or entry.kind == "Endpoint"):
            return _by_our_id(entry)
        held = find_one(self._client, entry.kind, entry.resource["identifier"][0])
        if held is None:
            return _by_our_id(entry) if ours else _create(entry)
        if entry.action is Action.CREATE:
            known[entry.name] = reference(held)
            return None
        return self._put(entry, held, {**entry.resource, "id": held["id"]})

    def _of_the_servers_own(self, entry: Entry, known: dict[str, str]) -> Step | None:
        held = self._found(entry)
        if held is None and entry.otherwise is not None:
            new = replace(entry, resource=entry.otherwise, action=Action.CREATE)
            return self._step(new, known)
        known[entry.name] = reference(held) if held else ""
        encounter = held.get("encounter") if held else None
        known[entry.name_of_encounter] = str((encounter or {}).get("reference", ""))
        if held is None or entry.action is Action.FIND:
            return None
        amended = amend(held, entry.resource)
        return self._put(entry, held, amended) if amended else None

    def _found(self, entry: Entry) -> Json | None:
        if entry.at:
            return self._read(entry.at)
        identifiers = entry.resource["identifier"]
        if not entry.needed and (len(identifiers) > 1 or entry.action is Action.FIND):
            tolerant = entry.action is Action.FIND
            return find_best(self._client, entry.kind, identifiers, tolerant=tolerant)
        held = find_one(self._client, entry.kind, identifiers[0])
        if held is None and entry.needed:
            raise TransportError(NO_PATIENT, permanent=False, response=b"0 matches")
        return held

    def _read(self, where: str) -> Json | None:
        try:
            return self._client.request("GET", where).body
        except Refusal as refusal:
            if refusal.status in _GONE:
                return None
            raise

    def _put(self, entry: Entry, held: Json, resource: Json) -> Step:
        version = held.get("meta", {}).get("versionId")
        match = {"If-Match": f'W/"{version}"'} if version and self._profile.if_match else {}
        where = reference(held)
        return Step(
            entry=entry,
            method="PUT",
            path=where,
            resource=resource,
            headers=match,
            reference=where,
        )


def amend(held: Json, said: Json) -> Json | None:
    """What the server holds with what is said of it; None when that is nothing new.

    Its identifiers stay, and ours come to them.
    """
    status = said.get("status", "")
    if status not in _STANDS.get(str(held.get("status")), {status}):
        said = {name: value for name, value in said.items() if name != "status"}
    more = [each for each in said.get("identifier", ()) if not carries(held, each)]
    amended = {**held, **{k: v for k, v in said.items() if k not in ("identifier", "meta")}}
    if more:
        amended["identifier"] = [*held.get("identifier", ()), *more]
    return None if amended == held else amended


def linked_step(step: Step, known: Mapping[str, str]) -> Step:
    """The step with every reference that is known."""
    return replace(step, resource=with_references(step.resource, known))


def _conditional(entry: Entry) -> Step:
    if entry.action is Action.UPDATE:
        path = f"{entry.kind}?{entry.criteria}"
        return Step(entry=entry, method="PUT", path=path, resource=entry.resource)
    headers = {"If-None-Exist": entry.criteria}
    return Step(
        entry=entry, method="POST", path=entry.kind, resource=entry.resource, headers=headers
    )


def _create(entry: Entry) -> Step:
    return Step(entry=entry, method="POST", path=entry.kind, resource=entry.resource)


def _by_our_id(entry: Entry) -> Step:
    identity = client_id(entry.kind, entry.criteria)
    where = f"{entry.kind}/{identity}"
    resource = {**entry.resource, "id": identity}
    return Step(entry=entry, method="PUT", path=where, resource=resource, reference=where)
