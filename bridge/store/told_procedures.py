"""What receivers have on record of single procedures."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, select, update

from bridge.store.statement import Statement, insert
from bridge.store.tables import told_procedure

_T = told_procedure.c
_LANE = (_T.destination == bindparam("lane_destination"), _T.subject == bindparam("lane_subject"))
_ONE = (*_LANE, _T.procedure_pk == bindparam("procedure"))
_OF = Statement(select(_T.procedure_pk, _T.content_hash).where(*_LANE))
_CHANGE = Statement(
    update(told_procedure)
    .where(*_ONE)
    .values(content_hash=bindparam("has"))
    .returning(_T.procedure_pk)
)
_ADD = insert(told_procedure, ("destination", "subject", "procedure_pk", "content_hash"))
_FORGET = Statement(told_procedure.delete().where(*_ONE))


class ToldProcedures:
    """The records of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, destination: str, subject: str) -> Mapping[int, str]:
        """The content hash that a receiver has of each procedure; empty where that is in doubt."""
        lane = {"lane_destination": destination, "lane_subject": subject}
        return dict(_OF.rows(self._connection, lane))

    def put(self, destination: str, subject: str, procedure_pk: int, content_hash: str) -> None:
        """Note what a receiver has of a procedure."""
        one = _one(destination, subject, procedure_pk)
        if _CHANGE.scalar(self._connection, {**one, "has": content_hash}) is None:
            row = {
                "destination": destination,
                "subject": subject,
                "procedure_pk": procedure_pk,
                "content_hash": content_hash,
            }
            _ADD.run(self._connection, row)

    def forget(self, destination: str, subject: str, procedure_pk: int) -> None:
        """Note that a receiver has nothing any more."""
        _FORGET.run(self._connection, _one(destination, subject, procedure_pk))


def _one(destination: str, subject: str, procedure_pk: int) -> dict[str, str | int]:
    return {
        "lane_destination": destination,
        "lane_subject": subject,
        "procedure": procedure_pk,
    }
