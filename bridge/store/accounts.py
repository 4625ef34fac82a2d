"""Accounts of the console, their sessions, one-time links, and sign-ins that failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, exists, false, insert, or_, select, update

from bridge.domain.access import Account, Role
from bridge.services.access import Session
from bridge.store.tables import account, console_session, sign_in_failure, sign_in_link

_SESSION = tuple(name for name in Session.__dataclass_fields__ if name != "role")


class Accounts:
    """Implements `services.access.Accounts` for one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> Account | None:
        """The account of this name."""
        row = self._connection.execute(select(account).where(account.c.name == name)).first()
        return None if row is None else _account(row)

    def every(self) -> tuple[Account, ...]:
        """All accounts, by name."""
        rows = self._connection.execute(select(account).order_by(account.c.name)).all()
        return tuple(map(_account, rows))

    def exist(self) -> bool:
        """Whether any account is open."""
        query = select(exists().where(account.c.disabled == false()))
        return bool(self._connection.execute(query).scalar())

    def put(self, changed: Account, now: float) -> None:
        """Add an account, or change the one of its name."""
        values = {
            "display_name": changed.display_name,
            "role": changed.role.value,
            "password_hash": changed.password_hash,
            "disabled": changed.disabled,
            "changed_at": now,
        }
        self._put(account, {"name": changed.name}, values, {"created_at": now})

    def open_session(self, token_hash: str, session: Session) -> None:
        """Keep a new session."""
        values = {name: getattr(session, name) for name in _SESSION}
        row = {"token_hash": token_hash, "role": session.role.value, **values}
        self._connection.execute(insert(console_session), row)

    def session(self, token_hash: str) -> Session | None:
        """The session of this secret; those of closed accounts of ours are gone with them."""
        held = console_session.c
        row = self._connection.execute(
            select(console_session).where(held.token_hash == token_hash)
        ).first()
        if row is None:
            return None
        return Session(role=Role(row.role), **{name: getattr(row, name) for name in _SESSION})

    def session_seen(self, token_hash: str, now: float) -> None:
        """A session was used."""
        self._connection.execute(
            update(console_session)
            .where(console_session.c.token_hash == token_hash)
            .values(seen_at=now)
        )

    def close_session(self, token_hash: str) -> None:
        """End one session."""
        self._delete(console_session, {"token_hash": token_hash})

    def close_sessions_of(self, name: str) -> None:
        """End every session of an account of ours."""
        self._delete(console_session, {"account": name, "provider": ""})

    def drop_sessions(self, created_before: float, seen_before: float) -> None:
        """Let go of sessions that are over."""
        held = console_session.c
        self._connection.execute(
            delete(console_session).where(
                or_(held.created_at < created_before, held.seen_at < seen_before)
            )
        )

    def add_link(self, token_hash: str, name: str, expires_at: float) -> None:
        """Keep a one-time link."""
        row = {"token_hash": token_hash, "account": name, "expires_at": expires_at}
        self._connection.execute(insert(sign_in_link), row)

    def link(self, token_hash: str, now: float) -> str | None:
        """The account of a link that still holds; None for any other."""
        query = select(sign_in_link.c.account).where(
            sign_in_link.c.token_hash == token_hash, sign_in_link.c.expires_at > now
        )
        return self._connection.execute(query).scalar()

    def drop_link(self, token_hash: str) -> bool:
        """Use up a link; whether it was there."""
        return self._delete(sign_in_link, {"token_hash": token_hash}) > 0

    def drop_links_of(self, name: str) -> None:
        """Let go of the links of an account."""
        self._delete(sign_in_link, {"account": name})

    def failures(self, subject: str, since: float) -> int:
        """How often a sign-in failed, in the stretch that began after then."""
        query = select(sign_in_failure.c.count).where(
            sign_in_failure.c.subject == subject, sign_in_failure.c.since > since
        )
        return self._connection.execute(query).scalar() or 0

    def failed(self, subject: str, now: float, since: float) -> None:
        """A sign-in failed; a stretch that began before `since` is over."""
        self._connection.execute(delete(sign_in_failure).where(sign_in_failure.c.since <= since))
        counted = self._connection.execute(
            update(sign_in_failure)
            .where(sign_in_failure.c.subject == subject)
            .values(count=sign_in_failure.c.count + 1)
        )
        if counted.rowcount == 0:
            row = {"subject": subject, "count": 1, "since": now}
            self._connection.execute(insert(sign_in_failure), row)

    def uncount_failure(self, subject: str) -> None:
        """One sign-in less that failed."""
        failed = sign_in_failure.c
        self._connection.execute(
            update(sign_in_failure)
            .where(failed.subject == subject, failed.count > 0)
            .values(count=failed.count - 1)
        )

    def forget_failures(self, subject: str) -> None:
        """Who got in may be mistaken again."""
        self._delete(sign_in_failure, {"subject": subject})

    def _put(
        self,
        table: Table,
        key: Mapping[str, object],
        values: Mapping[str, object],
        new: Mapping[str, object],
    ) -> None:
        where = [table.c[name] == value for name, value in key.items()]
        if self._connection.execute(update(table).where(*where).values(values)).rowcount == 0:
            self._connection.execute(insert(table), {**key, **values, **new})

    def _delete(self, table: Table, key: Mapping[str, object]) -> int:
        where = [table.c[name] == value for name, value in key.items()]
        return int(self._connection.execute(delete(table).where(*where)).rowcount)


def _account(row: Row[Any]) -> Account:
    return Account(
        name=row.name,
        role=Role(row.role),
        display_name=row.display_name,
        password_hash=row.password_hash,
        disabled=row.disabled,
    )
