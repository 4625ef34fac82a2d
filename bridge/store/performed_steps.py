"""Modality Performed Procedure Steps, and the scheduled steps and studies they refer to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.dialects import postgresql

from bridge.domain.performed_step import (
    WRONG_WORKLIST_ENTRY,
    PerformedStep,
    PerformedStepReport,
    PerformedStepStatus,
)
from bridge.store import documents
from bridge.store.statement import Statement
from bridge.store.tables import performed_step, performed_step_link, performed_step_study

# Asked with every order, and nearly always for nothing.
_OF_STUDY = Statement(
    select(performed_step_study.c.performed_step_pk).where(
        performed_step_study.c.study_instance_uid == bindparam("uid")
    )
)


# Asked with every image.
_ANY_OF_STUDY = Statement(
    select(performed_step_study.c.performed_step_pk)
    .where(performed_step_study.c.study_instance_uid == bindparam("uid"))
    .limit(1)
)


class PerformedSteps:
    """The performed steps of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, sop_instance_uid: str) -> PerformedStep | None:
        """The performed step, locked until the transaction ends; None when never created."""
        query = select(performed_step).where(performed_step.c.sop_instance_uid == sop_instance_uid)
        if self._connection.dialect.name == postgresql.dialect.name:
            query = query.with_for_update()
        row = self._connection.execute(query).first()
        return None if row is None else self._load(row)

    def of_study(self, study_instance_uid: str) -> tuple[PerformedStep, ...]:
        """The performed steps that name this study."""
        if _ANY_OF_STUDY.scalar(self._connection, {"uid": study_instance_uid}) is None:
            return ()
        pks = [pk for (pk,) in _OF_STUDY.rows(self._connection, {"uid": study_instance_uid})]
        if not pks:
            return ()
        query = (
            select(performed_step).where(performed_step.c.pk.in_(pks)).order_by(performed_step.c.pk)
        )
        return tuple(self._load(row) for row in self._connection.execute(query).all())

    def foresee(self, study_instance_uids: Iterable[str]) -> None:
        """Ask together what is asked of the studies of every new order (see `pipeline`)."""
        for uid in study_instance_uids:
            _ANY_OF_STUDY.foresee(self._connection, {"uid": uid})

    def with_uids(self, uids: Iterable[str]) -> tuple[PerformedStep, ...]:
        """The performed steps of these SOP Instance UIDs."""
        wanted = tuple(uids)
        if not wanted:
            return ()
        query = select(performed_step).where(performed_step.c.sop_instance_uid.in_(wanted))
        return tuple(self._load(row) for row in self._connection.execute(query).all())

    def add(self, report: PerformedStepReport, step_pks: Iterable[int], now: float) -> None:
        """Keep what an N-CREATE said."""
        row = {
            "sop_instance_uid": report.sop_instance_uid,
            "status": PerformedStepStatus(report.status).value,
            "document": _document(report),
            "instances": dict(report.instances),
            "created": report.encoded,
            "updated_at": now,
        }
        insert = performed_step.insert().returning(performed_step.c.pk)
        pk = int(self._connection.execute(insert, row).scalar_one())
        self._link(pk, step_pks)
        studies = {each.study_instance_uid for each in report.scheduled if each.study_instance_uid}
        rows = [{"study_instance_uid": uid, "performed_step_pk": pk} for uid in sorted(studies)]
        if rows:
            self._connection.execute(performed_step_study.insert(), rows)

    def link(self, sop_instance_uid: str, step_pks: Iterable[int]) -> None:
        """Note further scheduled steps that were performed."""
        query = select(performed_step.c.pk).where(
            performed_step.c.sop_instance_uid == sop_instance_uid
        )
        self._link(self._connection.execute(query).scalar_one(), step_pks)

    def _link(self, performed_step_pk: int, step_pks: Iterable[int]) -> None:
        rows = [{"performed_step_pk": performed_step_pk, "step_pk": pk} for pk in step_pks]
        if rows:
            self._connection.execute(performed_step_link.insert(), rows)

    def change(
        self,
        report: PerformedStepReport,
        status: PerformedStepStatus,
        instances: Mapping[str, str],
        now: float,
    ) -> None:
        """Keep what an N-SET said."""
        which = performed_step.c.sop_instance_uid == report.sop_instance_uid
        document = self._connection.execute(
            select(performed_step.c.document).where(which)
        ).scalar_one()
        reason = report.discontinuation_reason or document["discontinuation_reason"]
        self._connection.execute(
            update(performed_step)
            .where(which)
            .values(
                status=status.value,
                document={**document, "discontinuation_reason": reason},
                instances=dict(instances),
                last_set=report.encoded,
                updated_at=now,
            )
        )

    def _load(self, row: Row[Any]) -> PerformedStep:
        links = select(performed_step_link.c.step_pk).where(
            performed_step_link.c.performed_step_pk == row.pk
        )
        return PerformedStep(
            sop_instance_uid=row.sop_instance_uid,
            status=PerformedStepStatus(row.status),
            scheduled=documents.load_scheduled(row.document["scheduled"]),
            instances=row.instances,
            step_pks=tuple(sorted(self._connection.execute(links).scalars())),
            patient_id=documents.load_identifier(row.document["patient_id"]),
            wrong_entry=row.document["discontinuation_reason"] == WRONG_WORKLIST_ENTRY,
        )


def _document(report: PerformedStepReport) -> dict[str, Any]:
    return {
        "scheduled": documents.dump_scheduled(report.scheduled),
        "patient_id": documents.dump_identifier(report.patient_id),
        "patient_name": report.patient_name,
        "modality": report.modality,
        "station_ae_title": report.station_ae_title,
        "pps_id": report.pps_id,
        "discontinuation_reason": report.discontinuation_reason,
        "attributes": dict(report.attributes),
    }
