"""What modalities sent of performed steps, byte by byte, and how far destinations were told."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects import postgresql, sqlite

from bridge.domain.performed_step import Operation, PerformedStepMessage
from bridge.store.tables import performed_step, performed_step_forward, performed_step_message

_MESSAGE, _STEP = performed_step_message.c, performed_step.c
_FORWARD = performed_step_forward.c
_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class PerformedStepMessages:
    """The messages of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self,
        sop_instance_uid: str,
        operation: Operation,
        encoded: bytes,
        transfer_syntax_uid: str,
        peer: str,
        now: float,
    ) -> None:
        """Keep one more message of a performed step that is locked."""
        pk = self._pk(sop_instance_uid)
        last = select(func.max(_MESSAGE.number)).where(_MESSAGE.performed_step_pk == pk)
        row = {
            "performed_step_pk": pk,
            "number": (self._connection.execute(last).scalar_one() or 0) + 1,
            "operation": operation.value,
            "transfer_syntax_uid": transfer_syntax_uid,
            "encoded": encoded,
            "peer": peer,
            "received_at": now,
        }
        self._connection.execute(performed_step_message.insert(), row)

    def of(self, sop_instance_uid: str) -> tuple[PerformedStepMessage, ...]:
        """The messages of a performed step, in the order in which they came."""
        query = (
            select(performed_step_message)
            .join(performed_step, _STEP.pk == _MESSAGE.performed_step_pk)
            .where(_STEP.sop_instance_uid == sop_instance_uid)
            .order_by(_MESSAGE.number)
        )
        return tuple(_message(row) for row in self._connection.execute(query).all())

    def told(self, destination: str, sop_instance_uid: str) -> tuple[int, int]:
        """The number of the message that a destination took last, and of the one being sent."""
        query = (
            select(_FORWARD.taken, _FORWARD.sending)
            .join(performed_step, _STEP.pk == _FORWARD.performed_step_pk)
            .where(_FORWARD.destination == destination, _STEP.sop_instance_uid == sop_instance_uid)
        )
        row = self._connection.execute(query).first()
        return (0, 0) if row is None else (row.taken, row.sending)

    def sending(self, destination: str, sop_instance_uid: str, number: int) -> None:
        """Note that a message goes out now: from here on the destination may have it."""
        self._note(destination, sop_instance_uid, sending=number)

    def taken(self, destination: str, sop_instance_uid: str, number: int) -> None:
        """Note that a destination has a message."""
        self._note(destination, sop_instance_uid, taken=number)

    def _note(self, destination: str, sop_instance_uid: str, **values: int) -> None:
        row = {"destination": destination, "performed_step_pk": self._pk(sop_instance_uid)}
        insert = _INSERT[self._connection.dialect.name](performed_step_forward)
        self._connection.execute(
            insert.values({**row, **values}).on_conflict_do_update(
                index_elements=[_FORWARD.destination, _FORWARD.performed_step_pk], set_=values
            )
        )

    def _pk(self, sop_instance_uid: str) -> int:
        query = select(_STEP.pk).where(_STEP.sop_instance_uid == sop_instance_uid)
        return int(self._connection.execute(query).scalar_one())


def _message(row: Row[Any]) -> PerformedStepMessage:
    return PerformedStepMessage(
        number=row.number,
        operation=Operation(row.operation),
        transfer_syntax_uid=row.transfer_syntax_uid,
        encoded=bytes(row.encoded),
        peer=row.peer,
    )
