"""What is wrong with how instances are written that were kept all the same."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, delete, select

from bridge.domain.study import Arrival
from bridge.store.tables import instance_flaw


class InstanceFlaws:
    """The flaws of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, arrival: Arrival) -> bool:
        """Note those of an instance; tells whether its study has any that it had not before."""
        header = arrival.header
        known = self.of(header.study_instance_uid)
        own = instance_flaw.c.sop_instance_uid == header.sop_instance_uid
        self._connection.execute(delete(instance_flaw).where(own))
        self._connection.execute(
            instance_flaw.insert(),
            {
                "sop_instance_uid": header.sop_instance_uid,
                "study_instance_uid": header.study_instance_uid,
                "flaws": list(header.flaws),
                "peer": arrival.peer,
                "received_at": arrival.now,
            },
        )
        return not known.keys() >= set(header.flaws)

    def of(self, study_instance_uid: str) -> dict[str, int]:
        """Each flaw of a study, and how many of its instances have it."""
        asked = instance_flaw.c.study_instance_uid == study_instance_uid
        rows = self._connection.execute(select(instance_flaw.c.flaws).where(asked)).scalars()
        return dict(Counter(flaw for flaws in rows for flaw in flaws).most_common())
