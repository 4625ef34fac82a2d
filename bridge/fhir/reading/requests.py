"""What belongs to one order: ServiceRequests of two levels, and the Tasks that are its steps.

The Imaging Service Request guide has a request for the order, one for each requested procedure that
is `basedOn` it, and a Task for each scheduled step; commonly one request is all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bridge.fhir.reading.resolution import Document, is_same
from bridge.mapping.elements import Element
from bridge.mapping.fhir_profiles import FhirProfile

_DEEPEST = 10
SUPPORTING = ("Observation", "AllergyIntolerance", "Flag")


@dataclass(frozen=True, slots=True)
class RequestedSteps:
    """One requested procedure: its request, those of its parents, and its steps."""

    request: Element
    tasks: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class RequestGroup:
    """One order: the request it begins with and its procedures; none of its own when it is all."""

    root: Element
    children: tuple[Element, ...]

    @property
    def requests(self) -> tuple[Element, ...]:
        """Every request of the order, the first level first."""
        return (self.root, *self.children)

    @property
    def procedures(self) -> tuple[Element, ...]:
        """The requests that stand for a requested procedure each."""
        return self.children or (self.root,)


class Requests:
    """Finds what belongs together."""

    def __init__(self, document: Document, profile: FhirProfile) -> None:
        self._document = document
        self._profile = profile

    def orders_something(self, resource: Element) -> bool:
        """Whether the intent is more than a proposal or a plan."""
        return self._profile.status("Intent", resource.text("intent"))["orders"] == "yes"

    def root_of(self, request: Element) -> Element:
        """The request of the order that a request belongs to; of a circle always the same one."""
        chain = [request]
        while len(chain) <= _DEEPEST:
            parent = next(self._parents(chain[-1]), None)
            if parent is None:
                return chain[-1]
            if any(is_same(parent, each) for each in chain):
                break
            chain.append(parent)
        return min(chain, key=lambda each: each.path)

    def group(self, root: Element) -> RequestGroup:
        """The order that begins with this request."""
        found: list[Element] = []
        self._collect(root, root, found, _DEEPEST)
        return RequestGroup(root, tuple(found))

    def _collect(self, root: Element, parent: Element, found: list[Element], levels: int) -> None:
        for child in self._document.referring("ServiceRequest", "basedOn", parent):
            known = any(is_same(each, child) for each in (root, *found))
            if not known and self._is_part(child) and levels:
                found.append(child)
                self._collect(root, child, found, levels - 1)

    def _is_part(self, request: Element) -> bool:
        """A draft of a procedure is none yet, and a plan is none at all."""
        status = self._profile.status("ServiceRequest", request.text("status"))
        return bool(status["control"]) and self.orders_something(request)

    def _parents(self, request: Element) -> Iterator[Element]:
        for reference in request.children("basedOn"):
            parent = self._document.follow(reference)
            if parent is not None and _is_request(parent) and self.orders_something(parent):
                yield parent

    def requests_of(self, resource: Element, *names: str) -> tuple[Element, ...]:
        """The ServiceRequests that a resource refers to."""
        found: list[Element] = []
        for name in names:
            for reference in resource.children(name):
                target = self._document.follow(reference)
                if target is not None and _is_request(target):
                    found.append(target)
        return tuple(found)

    def tasks_of(self, group: RequestGroup) -> list[tuple[Element, tuple[Element, ...]]]:
        """Each procedure's request with its steps; those of the order itself are of the first."""
        pairs = [(each, list(self._tasks_on(each))) for each in group.procedures]
        if group.children:
            pairs[0][1].extend(self._tasks_on(group.root))
        return [(request, tuple(tasks)) for request, tasks in pairs]

    def _tasks_on(self, request: Element) -> Iterator[Element]:
        seen: set[str] = set()
        for name in ("focus", "basedOn"):
            for task in self._document.referring("Task", name, request):
                if task.path not in seen and self.is_step(task):
                    seen.add(task.path)
                    yield task

    def is_step(self, task: Element) -> bool:
        """Whether a Task is a scheduled step: neither a draft nor a plan."""
        status = self._profile.status("Task", task.text("status"))
        return status["is_step"] == "yes" and self.orders_something(task)

    def beside(self, kind: str, request: Sequence[Element], *, status: str) -> list[Element]:
        """Resources `basedOn` one of the requests whose status says something in that column."""
        found: list[Element] = []
        for each in request:
            for other in self._document.referring(kind, "basedOn", each):
                row = self._profile.status(kind, other.text("status"))
                if row.get(status) and not any(is_same(known, other) for known in found):
                    found.append(other)
        return found

    def supporting(self, requests: Sequence[Element]) -> dict[str, list[Element]]:
        """What the requests refer to as supporting information, by its type."""
        found: dict[str, list[Element]] = {kind: [] for kind in SUPPORTING}
        for request in requests:
            for reference in request.children("supportingInfo"):
                target = self._document.follow(reference)
                kind = target.value.get("resourceType") if target else ""
                if target is not None and kind in found:
                    found[kind].append(target)
        return found


def _is_request(resource: Element) -> bool:
    return bool(resource.value.get("resourceType") == "ServiceRequest")
