"""ServiceRequest and Task (FHIR R4 12.13, 12.17; R5 the same) → orders received."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bridge.domain.errors import BridgeError, RequiredFieldMissing, UnknownKey
from bridge.domain.events import Event, Noted
from bridge.domain.order import (
    Category,
    OrderNumbers,
    OrderReceived,
    ProcedureDetails,
    StepDetails,
)
from bridge.domain.patient import PatientDetails
from bridge.domain.visit import NO_NUMBERS, VisitNumbers
from bridge.fhir.reading.requests import RequestGroup, Requests
from bridge.fhir.reading.values import Roots, Values, numbers_in
from bridge.mapping.elements import Element
from bridge.mapping.targets import Level

_NOBODY = PatientDetails(identifiers=())
_START = "ScheduledProcedureStepStartDateTime"
# Orders that exist already are known by their numbers; what ends or holds them may leave out whom.
_NAMES_BY_NUMBER = frozenset({"CA", "DC", "HD", "OC", "SC"})
_REPLACED, _REPLACEMENT = "RP", "RO"
_NEW = "NW"
_STATUS_ONLY = "SC"


@dataclass(frozen=True, slots=True)
class _Part:
    """One procedure as read, with the request and the Tasks it was read from."""

    details: ProcedureDetails
    request: Element
    tasks: tuple[Element, ...]


class Orders:
    """Reads the orders of one document."""

    def __init__(self, values: Values, requests: Requests) -> None:
        self._values = values
        self._requests = requests
        self._profile = values.sender.profile

    def read(self, group: RequestGroup) -> tuple[Event, ...]:
        """Everything one order asks for: its snapshot, and how its steps stand.

        Raises:
            BridgeError: something it cannot do without is missing or unusable; it says where.
        """
        if note := self._reason_to_note(group):
            return (Noted(reason=note),)
        parts = self._by_accession(group)
        return tuple(event for part in parts for event in self._read(part))

    def _by_accession(self, group: RequestGroup) -> list[RequestGroup]:
        """One part for each accession number among the procedures; one part is the rule."""
        found: dict[str, list[Element]] = {}
        for child in group.children:
            number = self._values.numbers([child]).accession
            found.setdefault(number.value if number else "", []).append(child)
        if len(found) < 2:  # noqa: PLR2004
            return [group]
        return [RequestGroup(group.root, tuple(children)) for children in found.values()]

    def _read(self, group: RequestGroup) -> tuple[Event, ...]:
        root = group.root
        tasks = self._requests.tasks_of(group)
        roots = self._roots(group, [task for _, found in tasks for task in found])
        verdict = self._profile.imaging.judge(self._values.scope(roots))
        # What is no imaging order is noted, however it is filled in: nothing of it can refuse.
        self._values.run.lenient = verdict.category is not Category.IMAGING
        snapshot, parts = self._snapshot(group, roots, tasks, verdict.category)
        if verdict.category is not Category.IMAGING:
            self._values.run.warn(root.path, f"not imaging: {verdict.reason}")
            return (snapshot,)
        snapshot, replaced = self._replacing(group, snapshot)
        return (*replaced, snapshot, *self._follow_ups(group, snapshot, parts))

    def _reason_to_note(self, group: RequestGroup) -> str:
        root = group.root
        if not self._requests.orders_something(root):
            return f"a request of intent {root.text('intent')} orders nothing"
        if root.value.get("doNotPerform") is True:
            return "a request that something is not done"
        status = self._profile.status("ServiceRequest", root.text("status"))
        return "" if status["control"] else status["because"] or "its status asks for nothing"

    def _roots(self, group: RequestGroup, tasks: Sequence[Element]) -> dict[str, Sequence[Element]]:
        encounters = (
            self._values.document.follow(e) for r in group.requests for e in r.children("encounter")
        )
        return {
            **self._requests.supporting(group.requests),
            "ServiceRequest": group.requests,
            "OrderRequest": (group.root,),
            "Task": tasks,
            "Encounter": [each for each in encounters if each is not None],
            "ImagingStudy": self._requests.beside(
                "ImagingStudy", group.requests, status="announces"
            ),
            "Appointment": self._requests.beside("Appointment", group.requests, status="action"),
        }

    def _snapshot(
        self,
        group: RequestGroup,
        roots: Roots,
        tasks: Sequence[tuple[Element, tuple[Element, ...]]],
        category: Category,
    ) -> tuple[OrderReceived, list[_Part]]:
        sources: dict[str, str] = {}
        said = self._values.read(Level.ORDER, roots, sources)
        control = said.pop("OrderControl", "")
        patient = self._patient(group.root, roots, control, category, sources)
        numbers = numbers_in(said)
        imaging = category is Category.IMAGING
        if imaging and not numbers:
            place = f"{group.root.path}.identifier"
            raise RequiredFieldMissing("the order has no number", location=place)
        parts = [self._part(*each, group, roots, sources) for each in tasks] if imaging else []
        event = OrderReceived(
            control=control,
            status=said.pop("OrderStatus", ""),
            category=category,
            patient=patient,
            numbers=numbers,
            occurred_at=self._newest(said.pop("OccurredAt", ""), group, tasks),
            attributes=said,
            procedures=tuple(part.details for part in parts),
            visit=self._visit(roots),
            location=group.root.path,
            sources=sources,
        )
        return event, parts

    def _newest(
        self,
        own: str,
        group: RequestGroup,
        tasks: Sequence[tuple[Element, tuple[Element, ...]]],
    ) -> str:
        """When the newest of the order's resources came about: the snapshot is of that moment."""
        others = (*group.children, *(task for _, found in tasks for task in found))
        return max([own, *map(self._values.occurred_at, others)])

    def _patient(
        self,
        root: Element,
        roots: Roots,
        control: str,
        category: Category,
        sources: dict[str, str],
    ) -> PatientDetails:
        optional = control in _NAMES_BY_NUMBER or category is not Category.IMAGING
        found = self._values.referred_patient(root, ("subject",), required=not optional)
        if found is None:
            return _NOBODY
        try:
            return self._values.patient(found, roots, sources)
        except BridgeError:
            if optional:
                return _NOBODY
            raise

    def _visit(self, roots: Roots) -> VisitNumbers:
        encounters = roots["Encounter"]
        numbers = self._values.identifiers(encounters[0]) if encounters else ()
        return VisitNumbers(number=numbers[0]) if numbers else NO_NUMBERS

    def _part(
        self,
        request: Element,
        tasks: tuple[Element, ...],
        group: RequestGroup,
        roots: Roots,
        sources: dict[str, str],
    ) -> _Part:
        own = (request,) if request is group.root else (request, group.root)
        here: dict[str, Sequence[Element]] = {
            **roots,
            "ServiceRequest": own,
            "ProcedureRequest": (request,) if group.children else (),
            "Task": tasks,
            "ImagingStudy": self._studies(own if len(group.children) < 2 else own[:1]),  # noqa: PLR2004
        }
        said = self._values.read(Level.PROCEDURE, here, _unless_said(sources))
        steps = [self._step({**here, "Task": [task]}, sources) for task in tasks]
        details = ProcedureDetails(
            rp_id=said.pop("RequestedProcedureID", ""),
            study_instance_uid=said.pop("StudyInstanceUID", ""),
            code=said.pop("RequestedProcedureCodeSequence", None) or None,
            attributes=said,
            steps=tuple(steps or [self._step(here, sources)]),
        )
        return _Part(details, request, tasks)

    def _step(self, roots: Roots, sources: dict[str, str]) -> StepDetails:
        return step_in(self._values.read(Level.STEP, roots, _unless_said(sources)))

    def _studies(self, requests: Sequence[Element]) -> Sequence[Element]:
        """The studies registered for a procedure; those of the order when it is the only one."""
        return self._requests.beside("ImagingStudy", requests, status="announces")

    def _replacing(
        self, group: RequestGroup, snapshot: OrderReceived
    ) -> tuple[OrderReceived, tuple[OrderReceived, ...]]:
        """A request that replaces others ends them (RP), and then takes their place (RO)."""
        replaced: list[OrderNumbers] = []
        for request in group.requests:
            for old in self._requests.requests_of(request, "replaces"):
                numbers = self._values.numbers([old])
                if numbers and numbers != snapshot.numbers:
                    replaced.append(numbers)
        if not replaced or snapshot.control != _NEW:
            return snapshot, ()
        ends = tuple(
            replace(
                snapshot,
                control=_REPLACED,
                status="",
                numbers=numbers,
                attributes={},
                procedures=(),
                sources={},
            )
            for numbers in replaced
        )
        return replace(snapshot, control=_REPLACEMENT, replaces=tuple(replaced)), ends

    def _follow_ups(
        self, group: RequestGroup, snapshot: OrderReceived, parts: Sequence[_Part]
    ) -> Iterator[OrderReceived]:
        """How the order, its procedures and its steps stand, where that is not in the snapshot."""
        bare = replace(snapshot, attributes={}, procedures=(), status="", sources={}, replaces=())
        then = self._profile.status("ServiceRequest", group.root.text("status"))["then"]
        if then:
            yield replace(bare, control=then)
        for part in parts:
            named = _named(part.details)
            if part.request is not group.root and (status := self._differs(part.request, group)):
                yield replace(
                    bare,
                    control=_STATUS_ONLY,
                    status=status,
                    procedures=(named,),
                    location=part.request.path,
                )
            for task, step in zip(part.tasks, part.details.steps, strict=False):
                row = self._profile.status("Task", task.text("status"))
                if row["control"]:
                    only = replace(named, steps=(StepDetails(sps_id=step.sps_id),))
                    yield replace(
                        bare,
                        control=row["control"],
                        status=row["order_status"],
                        procedures=(only,),
                        location=task.path,
                    )

    def _differs(self, request: Element, group: RequestGroup) -> str:
        """The order status of a procedure that stands otherwise than its order."""
        own = self._profile.status("ServiceRequest", request.text("status"))["order_status"]
        whole = self._profile.status("ServiceRequest", group.root.text("status"))["order_status"]
        return own if own != whole else ""

    def read_cancelled(self, request: Element) -> tuple[Event, ...]:
        """A request that is gone, and of which nothing but its number is known."""
        row = self._profile.status("ServiceRequest", "revoked")
        event = OrderReceived(
            control=row["control"],
            status=row["order_status"],
            patient=_NOBODY,
            numbers=self._values.numbers([request]),
            location=request.path,
        )
        return (event,)

    def read_task(self, task: Element) -> tuple[Event, ...]:
        """A Task whose order is known by number only: how that one step stands.

        Raises:
            BridgeError: nobody knows what it is about.
        """
        requests = self._requests.requests_of(task, "focus", "basedOn")
        if not requests:
            return self._task_of_nothing(task)
        row = self._profile.status("Task", task.text("status"))
        said = self._values.read(Level.STEP, {"Task": [task]})
        found = self._values.referred_patient(task, ("for",), required=False)
        patient = self._values.patient(found) if found is not None else _NOBODY
        if not row["control"]:
            return (Noted(reason="a task changes nothing of an order that is not known here"),)
        step = StepDetails(sps_id=said.get("ScheduledProcedureStepID", ""))
        event = OrderReceived(
            control=row["control"],
            status=row["order_status"],
            patient=patient,
            numbers=self._values.numbers(requests),
            procedures=(ProcedureDetails(steps=(step,)),) if step.sps_id else (),
            occurred_at=self._values.occurred_at(task),
            location=task.path,
        )
        return (event,)

    def _task_of_nothing(self, task: Element) -> tuple[Event, ...]:
        for name in ("focus", "basedOn"):
            for reference in task.children(name):
                target = str(reference.value.get("reference") or "")
                if "ServiceRequest/" in target or target.startswith("urn:"):
                    place = f"{reference.path}.reference"
                    raise UnknownKey("the request it refers to is not known", location=place)
        return (Noted(reason="a task that is about no request"),)


def step_in(said: dict[str, Any]) -> StepDetails:
    """The step that the rows of its level tell of."""
    start = said.pop(_START, None) or None
    return StepDetails(
        sps_id=said.pop("ScheduledProcedureStepID", ""),
        modality=said.pop("Modality", ""),
        station_ae_titles=said.pop("ScheduledStationAETitle", ()) or (),
        start_date=start.date if start else "",
        start_time=start.time if start else "",
        protocol_codes=said.pop("ScheduledProtocolCodeSequence", ()) or (),
        attributes=said,
    )


def _named(details: ProcedureDetails) -> ProcedureDetails:
    """What a procedure is found by."""
    return ProcedureDetails(
        rp_id=details.rp_id, study_instance_uid=details.study_instance_uid, code=details.code
    )


def _unless_said(sources: dict[str, str]) -> dict[str, str]:
    """Provenance is told of the first procedure and step; further ones are read alike."""
    return {} if _START in sources or "Modality" in sources else sources
