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

    def differing(self, destination: str, study_instance_uid: str, shown_as: str) -> frozenset[str]:
        """Those of them that it got as another's, or as another order's, than that."""
        query = select(_TABLE.sop_instance_uid).where(
            _TABLE.destination == destination,
            _TABLE.study_instance_uid == study_instance_uid,
            _TABLE.shown_as.not_in(("", shown_as)),
        )
        return frozenset(self._connection.execute(query).scalars())

    def add(
        self,
        destination: str,
        study_instance_uid: str,
        uids: Iterable[str],
        now: float,
        shown_as: str = "",
    ) -> None:
        """Note what a destination has taken, and as what; again is no harm."""
        rows = [
            {
                "destination": destination,
                "study_instance_uid": study_instance_uid,
                "sop_instance_uid": uid,
                "forwarded_at": now,
                "shown_as": shown_as,
            }
            for uid in uids
        ]
        on_sqlite = self._connection.dialect.name == sqlite.dialect.name
        dialect = sqlite if on_sqlite else postgresql
        new = dialect.insert(forwarded_instance)
        statement = new.on_conflict_do_update(
            index_elements=["destination", "study_instance_uid", "sop_instance_uid"],
            set_={"forwarded_at": new.excluded.forwarded_at, "shown_as": new.excluded.shown_as},
        )
        self._connection.execute(statement, rows)
