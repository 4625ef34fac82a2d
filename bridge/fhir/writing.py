"""Writes what is said to a server: in one transaction, or one request after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bridge.domain.delivery import TransportError
from bridge.fhir.bundle import Action, Content, Entry, dump
from bridge.fhir.client import Answer, FhirClient
from bridge.fhir.creations import Creations
from bridge.fhir.identifiers import Json
from bridge.fhir.lookup import carries, find_one, reference
from bridge.fhir.outcome import Refusal, failure
from bridge.fhir.planning import Plan, Planner, Step, linked_step
from bridge.mapping.ehr_profiles import EhrProfile, MovedStudies, Writes

_CONFLICTING = frozenset({409, 412})
_TOO_LARGE = 413
_CONFLICTS = 3
_HEADERS = {"If-Match": "ifMatch", "If-None-Exist": "ifNoneExist"}


@dataclass(frozen=True, slots=True)
class Written:
    """What was said both ways in the exchange that wrote it; empty when there was nothing to."""

    request: bytes = b""
    response: bytes = b""
    answered: str = ""


class Writer:
    """Writes content so that writing it again changes nothing.

    A sequence of requests is not atomic: it is safe because each of them may be repeated, and
    whatever others refer to comes first.
    """

    def __init__(self, client: FhirClient, profile: EhrProfile) -> None:
        self._client = client
        self._profile = profile
        self._planner = Planner(client, profile)
        self._creations = Creations()

    def write(self, content: Content) -> Written:
        """Write everything. What is too large for the server is written with less detail.

        Raises:
            TransportError: the server did not confirm all of it.
        """
        with self._creations.guarding(content) as refresh:
            said = _refreshed(content) if refresh else content
            for attempt in _lighter_and_lighter(said):
                try:
                    return self._written(attempt)
                except Refusal as refusal:
                    if refusal.status != _TOO_LARGE:
                        raise
                    problem = refusal
        raise problem

    def _written(self, content: Content) -> Written:
        """Write it; where somebody else wrote in between, read again and write again."""
        for left in reversed(range(_CONFLICTS)):
            if self._profile.moved_studies is MovedStudies.REPLACE:
                self._retire_moved(content)
            plan = self._planner.plan(content)
            try:
                return self._carried_out(plan)
            except Refusal as refusal:
                raced = plan.names_versions and refusal.status in _CONFLICTING
                if refusal.permanent or not raced:
                    raise
                if not left:
                    raise _contended(plan, refusal) from refusal
        raise AssertionError  # the last round returns or raises

    def _carried_out(self, plan: Plan) -> Written:
        if not plan.steps:
            return Written()
        if self._profile.writes is Writes.TRANSACTION:
            return self._transacted(plan)
        return self._one_by_one(plan)

    def _transacted(self, plan: Plan) -> Written:
        steps = [linked_step(step, plan.known) for step in plan.steps]
        entries = [_bundle_entry(step) for step in steps]
        body = dump({"resourceType": "Bundle", "type": "transaction", "entry": entries})
        self._check_size(body)
        answer = self._client.request("POST", "", body)
        _confirm(answer, body, len(entries))
        return Written(body, answer.raw, str(answer.status))

    def _one_by_one(self, plan: Plan) -> Written:
        known, written = dict(plan.known), Written()
        for planned in plan.steps:
            step = linked_step(planned, known)
            body = dump(step.resource)
            self._check_size(body)
            answer = self._client.request(
                step.method,
                step.path,
                body,
                headers=step.headers,
                # A create without a condition is not: whether it was done, the next search tells.
                repeatable=step.method != "POST" or bool(step.headers),
            )
            written = Written(body, answer.raw, str(answer.status))
            if not step.reference:
                known[step.entry.name] = self._reference(step, answer, written)
        return written

    def _reference(self, step: Step, answer: Answer, written: Written) -> str:
        kind = step.entry.kind
        if identity := _told_id(answer, kind):
            return f"{kind}/{identity}"
        if step.headers or step.method == "PUT":  # conditional: some say nothing of what was there
            held = find_one(self._client, kind, step.entry.resource["identifier"][0])
            if held is not None:
                return reference(held)
        raise TransportError(
            f"the server does not say which {kind} it created",
            permanent=False,
            request=written.request,
            response=answer.raw or str(answer.status).encode(),
        )

    def _check_size(self, body: bytes) -> None:
        most = self._profile.max_bytes
        if most and len(body) > most:
            text = f"{len(body)} bytes, more than the {most} that the server takes"
            refusal = Refusal(text, permanent=True, request=body[:most])
            refusal.status = _TOO_LARGE
            raise refusal

    def _retire_moved(self, content: Content) -> None:
        """Take the Study Instance UID from a resource of another patient, which may not change."""
        patient = next((each for each in content if each.kind == "Patient"), None)
        for entry in content:
            if entry.kind != "ImagingStudy" or entry.action is not Action.UPDATE or not patient:
                continue
            held = find_one(self._client, entry.kind, entry.resource["identifier"][0])
            mine = find_one(self._client, "Patient", patient.resource["identifier"][0])
            if held is None or _subject(held) == (reference(mine) if mine else ""):
                continue
            ours = entry.resource["identifier"][0]
            kept = [
                each for each in held["identifier"] if not carries({"identifier": [each]}, ours)
            ]
            old = {**held, "status": "entered-in-error", "identifier": kept}
            self._client.request(
                "PUT", reference(held), dump({k: v for k, v in old.items() if v != []})
            )


def _subject(study: Json) -> str:
    said = str(study.get("subject", {}).get("reference", ""))
    return "/".join(said.split("/")[-2:])


def _refreshed(content: Content) -> Content:
    """With endpoints brought up to date, so that a changed address reaches the server."""
    return tuple(
        replace(e, action=Action.UPDATE)
        if e.kind == "Endpoint" and e.action is Action.CREATE
        else e
        for e in content
    )


def _lighter_and_lighter(content: Content) -> Iterator[Content]:
    """The content, then without its instances, then without its series: their numbers stay."""
    yield content
    without_instances = tuple(map(_without_instances, content))
    if without_instances != content:
        yield without_instances
    without_series = tuple(map(_without_series, content))
    if without_series != without_instances:
        yield without_series


def _without_instances(entry: Entry) -> Entry:
    series = entry.resource.get("series")
    if entry.kind != "ImagingStudy" or not series:
        return entry
    bare = [{k: v for k, v in each.items() if k != "instance"} for each in series]
    return replace(entry, resource={**entry.resource, "series": bare})


def _without_series(entry: Entry) -> Entry:
    bare = {k: v for k, v in entry.resource.items() if k != "series"}
    return replace(entry, resource=bare) if entry.kind == "ImagingStudy" else entry


def _bundle_entry(step: Step) -> Json:
    conditions = {_HEADERS[name]: value for name, value in step.headers.items()}
    request = {"method": step.method, "url": step.path, **conditions}
    return {"fullUrl": step.entry.name, "resource": step.resource, "request": request}


def _told_id(answer: Answer, kind: str) -> str:
    if answer.body is not None and answer.body.get("resourceType") == kind:
        return str(answer.body.get("id", ""))
    parts = answer.location.split("/_history")[0].rstrip("/").split("/")
    return parts[-1] if len(parts) > 1 and parts[-2] == kind else ""


def _contended(plan: Plan, refusal: Refusal) -> TransportError:
    kinds = sorted({each.entry.kind for each in plan.steps if "If-Match" in each.headers})
    return TransportError(
        f"others keep changing the {' or '.join(kinds)}",
        permanent=False,
        request=refusal.request,
        response=refusal.response,
    )


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
