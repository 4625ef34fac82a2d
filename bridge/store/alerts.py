"""Alerts, and over which channels they were told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, insert, select, update

from bridge.domain.alert import Alert, Moment, Problem
from bridge.store.tables import alert, alert_told

_A, _T = alert.c, alert_told.c
_OPEN = _A.over_at.is_(None)


class Alerts:
    """The alerts of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open(self) -> Sequence[Alert]:
        """Those that are not over."""
        rows = self._connection.execute(select(alert).where(_OPEN).order_by(_A.pk)).all()
        return tuple(map(_alert, rows))

    def begin(self, problem: Problem, now: float) -> None:
        """A problem was seen."""
        row = {"key": problem.key, "words": problem.words, "seen_at": now}
        self._connection.execute(insert(alert).values(row))

    def raise_(self, problem: Problem, now: float) -> None:
        """It has lasted."""
        changed = {"words": problem.words, "raised_at": now}
        self._connection.execute(update(alert).where(_OPEN, _A.key == problem.key).values(changed))

    def end(self, key: str, now: float) -> None:
        """It is over; one that was never raised is forgotten."""
        which = (_OPEN, _A.key == key)
        self._connection.execute(delete(alert).where(*which, _A.raised_at.is_(None)))
        self._connection.execute(update(alert).where(*which).values(over_at=now))

    def untold(self, channel: str) -> Sequence[tuple[Alert, Moment]]:
        """What a channel was not told of yet, in the order in which it happened."""
        told = exists().where(
            _T.alert_pk == _A.pk, _T.channel == channel, _T.what == Moment.OVER.value
        )
        chosen = select(alert).where(_A.raised_at.is_not(None), ~told)
        rows = self._connection.execute(chosen.order_by(_A.pk)).all()
        known = self._connection.execute(
            select(_T.alert_pk, _T.what).where(
                _T.channel == channel, _T.alert_pk.in_([row.pk for row in rows])
            )
        )
        done = {(pk, what) for pk, what in known}
        return tuple(
            (each, moment)
            for each in map(_alert, rows)
            for moment in each.moments
            if (each.pk, moment.value) not in done
        )

    def told(self, alert_pk: int, channel: str, moment: Moment, now: float) -> None:
        """A channel was told."""
        row = {"alert_pk": alert_pk, "channel": channel, "what": moment.value, "told_at": now}
        self._connection.execute(insert(alert_told).values(row))

    def newest(self, limit: int) -> Sequence[Alert]:
        """The newest that were raised, over or not."""
        chosen = select(alert).where(_A.raised_at.is_not(None)).order_by(_A.pk.desc())
        return tuple(map(_alert, self._connection.execute(chosen.limit(limit)).all()))

    def forget(self, before: float) -> None:
        """Drop those that were over by then."""
        old = select(_A.pk).where(_A.over_at < before)
        self._connection.execute(delete(alert_told).where(_T.alert_pk.in_(old)))
        self._connection.execute(delete(alert).where(_A.over_at < before))


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        pk=row.pk,
        key=row.key,
        words=row.words,
        seen_at=row.seen_at,
        raised_at=row.raised_at,
        over_at=row.over_at,
    )
