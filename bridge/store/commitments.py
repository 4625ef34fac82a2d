"""Storage commitment requests, kept as they were made."""

from __future__ import annotations

from sqlalchemy import Connection, select

from bridge.domain.commitment import CommitmentRequest, InstanceReference
from bridge.store.tables import storage_commitment

_TABLE = storage_commitment.c


class Commitments:
    """The requests of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, ae_title: str, transaction_uid: str) -> CommitmentRequest | None:
        """What an application entity asked under this Transaction UID."""
        query = select(_TABLE.instances).where(
            _TABLE.ae_title == ae_title, _TABLE.transaction_uid == transaction_uid
        )
        found = self._connection.execute(query).scalar()
        if found is None:
            return None
        return CommitmentRequest(
            transaction_uid=transaction_uid,
            ae_title=ae_title,
            references=tuple(InstanceReference(*each) for each in found),
        )

    def add(self, request: CommitmentRequest, now: float) -> None:
        """Keep a request."""
        instances = [[each.sop_class_uid, each.sop_instance_uid] for each in request.references]
        row = {
            "ae_title": request.ae_title,
            "transaction_uid": request.transaction_uid,
            "instances": instances,
            "requested_at": now,
        }
        self._connection.execute(storage_commitment.insert(), row)
