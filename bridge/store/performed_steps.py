"""Modality Performed Procedure Steps, and the scheduled steps and studies they refer to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects import postgresql

from bridge.domain.performed_step import (
    PerformedStep,
    PerformedStepReport,
    PerformedStepStatus,
)
from bridge.store import documents
from bridge.store.tables import performed_step, performed_step_link, performed_step_study


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
        query = (
            select(performed_step)
            .join(performed_step_study)
            .where(performed_step_study.c.study_instance_uid == study_instance_uid)
            .order_by(performed_step.c.pk)
        )
        return tuple(self._load(row) for row in self._connection.execute(query).all())

    def with_uids(self, uids: Iterable[str]) -> tuple[PerformedStep, ...]:
        """The performed steps of these SOP Instance UIDs."""
        query = select(performed_step).where(performed_step.c.sop_instance_uid.in_(tuple(uids)))
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
        self.link(pk, step_pks)
        studies = {each.study_instance_uid for each in report.scheduled if each.study_instance_uid}
        rows = [{"study_instance_uid": uid, "performed_step_pk": pk} for uid in sorted(studies)]
        if rows:
            self._connection.execute(performed_step_study.insert(), rows)

    def link(self, performed_step_pk: int, step_pks: Iterable[int]) -> None:
        """Note which scheduled steps were performed."""
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
        self._connection.execute(
            update(performed_step)
            .where(performed_step.c.sop_instance_uid == report.sop_instance_uid)
            .values(
                status=status.value,
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
        )


def _document(report: PerformedStepReport) -> dict[str, Any]:
    return {
        "scheduled": documents.dump_scheduled(report.scheduled),
        "patient_id": documents.dump_identifier(report.patient_id),
        "patient_name": report.patient_name,
        "modality": report.modality,
        "station_ae_title": report.station_ae_title,
        "pps_id": report.pps_id,
        "attributes": dict(report.attributes),
    }
