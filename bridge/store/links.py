"""What passed over each link, added up by whichever processes heard it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from bridge.domain.link import Activity, Link, LinkKind
from bridge.services.watch_links import Passed
from bridge.store.tables import link, link_hour

_L, _H = link.c, link_hour.c
MOST_LINKS = 2000
"""Of how many links something is kept."""


class Links:
    """The links of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def note(self, passed: Mapping[Link, Passed]) -> None:
        """Add to what is kept; in one order everywhere, so that two processes never deadlock."""
        known = {(kind, peer) for kind, peer in self._connection.execute(select(_L.kind, _L.peer))}
        for which, each in sorted(passed.items()):
            key = (which.kind.value, which.peer)
            if key not in known:
                if len(known) >= MOST_LINKS:
                    continue  # whoever calls under ever new names
                known.add(key)
            self._note(which, each)
            for hour, successes in sorted(each.hours.items()):
                self._count(which, hour, successes)

    def _note(self, which: Link, passed: Passed) -> None:
        row = self._insert(link).values(
            kind=which.kind.value,
            peer=which.peer,
            first_seen_at=passed.first_at,
            last_success_at=passed.last_success_at,
            last_failure_at=passed.last_failure_at,
            last_failure=passed.last_failure,
        )
        new = row.excluded
        is_later = new.last_failure_at > _L.last_failure_at
        changed = {
            "last_success_at": _later(_L.last_success_at, new.last_success_at),
            "last_failure_at": _later(_L.last_failure_at, new.last_failure_at),
            "last_failure": case((is_later, new.last_failure), else_=_L.last_failure),
        }
        self._connection.execute(
            row.on_conflict_do_update(index_elements=[_L.kind, _L.peer], set_=changed)
        )

    def _count(self, which: Link, hour: int, successes: int) -> None:
        row = self._insert(link_hour).values(
            kind=which.kind.value, peer=which.peer, hour=hour, successes=successes
        )
        more = {"successes": _H.successes + row.excluded.successes}
        key = [_H.kind, _H.peer, _H.hour]
        self._connection.execute(row.on_conflict_do_update(index_elements=key, set_=more))

    def forget(self, before_hour: int) -> None:
        """Drop the counts of hours before this one."""
        self._connection.execute(delete(link_hour).where(_H.hour < before_hour))

    def every(self) -> Sequence[Activity]:
        """All of them, in the order of their kinds and peers."""
        hours: dict[tuple[str, str], dict[int, int]] = {}
        for kind, peer, hour, count in self._connection.execute(select(link_hour)):
            hours.setdefault((kind, peer), {})[hour] = count
        rows = self._connection.execute(select(link).order_by(_L.kind, _L.peer)).all()
        return tuple(
            Activity(
                link=Link(LinkKind(row.kind), row.peer),
                first_seen_at=row.first_seen_at,
                last_success_at=row.last_success_at,
                last_failure_at=row.last_failure_at,
                last_failure=row.last_failure,
                hours=hours.get((row.kind, row.peer), {}),
            )
            for row in rows
        )

    def _insert(self, table: Any) -> Any:
        dialect = sqlite if self._connection.dialect.name == "sqlite" else postgresql
        return dialect.insert(table)


def _later(one: Any, other: Any) -> Any:
    """The greater of two; SQLite and PostgreSQL name it differently."""
    return case((other > one, other), else_=one)
