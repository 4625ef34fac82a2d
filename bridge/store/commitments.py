"""Storage commitment requests, kept as they were made: of us, and by us."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select, update

from bridge.domain.commitment import CommitmentRequest, InstanceReference, RequestedCommitment
from bridge.store.tables import requested_commitment, storage_commitment

_TABLE = storage_commitment.c
_REQUESTED = requested_commitment.c


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

    def ask(self, requested: RequestedCommitment) -> None:
        """Keep what an archive is asked."""
        row = {
            "transaction_uid": requested.transaction_uid,
            "destination": requested.destination,
            "study_instance_uid": requested.study_instance_uid,
            "instances": list(requested.sop_instance_uids),
            "requested_at": requested.requested_at,
            "shown_as": requested.shown_as,
        }
        self._connection.execute(requested_commitment.insert(), row)

    def asked(self, transaction_uid: str) -> RequestedCommitment | None:
        """What an archive was asked under this Transaction UID."""
        query = select(requested_commitment).where(_REQUESTED.transaction_uid == transaction_uid)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        return RequestedCommitment(
            transaction_uid=row.transaction_uid,
            destination=row.destination,
            study_instance_uid=row.study_instance_uid,
            sop_instance_uids=tuple(row.instances),
            requested_at=row.requested_at,
            answered_at=row.answered_at,
            shown_as=row.shown_as,
        )

    def awaited(self, destination: str, study_instance_uid: str, since: float) -> dict[str, float]:
        """SOP Instance UIDs that were asked about since then, unanswered, and when they were."""
        query = (
            select(_REQUESTED.instances, _REQUESTED.requested_at)
            .where(
                _REQUESTED.destination == destination,
                _REQUESTED.study_instance_uid == study_instance_uid,
                _REQUESTED.answered_at.is_(None),
                _REQUESTED.requested_at >= since,
            )
            .order_by(_REQUESTED.requested_at)
        )
        found = self._connection.execute(query)
        return {uid: requested_at for instances, requested_at in found for uid in instances}

    def answered(self, transaction_uid: str, now: float) -> None:
        """Note that the archive has reported."""
        self._connection.execute(
            update(requested_commitment)
            .where(_REQUESTED.transaction_uid == transaction_uid)
            .values(answered_at=now)
        )

    def withdraw(self, transaction_uid: str) -> None:
        """Forget a request that the archive did not take."""
        self._connection.execute(
            delete(requested_commitment).where(_REQUESTED.transaction_uid == transaction_uid)
        )

    def forget(self, before: float) -> None:
        """Forget requests that were made before then, whatever became of them."""
        self._connection.execute(
            delete(requested_commitment).where(_REQUESTED.requested_at < before)
        )
