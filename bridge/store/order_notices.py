"""How orders stood when destinations were told of them."""

from __future__ import annotations

import json

from sqlalchemy import Connection, bindparam, select, update

from bridge.domain.order_news import OrderNotice
from bridge.domain.step_status import StepStatus
from bridge.store.statement import Statement, insert
from bridge.store.tables import order_notice

_N = order_notice.c
_OF = Statement(select(_N.notice).where(_N.order_pk == bindparam("pk")))
_ADD = insert(order_notice, ("order_pk", "notice"))
_CHANGE = Statement(
    update(order_notice)
    .where(_N.order_pk == bindparam("pk"))
    .values(notice=bindparam("changed"))
    .returning(_N.order_pk)
)


class OrderNotices:
    """The notices of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, order_pk: int) -> OrderNotice | None:
        """How the order stood when it was told of last; None when it never was."""
        document = _OF.scalar(self._connection, {"pk": order_pk})
        return None if document is None else _load(document)

    def keep(self, order_pk: int, notice: OrderNotice) -> None:
        """Remember how the order stands."""
        document = _dump(notice)
        row = {"pk": order_pk, "changed": document}
        if _CHANGE.scalar(self._connection, row) is None:
            _ADD.run(self._connection, {"order_pk": order_pk, "notice": document})


def _dump(notice: OrderNotice) -> str:
    statuses = {str(pk): status.value for pk, status in notice.statuses.items()}
    return json.dumps({"statuses": statuses, "details": notice.details}, ensure_ascii=False)


def _load(document: str) -> OrderNotice:
    held = json.loads(document)
    statuses = {int(pk): StepStatus(status) for pk, status in held["statuses"].items()}
    return OrderNotice(statuses, tuple(held["details"]))
