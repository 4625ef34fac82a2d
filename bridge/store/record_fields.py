"""What records can be searched by: for each kind its table, and its fields as SQL expressions.

Fields of one value are expressions over the kind's own row. Fields of several values (`many`) are
EXISTS conditions over another table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Table,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    literal_column,
    not_,
    select,
    true,
)

from bridge.domain.appointment import AppointmentAction
from bridge.domain.matching import Outcome
from bridge.domain.order_state import STATES, OrderState
from bridge.domain.step_status import StepStatus
from bridge.domain.visit import VisitStatus
from bridge.services.find_records import RecordKind
from bridge.store.tables import (
    appointment,
    appointment_step,
    imaging_service_request,
    instance,
    match_decision,
    patient,
    requested_procedure,
    resource,
    resource_term,
    scheduled_step,
    series,
    study,
    study_procedure,
    visit,
)

Condition = ColumnElement[bool]
Expression = ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Many:
    """A field of several values: `value` of the rows of `source` that belong to the record."""

    source: FromClause
    value: Expression
    belongs: Condition
    until: Expression | None = None

    def any_of(self, condition: Callable[[Expression], Condition]) -> Condition:
        """Some value fulfils the condition."""
        return exists(
            select(literal(1)).select_from(self.source).where(self.belongs, condition(self.value))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How records of a kind are found: among `rows`, of which only those that are `shown`."""

    table: Table
    rows: FromClause
    updated_at: Expression
    fields: Mapping[str, Expression | Many]
    received_at: Expression = field(default_factory=lambda: literal(0.0))
    shown: tuple[Condition, ...] = field(default=())

    def select(self, *columns: Expression) -> Select[Any]:
        """SELECT of the rows that may be shown."""
        return select(*columns).select_from(self.rows).where(*self.shown)


_ORDER, _STEP, _RP = imaging_service_request, scheduled_step, requested_procedure
_STEPS_OF_ORDER = _STEP.join(_RP, _STEP.c.procedure_pk == _RP.c.pk)
_OF_ORDER = _RP.c.order_pk == _ORDER.c.pk
_START = _STEP.c.start_date + _STEP.c.start_time


def _order_state() -> Expression:
    """`domain.order_state.state_of` in SQL: the same table of rules."""

    def some(statuses: Any) -> Condition:
        wanted = [status.value for status in sorted(statuses)]
        steps = select(literal(1)).select_from(_STEPS_OF_ORDER)
        return exists(steps.where(_OF_ORDER, _STEP.c.status.in_(wanted)))

    held = (and_(some(STATES[0][0]), _ORDER.c.held_reason != ""), OrderState.HELD.value)
    rules = [(some(statuses), state.value) for statuses, state in STATES]
    return case(held, *rules, else_=OrderState.HELD.value)


def _code(column: Any) -> Expression:
    """The code value of a coded concept kept as a document."""
    text: Expression = column[0].as_string()
    return text


def _coding(column: Any) -> Expression:
    """Code value and coding scheme designator, a bar between them."""
    text: Expression = column[0].as_string() + "|" + column[1].as_string()
    return text


def _attribute(column: Any, keyword: str) -> Expression:
    text: Expression = column[keyword].as_string()
    return text


def _of_order(value: Expression) -> Many:
    return Many(_STEPS_OF_ORDER, value, _OF_ORDER)


_STUDY_ORDERS = study_procedure.join(_RP, study_procedure.c.procedure_pk == _RP.c.pk).join(
    _ORDER, _RP.c.order_pk == _ORDER.c.pk
)
_OF_STUDY = study_procedure.c.study_pk == study.c.pk
_DECIDED = (
    select(func.max(match_decision.c.decided_at))
    .where(match_decision.c.study_pk == study.c.pk)
    .scalar_subquery()
)

_PATIENT_FIELDS: Mapping[str, Expression | Many] = {
    "pk": patient.c.pk,
    "updated_at": patient.c.updated_at,
    "name": patient.c.name_folded,
    "birth_date": _attribute(patient.c.attributes, "PatientBirthDate"),
    "sex": _attribute(patient.c.attributes, "PatientSex"),
}
_ORDER_FIELDS: Mapping[str, Expression | Many] = {
    "pk": _ORDER.c.pk,
    "updated_at": _ORDER.c.updated_at,
    "patient": _ORDER.c.patient_pk,
    "received_at": _ORDER.c.created_at,
    "state": _order_state(),
    "code": Many(_RP, _code(_RP.c.code), _OF_ORDER),
    "coding": Many(_RP, _coding(_RP.c.code), _OF_ORDER),
    "start": _of_order(_START),
    "modality": _of_order(_STEP.c.modality),
    "study_instance_uid": Many(_RP, _RP.c.study_instance_uid, _OF_ORDER),
}
_STEP_FIELDS: Mapping[str, Expression | Many] = {
    "pk": _STEP.c.pk,
    "sps_id": _STEP.c.sps_id,
    "updated_at": _ORDER.c.updated_at,
    "order": _ORDER.c.pk,
    "patient": _ORDER.c.patient_pk,
    "received_at": _ORDER.c.created_at,
    "status": _STEP.c.status,
    "modality": _STEP.c.modality,
    "start": _START,
    "code": _code(_RP.c.code),
    "coding": _coding(_RP.c.code),
}
_STUDY_FIELDS: Mapping[str, Expression | Many] = {
    "pk": study.c.pk,
    "updated_at": case((study.c.updated_at < _DECIDED, _DECIDED), else_=study.c.updated_at),
    "study_instance_uid": study.c.study_instance_uid,
    "patient": Many(_STUDY_ORDERS, _ORDER.c.patient_pk, _OF_STUDY),
    "order": Many(_STUDY_ORDERS, _ORDER.c.pk, _OF_STUDY),
    "modality": Many(series, series.c.modality, series.c.study_pk == study.c.pk),
    "series": Many(series, series.c.series_instance_uid, series.c.study_pk == study.c.pk),
    "instance": Many(
        instance.join(series, instance.c.series_pk == series.c.pk),
        instance.c.sop_instance_uid,
        series.c.study_pk == study.c.pk,
    ),
    "started": func.coalesce(_attribute(study.c.attributes, "StudyDate"), "")
    + func.coalesce(_attribute(study.c.attributes, "StudyTime"), ""),
}
_VISIT_FIELDS: Mapping[str, Expression | Many] = {
    "pk": visit.c.pk,
    "updated_at": visit.c.updated_at,
    "patient": visit.c.patient_pk,
    "status": visit.c.status,
    "patient_class": visit.c.patient_class,
}
_APPOINTMENT_STEPS = (
    appointment_step.join(_STEP, appointment_step.c.step_pk == _STEP.c.pk)
    .join(_RP, _STEP.c.procedure_pk == _RP.c.pk)
    .join(_ORDER, _OF_ORDER)
)
_OF_APPOINTMENT = appointment_step.c.appointment_pk == appointment.c.pk
_APPOINTMENT_FIELDS: Mapping[str, Expression | Many] = {
    "pk": appointment.c.pk,
    "updated_at": appointment.c.updated_at,
    "status": appointment.c.action,
    "patient": Many(_APPOINTMENT_STEPS, _ORDER.c.patient_pk, _OF_APPOINTMENT),
    "order": Many(_APPOINTMENT_STEPS, _ORDER.c.pk, _OF_APPOINTMENT),
    "start": Many(_APPOINTMENT_STEPS, _START, _OF_APPOINTMENT),
}
_RESOURCE_FIELDS: Mapping[str, Expression | Many] = {
    "pk": resource.c.pk,
    "id": resource.c.id,
    "type": resource.c.type,
    "updated_at": resource.c.updated_at,
}


def _unless_deleted(kind: RecordKind, row: Table, is_gone: Condition) -> Condition:
    """Not what a client deleted, as long as it has not come back by another way since."""
    deleted = exists(
        select(literal(1)).where(
            resource.c.record_kind == literal_column(f"'{kind.value}'"),
            resource.c.record_pk == row.c.pk,
            resource.c.primary == true(),
            resource.c.deleted == true(),
        )
    )
    return not_(and_(is_gone, deleted))


def _of_no_study() -> Condition:
    """Not an ImagingStudy whose images have come since: the study stands for it then."""
    arrived = resource_term.join(
        study, study.c.study_instance_uid == func.substr(resource_term.c.value, len(_STUDY_UID) + 1)
    )
    return not_(
        exists(
            select(literal(1))
            .select_from(arrived)
            .where(
                resource.c.type == literal_column("'ImagingStudy'"),
                resource_term.c.resource_pk == resource.c.pk,
                resource_term.c.parameter == literal_column("'identifier'"),
                resource_term.c.value.like(f"{_STUDY_UID}%"),
                _MATCHED,
            )
        )
    )


_STUDY_UID = "urn:dicom:uid|urn:oid:"
_MATCHED = study.c.outcome == literal_column(f"'{Outcome.MATCHED.value}'")
_CANCELED: Expression = literal_column(f"'{StepStatus.CANCELED.value}'")

KINDS: Mapping[RecordKind, Kind] = {
    RecordKind.PATIENT: Kind(
        table=patient,
        rows=patient,
        updated_at=patient.c.updated_at,
        fields=_PATIENT_FIELDS,
        shown=(patient.c.merged_into.is_(None), patient.c.removed == false()),
    ),
    RecordKind.ORDER: Kind(
        table=_ORDER,
        rows=_ORDER,
        updated_at=_ORDER.c.updated_at,
        received_at=_ORDER.c.created_at,
        fields=_ORDER_FIELDS,
        shown=(
            _unless_deleted(RecordKind.ORDER, _ORDER, _order_state() == OrderState.CANCELED.value),
        ),
    ),
    RecordKind.STEP: Kind(
        table=_STEP,
        rows=_STEPS_OF_ORDER.join(_ORDER, _OF_ORDER),
        updated_at=_ORDER.c.updated_at,
        received_at=_ORDER.c.created_at,
        fields=_STEP_FIELDS,
        shown=(_unless_deleted(RecordKind.STEP, _STEP, _STEP.c.status == _CANCELED),),
    ),
    # Only what is known whose it is: an ImagingStudy needs a patient.
    RecordKind.STUDY: Kind(
        table=study,
        rows=study,
        updated_at=_STUDY_FIELDS["updated_at"],  # type: ignore[arg-type]
        fields=_STUDY_FIELDS,
        shown=(_MATCHED,),
    ),
    RecordKind.VISIT: Kind(
        table=visit,
        rows=visit,
        updated_at=visit.c.updated_at,
        fields=_VISIT_FIELDS,
        shown=(
            _unless_deleted(RecordKind.VISIT, visit, visit.c.status == VisitStatus.CANCELLED.value),
        ),
    ),
    # Only what is known what it is for: an Appointment needs who takes part.
    RecordKind.APPOINTMENT: Kind(
        table=appointment,
        rows=appointment,
        updated_at=appointment.c.updated_at,
        fields=_APPOINTMENT_FIELDS,
        shown=(
            exists(select(literal(1)).select_from(appointment_step).where(_OF_APPOINTMENT)),
            _unless_deleted(
                RecordKind.APPOINTMENT,
                appointment,
                appointment.c.action.in_(
                    (AppointmentAction.CANCEL.value, AppointmentAction.DELETE.value)
                ),
            ),
        ),
    ),
    RecordKind.RESOURCE: Kind(
        table=resource,
        rows=resource,
        updated_at=resource.c.updated_at,
        fields=_RESOURCE_FIELDS,
        shown=(
            resource.c.record_pk.is_(None),
            resource.c.deleted == false(),
            _of_no_study(),
        ),
    ),
}

TERM = "term:"
"""Fields of this prefix are terms of resources: `term:identifier`."""


def field_of(kind: RecordKind, name: str) -> Expression | Many:
    """The field of a kind.

    Raises:
        KeyError: the kind has no such field.
    """
    if not name.startswith(TERM):
        return KINDS[kind].fields[name]
    named = resource_term.c.parameter == name.removeprefix(TERM)
    value, until = resource_term.c.value, resource_term.c.until
    if kind is RecordKind.RESOURCE:
        mine = and_(resource_term.c.resource_pk == resource.c.pk, named)
        return Many(
            resource_term, value, and_(mine, resource_term.c.type == resource.c.type), until
        )
    kept = resource_term.join(resource, resource_term.c.resource_pk == resource.c.pk)
    return Many(kept, value, and_(_stands_for(kind), named, resource.c.deleted == false()), until)


def _stands_for(kind: RecordKind) -> Condition:
    """A received resource stands for the row: an ImagingStudy does by its Study Instance UID."""
    if kind is not RecordKind.STUDY:
        return and_(
            resource.c.record_kind == literal_column(f"'{kind.value}'"),
            resource.c.record_pk == KINDS[kind].table.c.pk,
        )
    named = resource_term.alias()
    return resource_term.c.resource_pk.in_(
        select(named.c.resource_pk).where(
            named.c.type == literal_column("'ImagingStudy'"),
            named.c.parameter == literal_column("'identifier'"),
            named.c.value == literal(_STUDY_UID) + study.c.study_instance_uid,
        )
    )
