"""Which instances a destination has taken."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from bridge.store.tables import forwarded_instance

_TABLE = forwarded_instance.c


class Forwarded:
    """What was forwarded, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, destination: str, study_instance_uid: str) -> frozenset[str]:
        """SOP Instance UIDs of a study that a destination has."""
        query = select(_TABLE.sop_instance_uid).where(
            _TABLE.destination == destination, _TABLE.study_instance_uid == study_instance_uid
        )
        return frozenset(self._connection.execute(query).scalars())

    def add(
        self, destination: str, study_instance_uid: str, uids: Iterable[str], now: float
    ) -> None:
        """Note what a destination has taken; again is no harm."""
        rows = [
            {
                "destination": destination,
                "study_instance_uid": study_instance_uid,
                "sop_instance_uid": uid,
                "forwarded_at": now,
            }
            for uid in uids
        ]
        on_sqlite = self._connection.dialect.name == sqlite.dialect.name
        dialect = sqlite if on_sqlite else postgresql
        statement = dialect.insert(forwarded_instance).on_conflict_do_nothing()
        self._connection.execute(statement, rows)
