"""The services on a real database, with a trivial encoder, objects in memory and a clock by hand.

Requests are short: `core.order("NW", accession="A1")`; what came of them is read from the store.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from sqlalchemy import select

from bridge.domain.delivery import (
    FINER_STUDY_KINDS,
    ORDER_KINDS,
    STUDY_KINDS,
    EventKind,
    Sent,
)
from bridge.domain.events import Event
from bridge.domain.identifiers import NO_AUTHORITY, Authority, Identifier
from bridge.domain.journal import Disposition
from bridge.domain.matching import Outcome
from bridge.domain.order import (
    CodedConcept,
    Order,
    OrderNumbers,
    OrderReceived,
    ProcedureDetails,
    StepDetails,
)
from bridge.domain.order_control import OrderControlTable
from bridge.domain.patient import PatientDetails
from bridge.domain.patient_events import PatientsMerged, PatientUpdated
from bridge.domain.performed_step import PerformedStepReport, ScheduledReference
from bridge.domain.publication import PublishedStudy
from bridge.domain.sender_options import NO_OPTIONS, SenderOptions
from bridge.domain.study import InstanceHeader, RequestAttributes
from bridge.domain.study import Receipt as Stored
from bridge.domain.subscription import Subscription
from bridge.domain.worklist import WorklistEntry, WorklistItem, WorklistQuery
from bridge.mapping.order_control import load_order_control
from bridge.mapping.reconciliation import load_matching_rules
from bridge.services.complete_study import CompleteStudy
from bridge.services.content import Content, Memory
from bridge.services.event_handlers import event_handlers
from bridge.services.offer_subscriptions import Subscribers
from bridge.services.outbox import Outbox
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.publish_study import PublishStudy
from bridge.services.query_worklist import QueryWorklist
from bridge.services.receive_instance import ReceiveInstance
from bridge.services.receive_message import InboundMessage, Receipt, ReceiveMessage
from bridge.services.reconcile import Reconcile
from bridge.services.record_performed_step import RecordPerformedStep
from bridge.services.tell_of_orders import TellOfOrders
from bridge.services.undo_merge import UndoMerge
from bridge.store.database import Database
from bridge.store.repositories import SqlStore
from bridge.store.tables import match_decision, message, study

HOSP = Authority("HOSP")
RULES = load_matching_rules()
SETTLE_SECONDS = 30.0
DESTINATIONS = {
    "ehr": Subscription(
        kinds=frozenset(
            {EventKind.STUDY_AVAILABLE, EventKind.STUDY_CHANGED, EventKind.STUDY_WITHDRAWN}
        )
    ),
    "chart": Subscription(
        kinds=frozenset({EventKind.STUDY_STARTED, EventKind.STUDY_AVAILABLE}),
    ),
    "registry": Subscription(kinds=frozenset({EventKind.STUDY_SCHEDULED})),
    "pager": Subscription(kinds=frozenset({EventKind.STUDY_AVAILABLE})),
    "analyst": Subscription(kinds=frozenset({*STUDY_KINDS, *FINER_STUDY_KINDS})),
    "ris": Subscription(kinds=frozenset(ORDER_KINDS), told_by="RIS"),
    "his": Subscription(kinds=frozenset(ORDER_KINDS), told_by="KIS"),
}
SENT = Sent(request=b"POST", response=b"201")
CT_IMAGE, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"


def patient(
    value: str = "P1", authority: Authority = HOSP, /, *more: Identifier, **attributes: str
) -> PatientDetails:
    """A woman of 1970, unless said otherwise."""
    usual = {
        "PatientName": f"TRAN^{value}",
        "PatientBirthDate": "19700101",
        "PatientSex": "F",
    }
    return PatientDetails(
        identifiers=(Identifier(value, authority), *more), attributes={**usual, **attributes}
    )


def step(sps_id: str = "S1", **details: Any) -> StepDetails:
    usual: dict[str, Any] = {
        "modality": "CT",
        "station_ae_titles": ("CT01",),
        "start_date": "20260105",
        "start_time": "090000",
    }
    return StepDetails(sps_id=sps_id, **{**usual, **details})


def procedure(
    uid: str = "1.2.1", rp_id: str = "R1", *steps: StepDetails, code: str = "CTHEAD"
) -> ProcedureDetails:
    return ProcedureDetails(
        rp_id=rp_id,
        study_instance_uid=uid,
        code=CodedConcept(code, "99HOSP", code.lower()) if code else None,
        steps=steps or (step(),),
    )


def numbers(accession: str = "", placer: str = "", filler: str = "") -> OrderNumbers:
    def known(value: str, authority: Authority) -> Identifier | None:
        return Identifier(value, authority) if value else None

    return OrderNumbers(
        accession=known(accession, HOSP),
        placer=known(placer, Authority("KIS")),
        filler=known(filler, Authority("RIS")),
    )


def order(
    control: str = "NW",
    *procedures: ProcedureDetails,
    who: PatientDetails | None = None,
    status: str = "",
    accession: str = "A1",
    placer: str = "",
    filler: str = "",
    at: str = "",
    **attributes: str,
) -> OrderReceived:
    return OrderReceived(
        control=control,
        status=status,
        patient=who or patient(),
        numbers=numbers(accession, placer, filler),
        attributes=attributes,
        procedures=procedures or (procedure(),),
        occurred_at=at,
    )


def updated(who: PatientDetails, at: str = "") -> PatientUpdated:
    return PatientUpdated(event="A08", patient=who, occurred_at=at)


def merge(survivor: PatientDetails, *retired: str, at: str = "") -> PatientsMerged:
    return PatientsMerged(
        survivor=survivor,
        retired=tuple(Identifier(value, HOSP) for value in retired),
        occurred_at=at,
    )


def header(
    sop: str = "1.2.1.1.1",
    study_uid: str = "1.2.1",
    *,
    patient_id: str = "P1",
    issuer: Authority = NO_AUTHORITY,
    name: str | None = None,
    accession: str = "A1",
    series: str = "",
    modality: str = "CT",
    requests: Sequence[RequestAttributes] = (),
    performed: Sequence[str] = (),
    **attributes: str,
) -> InstanceHeader:
    usual = {"PatientBirthDate": "19700101", "PatientSex": "F"}
    return InstanceHeader(
        sop_class_uid=CT_IMAGE,
        sop_instance_uid=sop,
        study_instance_uid=study_uid,
        series_instance_uid=series or f"{study_uid}.1",
        transfer_syntax_uid=EXPLICIT,
        patient_id=Identifier(patient_id, issuer) if patient_id else None,
        patient_name=f"TRAN^{patient_id}" if name is None else name,
        accession=Identifier(accession) if accession else None,
        modality=modality,
        request_attributes=tuple(requests),
        performed_step_uids=tuple(performed),
        attributes={**usual, **attributes},
    )


def report(
    uid: str = "1.9.1",
    status: str = "IN PROGRESS",
    *scheduled: ScheduledReference,
    patient_id: str = "P1",
    reason: str = "",
    instances: Sequence[str] = (),
) -> PerformedStepReport:
    return PerformedStepReport(
        sop_instance_uid=uid,
        status=status,
        scheduled=scheduled,
        patient_id=Identifier(patient_id) if patient_id else None,
        discontinuation_reason=reason,
        instances=dict.fromkeys(instances, "1.2.1.1"),
        encoded=f"{uid} {status}".encode(),
    )


def scheduled(
    uid: str = "1.2.1", sps_id: str = "S1", accession: str = "A1", rp_id: str = "R1"
) -> ScheduledReference:
    return ScheduledReference(
        study_instance_uid=uid,
        accession=Identifier(accession) if accession else None,
        rp_id=rp_id,
        sps_id=sps_id,
    )


class PlainEncoder:
    """Encodes an entry as JSON of what the tests look at."""

    def encode(self, entry: WorklistEntry) -> WorklistItem:
        item = {
            "patient_id": entry.patient.patient_id.value,
            "name": entry.patient.attributes.get("PatientName", ""),
            "accession": entry.order.numbers.accession and entry.order.numbers.accession.value,
            "uid": entry.procedure.study_instance_uid,
            "rp_id": entry.procedure.rp_id,
            "code": entry.procedure.code and entry.procedure.code.value,
            "sps_id": entry.step.sps_id,
            "status": entry.step.status.value,
            "modality": entry.step.modality,
            "start": entry.step.start_date + entry.step.start_time,
        }
        visit = {
            "location": entry.order.attributes.get("CurrentPatientLocation", ""),
            "admission": entry.order.attributes.get("AdmissionID", ""),
        }
        item |= {name: text for name, text in visit.items() if text}
        return WorklistItem(
            step_pk=entry.step.pk,
            encoded=json.dumps(item).encode(),
            ascii_only=True,
            any_station=not entry.step.station_ae_titles,
        )


@dataclass
class MemoryObjects:
    """Objects in a dict."""

    held: dict[str, bytes] = field(default_factory=dict)

    def put(self, key: str, content: Content) -> None:
        self.held[key] = content.whole()

    def open(self, key: str) -> Memory:
        return Memory(self.held[key])


@dataclass(frozen=True)
class Answer:
    """What a sender got back."""

    disposition: Disposition
    code: str = ""
    location: str | None = None
    permanent: bool = True


class Core:
    """The services, and short ways to ask them."""

    def __init__(
        self, database: Database, *, mode: str = "his_only", start: str = "", node: str = "one"
    ) -> None:
        self.node = node
        self.now = 1000.0
        self.mode = mode
        self.database = database
        self.subscribers = Subscribers()
        told = TellOfOrders(DESTINATIONS, self.clock, self.subscribers)
        self.store = SqlStore(database, orders_changed=told)
        self.objects = MemoryObjects()
        self.reconcile = Reconcile(PublishStudy(DESTINATIONS, self.subscribers), lambda: RULES)
        projection = ProjectWorklist(PlainEncoder())
        self.complete = CompleteStudy(
            store=self.store, reconcile=self.reconcile, settle_seconds=SETTLE_SECONDS
        )
        self.handlers = event_handlers(
            control=load_order_control(),
            worklist=projection,
            reconcile=self.reconcile,
            site=HOSP,
        )
        self.messages = ReceiveMessage(
            store=self.store,
            handlers=self.handlers,
            default_start=lambda _received_at: start,
        )
        self.instances = ReceiveInstance(
            store=self.store, objects=self.objects, complete=self.complete, clock=self.clock
        )
        self.performed = RecordPerformedStep(
            store=self.store, worklist=projection, complete=self.complete, clock=self.clock
        )
        self.undo_merge = UndoMerge(
            store=self.store, worklist=projection, reconcile=self.reconcile, clock=self.clock
        )
        self.outbox = Outbox(self.store, DESTINATIONS)
        self.queries = QueryWorklist(self.store)
        self._numbers = count(1)

    def clock(self) -> float:
        return self.now

    # --- what happens

    def send(
        self,
        *events: Event,
        raw: bytes = b"",
        mode: str = "",
        options: SenderOptions = NO_OPTIONS,
        control: OrderControlTable | None = None,
    ) -> Answer:
        """One message of these events; another one each time unless `raw` is given."""
        number = next(self._numbers)
        message = InboundMessage(
            protocol="hl7",
            peer="his 127.0.0.1",
            source="KIS|HAUS",
            type="ORM^O01",
            control_id="M1" if raw else f"M{number}",
            raw=raw or f"{self.node} message {number}".encode(),
            received_at=self.now,
            mode=mode or self.mode,
            options=options,
            control=control,
        )
        return read_answer(self.messages.receive(message, events, write_answer))

    def place(self, *events: Event, mode: str = "", options: SenderOptions = NO_OPTIONS) -> None:
        """A message that has to be applied."""
        answer = self.send(*events, mode=mode, options=options)
        assert answer.disposition is Disposition.APPLIED, answer

    def image(self, *args: Any, content: bytes = b"pixels", **kwargs: Any) -> Stored:
        digest = hashlib.sha256(content).hexdigest()
        return self.instances.receive(header(*args, **kwargs), content, digest, "CT01")

    def start_step(self, *args: Any, **kwargs: Any) -> None:
        self.performed.create(report(*args, **kwargs), "CT01")

    def end_step(self, *args: Any, **kwargs: Any) -> None:
        self.performed.update(report(*args, **kwargs), "CT01")

    def wait(self, seconds: float = 0.0) -> None:
        """Let time pass and fire every timer that is due by then."""
        self.now += seconds
        while claimed := self.store.transact(
            lambda tx: tx.timers.claim("node", self.now, 60.0, 10)
        ):
            for fired in claimed:
                self.complete.look(fired, self.now)

    def settle(self) -> None:
        self.wait(SETTLE_SECONDS)

    # --- what came of it

    def worklist(self, **query: Any) -> list[dict[str, Any]]:
        items = self.queries.find(WorklistQuery(**query), 100)
        return [json.loads(item.encoded) for item in items]

    def entry(self) -> dict[str, Any]:
        (item,) = self.worklist()
        return item

    def steps_shown(self) -> list[tuple[str, str]]:
        """(procedure ID, step ID) of each worklist entry."""
        return sorted((item["rp_id"], item["sps_id"]) for item in self.worklist())

    def held_order(self, accession: str = "A1", placer: str = "", filler: str = "") -> Order:
        wanted = numbers(accession, placer, filler)
        (found,) = self.store.read(lambda tx: tx.orders.with_numbers(wanted))
        return found

    def statuses(self, accession: str = "A1") -> dict[str, str]:
        """Step ID → status."""
        return {
            each.sps_id: each.status.value
            for part in self.held_order(accession).procedures
            for each in part.steps
        }

    def outcome(self, uid: str = "1.2.1") -> Outcome | None:
        with self.database.read() as connection:
            query = select(study.c.outcome).where(study.c.study_instance_uid == uid)
            text = connection.execute(query).scalar_one()
        return Outcome(text) if text else None

    def matched_accessions(self, uid: str = "1.2.1") -> list[str]:
        """The accession numbers of the orders a study is matched to."""

        def work(tx: Any) -> list[str]:
            found = tx.studies.lock(uid)
            linked = tx.studies.procedures_of(found.pk)
            return sorted(o.numbers.accession.value for o in tx.orders.with_procedures(linked))

        return self.store.read(work)

    def evidence(self) -> dict[str, tuple[str, str, bool]]:
        """Field → study, order, verdict of the last decision."""
        with self.database.read() as connection:
            query = select(match_decision.c.candidates).order_by(match_decision.c.pk.desc())
            (*_, fields), *_ = connection.execute(query.limit(1)).scalar_one()
        return {name: (theirs, ours, v == "agrees") for name, theirs, ours, v in fields}

    def reasons(self) -> list[str]:
        """The reason of every decision, oldest first."""
        with self.database.read() as connection:
            query = select(match_decision.c.reason).order_by(match_decision.c.pk)
            return list(connection.execute(query).scalars())

    def journal(self) -> list[tuple[str, str]]:
        """(disposition, error) of every message, oldest first."""
        with self.database.read() as connection:
            query = select(message.c.disposition, message.c.error).order_by(message.c.pk)
            return [(row.disposition, row.error) for row in connection.execute(query)]

    def warnings(self) -> list[str]:
        """What the newest message was warned of."""
        with self.database.read() as connection:
            query = select(message.c.warnings).order_by(message.c.pk.desc()).limit(1)
            return list(connection.execute(query).scalar_one())

    def told(self, destination: str = "ehr") -> list[tuple[str, str]]:
        """(event, Study UID) of what waits to be told."""
        rows = self.store.read(lambda tx: tx.deliveries.listed(("pending",)))
        return [(r.kind, r.correlation) for r in rows if r.destination == destination]

    def deliver(self) -> Counter[str]:
        """Send everything that is due to the EHR; count by event."""
        sent: Counter[str] = Counter()
        while claimed := self.outbox.claim("ehr", "node", self.now, 60.0, 10):
            for each in claimed:
                found = self.outbox.gather(each)
                assert not isinstance(found, PublishedStudy) or found.requests
                sent[each.kind.value] += 1
                self.outbox.delivered(each, SENT, self.now)
        return sent


def write_answer(receipt: Receipt) -> bytes:
    error = receipt.error
    known = (error.code, error.location, error.permanent) if error else ("", None, True)
    return json.dumps([receipt.disposition.value, *known]).encode()


def read_answer(reply: bytes) -> Answer:
    disposition, *rest = json.loads(reply)
    return Answer(Disposition(disposition), *rest)


def without_numbers(event: OrderReceived) -> OrderReceived:
    return replace(event, numbers=OrderNumbers())
