"""Tell of orders and studies procedure by procedure: the newest state of each, once.

For receivers that keep a record of each procedure, as those of HL7 v2 do. What each of them has on
record is kept, so that nothing is said twice, and a study that turns out to be another procedure's
is taken back where it was told of first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bridge.domain.delivery import Delivery, EventKind
from bridge.domain.identifiers import Identifier
from bridge.domain.order import Order, OrderReceived
from bridge.domain.patient import Patient, PatientDetails
from bridge.domain.publication import News, OrderNews, PublishedStudy
from bridge.domain.subscription import Subscription
from bridge.domain.told import IN_DOUBT, ProcedureNews
from bridge.services.outbox import Claims
from bridge.services.pass_on_messages import PassedOn, gather_message
from bridge.services.publish_study import gather, subject_of
from bridge.services.receive_message import InboundMessage, ReceiveMessage
from bridge.services.tell_of_orders import gather_order, is_of_order
from bridge.services.transaction import Clock, Store, Transaction

_ASSIGNED = "NA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A response that says more than that something was taken; `source` as of messages."""

    source: str
    type: str
    control_id: str
    raw: bytes


class Record(Protocol):
    """Where it is noted, durably, what a receiver has."""

    def sending(self, destination: str, subject: str, procedure_pk: int) -> None:
        """Something goes out now that the receiver may or may not take."""

    def taken(self, destination: str, subject: str, procedure_pk: int, content_hash: str) -> None:
        """The receiver has this now."""

    def withdrawn(self, destination: str, subject: str, procedure_pk: int) -> None:
        """The receiver took it back."""

    def assigned(self, order: Order, patient: Patient, placer: Identifier, said: Said) -> None:
        """The receiver gave the order a placer order number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsByProcedure(News):
    """All procedures that one delivery is about; never empty. What is sent is noted in `record`."""

    procedures: tuple[ProcedureNews, ...]
    record: Record


class ProcedureOutbox(Claims):
    """The queue of what is told by procedure, and the record of what receivers have."""

    def __init__(
        self,
        store: Store,
        destinations: Mapping[str, Subscription],
        messages: ReceiveMessage,
        clock: Clock,
    ) -> None:
        super().__init__(store)
        self._destinations = destinations
        self._messages = messages
        self._clock = clock

    def gather(self, delivery: Delivery) -> NewsByProcedure | PassedOn | None:
        """The procedures of the delivery's order or study as they stand; None for nothing.

        Of a message that is passed on: the message.
        """
        if delivery.kind is EventKind.MESSAGE:
            return self._store.read(lambda tx: gather_message(tx, delivery))
        procedures = self._store.read(lambda tx: self._gather(tx, delivery))
        return NewsByProcedure(procedures=procedures, record=self) if procedures else None

    def sending(self, destination: str, subject: str, procedure_pk: int) -> None:
        """Note, durably, that something goes out now that the receiver may or may not take."""
        self._store.transact(
            lambda tx: tx.told_procedures.put(destination, subject, procedure_pk, IN_DOUBT)
        )

    def taken(self, destination: str, subject: str, procedure_pk: int, content_hash: str) -> None:
        """Note, durably, what the receiver has now."""
        self._store.transact(
            lambda tx: tx.told_procedures.put(destination, subject, procedure_pk, content_hash)
        )

    def withdrawn(self, destination: str, subject: str, procedure_pk: int) -> None:
        """Note, durably, that the receiver took it back."""
        self._store.transact(
            lambda tx: tx.told_procedures.forget(destination, subject, procedure_pk)
        )

    def assigned(self, order: Order, patient: Patient, placer: Identifier, said: Said) -> None:
        """Give the order the number that its placer assigned (ORC-1 NA), journaled as it came."""
        numbers = replace(order.numbers, placer=placer)
        who = PatientDetails(identifiers=patient.identifiers)
        event = OrderReceived(control=_ASSIGNED, patient=who, numbers=numbers)
        message = InboundMessage(
            protocol="response",
            peer=said.source,
            source=said.source,
            type=said.type,
            control_id=said.control_id,
            raw=said.raw,
            received_at=self._clock(),
        )
        self._messages.receive(message, (event,), lambda _receipt: b"")

    def _gather(self, tx: Transaction, delivery: Delivery) -> tuple[ProcedureNews, ...]:
        subject = delivery.subject
        told = tx.told_procedures.of(delivery.destination, subject)
        wanted = self._destinations.get(delivery.destination)
        if is_of_order(subject):
            news = gather_order(tx, subject, "")
            if wanted is not None and not wanted.covers(news):
                return ()
            return tuple(_of_order(news, told))
        published = gather(tx, subject, "")
        if published is not None and wanted is not None and not wanted.covers(published):
            published = None
        return (*_of_study(published, told), *_taken_back(tx, subject, published, told))


def _of_order(news: OrderNews, told: Mapping[int, str]) -> Iterator[ProcedureNews]:
    for procedure in news.order.procedures:
        yield ProcedureNews(
            order=news.order,
            procedure=procedure,
            patient=news.patient,
            study_instance_uid=procedure.study_instance_uid,
            told=told.get(procedure.pk),
        )


def _of_study(published: PublishedStudy | None, told: Mapping[int, str]) -> Iterator[ProcedureNews]:
    for request in published.requests if published else ():
        assert published is not None  # noqa: S101 - it has requests
        yield ProcedureNews(
            order=request.order,
            procedure=request.procedure,
            patient=published.patient,
            study=published.study,
            study_instance_uid=published.study.study_instance_uid,
            told=told.get(request.procedure.pk),
        )


def _taken_back(
    tx: Transaction, subject: str, published: PublishedStudy | None, told: Mapping[int, str]
) -> Sequence[ProcedureNews]:
    """What the receiver was told of the study, or may have been, and is not so any more."""
    still = {request.procedure.pk for request in published.requests} if published else set()
    gone = frozenset(told) - still
    if not gone:
        return ()
    return [
        ProcedureNews(
            order=order,
            procedure=procedure,
            patient=tx.patients.get(order.patient_pk),
            study_instance_uid=subject.removeprefix(subject_of("")),
            is_withdrawn=True,
            told=told[procedure.pk],
        )
        for order in tx.orders.with_procedures(gone)
        for procedure in order.procedures
        if procedure.pk in gone
    ]
