"""What performed steps made and what it cost: series and radiation dose, as they stand now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, select

from bridge.domain.commitment import InstanceReference
from bridge.domain.performed_series import PerformedSeries
from bridge.domain.radiation_dose import ExposureDose, RadiationDose
from bridge.store.tables import performed_series, performed_step, radiation_dose

_SERIES, _DOSE, _STEP = performed_series.c, radiation_dose.c, performed_step.c


class PerformedResults:
    """The series and doses of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put_series(self, sop_instance_uid: str, series: Sequence[PerformedSeries]) -> None:
        """Keep the series of a performed step in the place of those that were told before."""
        pk = self._pk(sop_instance_uid)
        self._connection.execute(performed_series.delete().where(_SERIES.performed_step_pk == pk))
        rows = [
            {"performed_step_pk": pk, "position": position, **_series_row(each)}
            for position, each in enumerate(series)
        ]
        if rows:
            self._connection.execute(performed_series.insert(), rows)

    def put_dose(self, sop_instance_uid: str, dose: RadiationDose) -> None:
        """Keep the dose of a performed step in the place of what was told before."""
        pk = self._pk(sop_instance_uid)
        self._connection.execute(radiation_dose.delete().where(_DOSE.performed_step_pk == pk))
        self._connection.execute(radiation_dose.insert(), {"performed_step_pk": pk, **asdict(dose)})

    def series(self, sop_instance_uid: str) -> tuple[PerformedSeries, ...]:
        """The series of a performed step, in the order in which they were told."""
        query = (
            select(performed_series)
            .join(performed_step, _STEP.pk == _SERIES.performed_step_pk)
            .where(_STEP.sop_instance_uid == sop_instance_uid)
            .order_by(_SERIES.position)
        )
        return tuple(_series(row) for row in self._connection.execute(query).all())

    def of_series(self, series_instance_uid: str) -> tuple[PerformedSeries, ...]:
        """What performed steps tell of one series, the oldest first."""
        query = (
            select(performed_series)
            .where(_SERIES.series_instance_uid == series_instance_uid)
            .order_by(_SERIES.performed_step_pk, _SERIES.position)
        )
        return tuple(_series(row) for row in self._connection.execute(query).all())

    def dose(self, sop_instance_uid: str) -> RadiationDose | None:
        """The dose of a performed step; None when nothing was told."""
        query = (
            select(radiation_dose)
            .join(performed_step, _STEP.pk == _DOSE.performed_step_pk)
            .where(_STEP.sop_instance_uid == sop_instance_uid)
        )
        row = self._connection.execute(query).first()
        return None if row is None else _dose(row)

    def _pk(self, sop_instance_uid: str) -> int:
        query = select(_STEP.pk).where(_STEP.sop_instance_uid == sop_instance_uid)
        return int(self._connection.execute(query).scalar_one())


def _series_row(each: PerformedSeries) -> dict[str, Any]:
    return {
        "series_instance_uid": each.series_instance_uid,
        "protocol_name": each.protocol_name,
        "description": each.description,
        "performing_physicians": list(each.performing_physicians),
        "operators": list(each.operators),
        "retrieve_ae_titles": list(each.retrieve_ae_titles),
        "images": [[i.sop_class_uid, i.sop_instance_uid] for i in each.images],
        "others": [[i.sop_class_uid, i.sop_instance_uid] for i in each.others],
    }


def _series(row: Row[Any]) -> PerformedSeries:
    return PerformedSeries(
        series_instance_uid=row.series_instance_uid,
        protocol_name=row.protocol_name,
        description=row.description,
        performing_physicians=tuple(row.performing_physicians),
        operators=tuple(row.operators),
        retrieve_ae_titles=tuple(row.retrieve_ae_titles),
        images=tuple(InstanceReference(*each) for each in row.images),
        others=tuple(InstanceReference(*each) for each in row.others),
    )


def _dose(row: Row[Any]) -> RadiationDose:
    values = dict(row._mapping)
    del values["performed_step_pk"]
    exposures = tuple(ExposureDose(**each) for each in values.pop("exposures"))
    return RadiationDose(**values, exposures=exposures)
