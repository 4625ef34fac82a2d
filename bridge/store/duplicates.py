"""Instances that differ and have the same SOP Instance UID: one counts, all are kept."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bridge.domain.study import Arrival, StudyState
from bridge.store.studies import instance_values
from bridge.store.tables import forwarded_instance, instance, instance_conflict, study


class InstanceDuplicates:
    """The duplicates of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, arrival: Arrival) -> None:
        """Keep note of another instance under a SOP Instance UID that is held already."""
        self._keep(
            {
                "sop_instance_uid": arrival.header.sop_instance_uid,
                "study_instance_uid": arrival.header.study_instance_uid,
                "path": arrival.path,
                "digest": arrival.digest,
                "peer": arrival.peer,
                "received_at": arrival.now,
            }
        )

    def replace(self, arrival: Arrival) -> None:
        """Index an instance in the place of the one that is held, of which note is kept.

        Destinations that have the other one are to get this one, too.
        """
        uid = arrival.header.sop_instance_uid
        of_study = study.c.study_instance_uid == arrival.header.study_instance_uid
        receiving = {"state": StudyState.RECEIVING.value, "updated_at": arrival.now}
        self._connection.execute(update(study).where(of_study).values(receiving))
        held = select(instance).where(instance.c.sop_instance_uid == uid)
        row = self._connection.execute(held).one()
        noted = {key: row._mapping[key] for key in ("path", "digest", "peer", "received_at")}
        place = {"study_instance_uid": arrival.header.study_instance_uid, "sop_instance_uid": uid}
        self._keep(noted | place)
        conflict = instance_conflict.c
        self._connection.execute(  # it may have been a duplicate before
            delete(instance_conflict).where(
                conflict.sop_instance_uid == uid, conflict.digest == arrival.digest
            )
        )
        values = instance_values(arrival)
        self._connection.execute(update(instance).where(instance.c.pk == row.pk).values(values))
        of_instance = forwarded_instance.c.sop_instance_uid == uid
        self._connection.execute(delete(forwarded_instance).where(of_instance))

    def _keep(self, row: dict[str, Any]) -> None:
        on_sqlite = self._connection.dialect.name == sqlite.dialect.name
        dialect = sqlite if on_sqlite else postgresql
        statement = dialect.insert(instance_conflict).on_conflict_do_nothing()
        self._connection.execute(statement, row)
