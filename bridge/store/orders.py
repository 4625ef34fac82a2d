"""Orders, requested procedures and scheduled steps."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    case,
    delete,
    false,
    func,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql

from bridge.domain.order import (
    CodedConcept,
    Order,
    OrderNumbers,
    OrderReceived,
    Procedure,
    ProcedureDetails,
    Step,
    StepDetails,
)
from bridge.domain.patient import Attributes
from bridge.domain.step_history import History, history_of
from bridge.domain.step_status import StepStatus
from bridge.store import documents
from bridge.store.statement import Numbered, Statement
from bridge.store.tables import (
    imaging_service_request,
    performed_step_link,
    requested_procedure,
    scheduled_step,
)

_CHANGES_LOCK = 5_115_043
_ORDER = imaging_service_request
_BY_NUMBERS = Statement(
    select(_ORDER.c.pk)
    .where(
        or_(
            _ORDER.c.filler_key == bindparam("filler_key"),
            _ORDER.c.placer_key == bindparam("placer_key"),
            _ORDER.c.accession_key == bindparam("accession_key"),
        )
    )
    .order_by(_ORDER.c.pk)
    .with_for_update(key_share=True)
)
_CHANGING = Statement(text(f"SELECT pg_advisory_xact_lock_shared({_CHANGES_LOCK})"))
_STILL = Statement(text(f"SELECT pg_advisory_xact_lock({_CHANGES_LOCK})"))
_ONE_AT_A_TIME = Statement(
    text(
        "SELECT count(pg_advisory_xact_lock(hashtextextended(number, 2)))"
        " FROM unnest(CAST(:numbers AS text[])) AS number"
    )
)
_INSERT_ORDER = Numbered(
    _ORDER,
    (
        "patient_pk",
        "accession_number",
        "accession_key",
        "filler_key",
        "placer_key",
        "numbers",
        "attributes",
        "sources",
        "source",
        "occurred_at",
        "visit",
        "patient_ids",
        "created_at",
        "updated_at",
        "listed_at",
    ),
)
_INSERT_PROCEDURE = Numbered(
    requested_procedure,
    ("order_pk", "rp_id", "study_instance_uid", "code", "attributes", "occurred_at"),
)
_INSERT_STEP = Numbered(
    scheduled_step,
    (
        "procedure_pk",
        "sps_id",
        "status",
        "modality",
        "station_ae_titles",
        "start_date",
        "start_time",
        "protocol_codes",
        "attributes",
        "history",
        "scheduled_at",
    ),
)
INSERTS = (_INSERT_ORDER, _INSERT_PROCEDURE, _INSERT_STEP)
_OWNERS_OF_STUDY = Statement(
    select(_ORDER.c.patient_pk)
    .distinct()
    .join(requested_procedure)
    .where(requested_procedure.c.study_instance_uid == bindparam("uid"))
)
_WITH_PROCEDURES = select(_ORDER).where(
    _ORDER.c.pk.in_(
        select(requested_procedure.c.order_pk).where(
            requested_procedure.c.pk.in_(bindparam("pks", expanding=True))
        )
    )
)
_PROCEDURES = (
    select(requested_procedure)
    .where(requested_procedure.c.order_pk == bindparam("order_pk"))
    .order_by(requested_procedure.c.pk)
)
_STEPS = (
    select(scheduled_step)
    .join(requested_procedure)
    .where(requested_procedure.c.order_pk == bindparam("order_pk"))
    .order_by(scheduled_step.c.pk)
)


_MOST_NUMBERS = 100
"""Numbers that one query asks for; SQLite's expressions have a depth."""


class Orders:
    """The orders of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._one: list[str] = []
        self._changed: dict[int, None] = {}
        self._moved_steps: set[int] = set()

    @property
    def changed(self) -> Collection[int]:
        """The orders that this transaction created or changed, in that order."""
        return self._changed

    @property
    def moved_steps(self) -> Collection[int]:
        """The steps whose status this transaction set."""
        return self._moved_steps

    def begin_change(self) -> None:
        """Say that this transaction changes orders or patients."""
        self._advise(_CHANGING)

    def hold_still(self) -> None:
        """Wait until nobody changes orders or patients, and keep them so until the end.

        On SQLite nobody ever does: there is one writer.
        """
        self._advise(_STILL)

    def with_numbers(self, numbers: OrderNumbers) -> tuple[Order, ...]:
        """Every order that shares a filler, placer or accession number with `numbers`, locked.

        Who asks about the same new order at the same moment waits: it must not be created twice.
        """
        keys = _number_keys(numbers)
        self._one_at_a_time(keys)
        rows = _BY_NUMBERS.rows(self._connection, keys)
        return tuple(self.get(pk) for (pk,) in rows)

    def foresee(self, event: OrderReceived) -> None:
        """Ask together what is asked of every new order (see `pipeline`)."""
        keys = _number_keys(event.numbers)
        self._one_at_a_time(keys)
        _BY_NUMBERS.foresee(self._connection, keys)
        for uid in {each.study_instance_uid for each in event.procedures}:
            _OWNERS_OF_STUDY.foresee(self._connection, {"uid": uid})

    def get(self, pk: int) -> Order:
        """The order of this row, whole."""
        return self._load(self._connection.execute(select(_ORDER).where(_ORDER.c.pk == pk)).one())

    def these(self, pks: Iterable[int]) -> tuple[Order, ...]:
        """The orders of these rows that there are."""
        query = select(_ORDER).where(_ORDER.c.pk.in_(tuple(pks))).order_by(_ORDER.c.pk)
        return tuple(self._load(row) for row in self._connection.execute(query).all())

    def updated_at(self, pk: int) -> float:
        """When an order was last changed (unix time)."""
        query = select(_ORDER.c.updated_at).where(_ORDER.c.pk == pk)
        return float(self._connection.execute(query).scalar_one())

    def of_patient(self, patient_pk: int) -> tuple[Order, ...]:
        """Every order of a patient, locked."""
        query = select(_ORDER).where(_ORDER.c.patient_pk == patient_pk).order_by(_ORDER.c.pk)
        query = query.with_for_update(key_share=True)
        return tuple(self._load(row) for row in self._connection.execute(query).all())

    def with_procedures(self, procedure_pks: Iterable[int]) -> tuple[Order, ...]:
        """The orders that these requested procedures belong to."""
        rows = self._connection.execute(_WITH_PROCEDURES, {"pks": list(procedure_pks)}).all()
        return tuple(self._load(row) for row in rows)

    def with_study_instance_uids(self, uids: Iterable[str]) -> tuple[Order, ...]:
        """The orders with a requested procedure of one of these Study Instance UIDs."""
        return self._where(requested_procedure.c.study_instance_uid.in_(tuple(uids)))

    def owners_of_study(self, study_instance_uid: str) -> frozenset[int]:
        """The patients for whom this Study Instance UID was given."""
        rows = _OWNERS_OF_STUDY.rows(self._connection, {"uid": study_instance_uid})
        return frozenset(pk for (pk,) in rows)

    def with_rp_ids(self, rp_ids: Iterable[str]) -> tuple[Order, ...]:
        """The orders with a requested procedure of one of these IDs, whatever the accession."""
        return self._where(requested_procedure.c.rp_id.in_(tuple(rp_ids)))

    def with_accession_numbers(self, values: Iterable[str]) -> tuple[Order, ...]:
        """The orders with one of these accession numbers, whatever the issuer."""
        query = select(_ORDER).where(_numbered(_ORDER.c.accession_key, values))
        return tuple(self._load(row) for row in self._connection.execute(query).all())

    def with_order_numbers(self, values: Iterable[str]) -> tuple[Order, ...]:
        """The orders with one of these filler or placer numbers, whatever the authority, locked."""
        wanted = tuple(values)
        query = select(_ORDER).where(
            or_(_numbered(_ORDER.c.filler_key, wanted), _numbered(_ORDER.c.placer_key, wanted))
        )
        query = query.order_by(_ORDER.c.pk).with_for_update(key_share=True)
        return tuple(self._load(row) for row in self._connection.execute(query).all())

    def numbered(self, values: Iterable[str]) -> tuple[Order, ...]:
        """The orders with one of these numbers of any kind, whatever the authority; not locked."""
        wanted, pks = sorted(values), set[int]()
        for start in range(0, len(wanted), _MOST_NUMBERS):
            some = wanted[start : start + _MOST_NUMBERS]
            for key in (_ORDER.c.accession_key, _ORDER.c.filler_key, _ORDER.c.placer_key):
                query = select(_ORDER.c.pk).where(_numbered(key, some))
                pks.update(self._connection.execute(query).scalars())
        return self.these(pks)

    def with_steps(self, step_pks: Iterable[int]) -> tuple[Order, ...]:
        """The orders that these scheduled steps belong to."""
        query = select(scheduled_step.c.procedure_pk).where(
            scheduled_step.c.pk.in_(tuple(step_pks))
        )
        return self._where(requested_procedure.c.pk.in_(query))

    def add(self, event: OrderReceived, patient_pk: int, source: str, now: float) -> int:
        """Create the order record; procedures and steps are added to it. Returns its pk."""
        named = event.patient.identifiers
        row = {
            "patient_pk": patient_pk,
            "attributes": _said(event.attributes),
            "sources": dict(event.sources),
            "source": source,
            "occurred_at": event.occurred_at,
            "visit": documents.dump_visit(event.visit),
            "patient_ids": [documents.dump_identifier(each) for each in named[:1]],
            "created_at": now,
            "updated_at": now,
            "listed_at": time.time(),
            **_number_columns(event.numbers),
        }
        pk = _INSERT_ORDER.add(self._connection, row)
        self._changed[pk] = None
        return pk

    def add_procedure(
        self, order_pk: int, details: ProcedureDetails, occurred_at: str = ""
    ) -> Procedure:
        """Create a requested procedure, without its steps, from a snapshot of this time."""
        row = {
            "order_pk": order_pk,
            "rp_id": details.rp_id,
            "study_instance_uid": details.study_instance_uid or None,
            "code": documents.dump_code(details.code),
            "attributes": _said(details.attributes),
            "occurred_at": occurred_at,
        }
        pk = _INSERT_PROCEDURE.add(self._connection, row)
        return Procedure(
            pk=pk,
            rp_id=details.rp_id,
            study_instance_uid=details.study_instance_uid,
            code=details.code,
            attributes=row["attributes"],
            steps=(),
            occurred_at=occurred_at,
        )

    def add_step(
        self,
        procedure_pk: int,
        details: StepDetails,
        status: StepStatus,
        history: History = (),
        scheduled_at: str = "",
    ) -> Step:
        """Create a scheduled step to which this happened already."""
        row = {
            "procedure_pk": procedure_pk,
            "sps_id": details.sps_id or None,
            "status": status.value,
            "modality": details.modality,
            "station_ae_titles": list(details.station_ae_titles),
            "start_date": details.start_date,
            "start_time": details.start_time,
            "protocol_codes": documents.dump_codes(details.protocol_codes),
            "attributes": _said(details.attributes),
            "history": documents.dump_history(history),
            "scheduled_at": scheduled_at,
        }
        pk = _INSERT_STEP.add(self._connection, row)
        return Step(
            pk=pk,
            sps_id=details.sps_id,
            status=status,
            modality=details.modality,
            station_ae_titles=details.station_ae_titles,
            start_date=details.start_date,
            start_time=details.start_time,
            protocol_codes=details.protocol_codes,
            attributes=row["attributes"],
            history=history,
            scheduled_at=scheduled_at,
        )

    def change(self, order: Order, now: float) -> None:
        """Write an order's own values (not its procedures)."""
        self._changed[order.pk] = None
        self._connection.execute(
            update(_ORDER)
            .where(_ORDER.c.pk == order.pk)
            .values(
                patient_pk=order.patient_pk,
                attributes=dict(order.attributes),
                occurred_at=order.occurred_at,
                held_reason=order.held_reason,
                replaces=list(order.replaces),
                visit=documents.dump_visit(order.visit),
                flag=order.flag,
                patient_ids=_patient_ids(order),
                updated_at=now,
                listed_at=_listed_at(order, now),
                **_number_columns(order.numbers),
            )
        )

    def change_procedure(self, procedure: Procedure) -> None:
        """Write a procedure's own values (not its steps)."""
        self._connection.execute(
            update(requested_procedure)
            .where(requested_procedure.c.pk == procedure.pk)
            .values(
                rp_id=procedure.rp_id,
                study_instance_uid=procedure.study_instance_uid or None,
                code=documents.dump_code(procedure.code),
                attributes=dict(procedure.attributes),
                occurred_at=procedure.occurred_at,
            )
        )

    def change_step(self, step: Step) -> None:
        """Write a step's values."""
        self._connection.execute(
            update(scheduled_step)
            .where(scheduled_step.c.pk == step.pk)
            .values(
                sps_id=step.sps_id or None,
                status=step.status.value,
                modality=step.modality,
                station_ae_titles=list(step.station_ae_titles),
                start_date=step.start_date,
                start_time=step.start_time,
                protocol_codes=documents.dump_codes(step.protocol_codes),
                attributes=dict(step.attributes),
                history=documents.dump_history(step.history),
                scheduled_at=step.scheduled_at,
            )
        )

    def set_step_status(
        self, step_pk: int, status: StepStatus, history: History | None = None
    ) -> None:
        """Move a step to another state, by what happened to it."""
        self._moved_steps.add(step_pk)
        values: dict[str, Any] = {"status": status.value}
        if history is not None:
            values["history"] = documents.dump_history(history)
        self._connection.execute(
            update(scheduled_step).where(scheduled_step.c.pk == step_pk).values(values)
        )

    def step_was_performed(self, step_pk: int) -> bool:
        """Whether any performed step refers to this scheduled step."""
        query = select(performed_step_link.c.step_pk).where(
            performed_step_link.c.step_pk == step_pk
        )
        return self._connection.execute(query).first() is not None

    def remove_step(self, step_pk: int) -> None:
        """Delete a step that a newer snapshot of its procedure no longer lists."""
        self._connection.execute(delete(scheduled_step).where(scheduled_step.c.pk == step_pk))

    def _one_at_a_time(self, keys: dict[str, str | None]) -> None:
        # By value: who names the authority must not pass by who does not.
        said = sorted({key.rpartition("^")[0] for key in keys.values() if key})
        if not said or said == self._one or self._connection.dialect.name != "postgresql":
            return
        self._one = said  # locked until the transaction ends
        _ONE_AT_A_TIME.run(self._connection, {"numbers": said})

    def _advise(self, lock: Statement) -> None:
        if self._connection.dialect.name == postgresql.dialect.name:
            lock.run(self._connection, {})

    def _where(self, condition: Any) -> tuple[Order, ...]:
        query = select(_ORDER).where(
            _ORDER.c.pk.in_(select(requested_procedure.c.order_pk).where(condition))
        )
        return tuple(self._load(row) for row in self._connection.execute(query).all())

    def _load(self, row: Row[Any]) -> Order:
        parameters = {"order_pk": row.pk}
        steps: dict[int, list[Step]] = {}
        for each in self._connection.execute(_STEPS, parameters).all():
            steps.setdefault(each.procedure_pk, []).append(_step(each))
        procedures = self._connection.execute(_PROCEDURES, parameters).all()
        return Order(
            pk=row.pk,
            patient_pk=row.patient_pk,
            numbers=documents.load_numbers(row.numbers),
            attributes=row.attributes,
            procedures=tuple(_procedure(each, steps.get(each.pk, ())) for each in procedures),
            source=row.source,
            occurred_at=row.occurred_at,
            held_reason=row.held_reason,
            replaces=tuple(row.replaces),
            visit=documents.load_visit(row.visit),
            flag=row.flag,
            named_as=documents.load_identifier(next(iter(row.patient_ids), None)),
            former_patient_ids=documents.load_identifiers(row.patient_ids[1:]),
        )


def _numbered(keys: ColumnElement[Any], values: Iterable[str]) -> ColumnElement[bool]:
    """The key is the number, `^` and its authority: one index serves both questions."""
    return or_(false(), *(and_(keys >= f"{value}^", keys < f"{value}_") for value in values))


def _number_keys(numbers: OrderNumbers) -> dict[str, str | None]:
    return {
        "accession_key": documents.key_of(numbers.accession),
        "placer_key": documents.key_of(numbers.placer),
        "filler_key": documents.key_of(numbers.filler),
    }


def _number_columns(numbers: OrderNumbers) -> dict[str, Any]:
    return {
        **_number_keys(numbers),
        "accession_number": numbers.accession.value if numbers.accession else "",
        "numbers": documents.dump_numbers(numbers),
    }


def _patient_ids(order: Order) -> list[Any]:
    """The identifier the order was named by, then those of patients it was moved away from."""
    if order.named_as is None and not order.former_patient_ids:
        return []
    return [documents.dump_identifier(each) for each in (order.named_as, *order.former_patient_ids)]


def _said(attributes: Attributes) -> dict[str, str]:
    return {keyword: text for keyword, text in attributes.items() if text != ""}


def _procedure(row: Row[Any], steps: Sequence[Step]) -> Procedure:
    code: CodedConcept | None = documents.load_code(row.code)
    attributes: Mapping[str, str] = row.attributes
    return Procedure(
        pk=row.pk,
        rp_id=row.rp_id,
        study_instance_uid=row.study_instance_uid or "",
        code=code,
        attributes=attributes,
        steps=tuple(steps),
        occurred_at=row.occurred_at,
    )


def _step(row: Row[Any]) -> Step:
    return Step(
        pk=row.pk,
        sps_id=row.sps_id or "",
        status=StepStatus(row.status),
        modality=row.modality,
        station_ae_titles=tuple(row.station_ae_titles),
        start_date=row.start_date,
        start_time=row.start_time,
        protocol_codes=documents.load_codes(row.protocol_codes),
        attributes=row.attributes,
        history=documents.load_history(row.history) or history_of(StepStatus(row.status)),
        scheduled_at=row.scheduled_at,
    )


def _listed_at(order: Order, now: float) -> ColumnElement[Any]:
    """An order that is held as it comes is listed when it is held no more; others are."""
    listed = _ORDER.c.listed_at
    if not order.held_reason:
        return func.coalesce(listed, time.time())
    return case((_ORDER.c.created_at == now, null()), else_=listed)
