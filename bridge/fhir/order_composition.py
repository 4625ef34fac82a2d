"""What a server is told of an order: how its ServiceRequest stands, and a Task for each step."""

from __future__ import annotations

from bridge.domain.order_state import OrderState, state_of
from bridge.domain.publication import OrderNews
from bridge.fhir.bundle import Action, Content, Entry
from bridge.fhir.composition import Composer, Referred, bare
from bridge.fhir.identifiers import Json
from bridge.fhir.server.order_resources import HeldOrder, Site, service_request, task
from bridge.fhir.server.statuses import ORDER_STATUS
from bridge.mapping.ehr_profiles import Requests
from bridge.services.find_records import RecordKind

_TOLD = frozenset({OrderState.ACTIVE, OrderState.COMPLETED, OrderState.CANCELED})
"""What is said of an order that the server owns. That it is held, only its Task says."""

_UNTOLD = frozenset({"authoredOn"})
"""We know when we learned of an order, and not when it was written."""


class OrderComposer(Composer):
    """Composes what one server is told of orders."""

    def order(self, news: OrderNews, correlation: str) -> Content:
        """An order with a Task for each of its steps.

        Raises:
            TransportError: what is held makes no valid resource.
        """
        patient = self.patient(news.patient)
        held = HeldOrder(order=news.order, patient=news.patient, received_at=0.0)
        request = self._request(held, patient)
        names = {RecordKind.PATIENT: patient.reference, RecordKind.ORDER: request.reference}
        meta = {"source": self.source(correlation)}
        tasks = [
            self.entry({**self._task(held, step.pk, names), "meta": meta}, Action.UPDATE)
            for procedure in news.order.procedures
            for step in procedure.steps
        ]
        return (*patient.entries, *request.entries, *tasks)

    @property
    def _site(self) -> Site:
        return Site(systems=self.manner.systems, zone=self.manner.zone)

    def _request(self, held: HeldOrder, patient: Referred) -> Referred:
        numbers, own = self.identifiers(held.order), self.own_request(held.order)
        wanted = self.manner.profile.requests
        if not numbers or wanted is Requests.IGNORE or (own and not self.manner.is_filler):
            return Referred(own)
        known = bare("ServiceRequest", numbers)
        if not self.manner.is_filler:
            entry = Entry(resource=known, action=Action.FIND)
            return Referred(entry.name, (entry,))
        state = state_of(held.order)
        entry = Entry(
            resource={**known, **({"status": ORDER_STATUS[state]} if state in _TOLD else {})},
            action=Action.AMEND,
            at=own,
            otherwise=self._new_request(held, patient, numbers)
            if wanted is Requests.CREATE
            else None,
        )
        return Referred(own or entry.name, (entry,))

    def _new_request(self, held: HeldOrder, patient: Referred, numbers: list[Json]) -> Json:
        resource = service_request(held, self._site, lambda _kind, _pk: patient.reference)
        said = {name: value for name, value in resource.items() if name not in _UNTOLD}
        return self.entry({**said, "identifier": numbers}, Action.CREATE).resource

    def _task(self, held: HeldOrder, step_pk: int, names: dict[RecordKind, str]) -> Json:
        resource = task(held, step_pk, self._site, lambda kind, _pk: names[kind])
        numbers, reference = self.identifiers(held.order)[:1], names[RecordKind.ORDER]
        order = {
            **({"reference": reference} if reference else {}),
            "type": "ServiceRequest",
            **({"identifier": numbers[0]} if numbers else {}),
        }
        mine = {"system": f"{self.manner.source}:step", "value": str(step_pk)}
        left_out = _UNTOLD | {"basedOn", "focus"}
        return {
            **{name: value for name, value in resource.items() if name not in left_out},
            **({"basedOn": [order], "focus": order} if reference or numbers else {}),
            "identifier": [mine, *resource.get("identifier", ())],
        }
