"""Keys of the JSON API, by the digests of their secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from bridge.domain.api_key import ApiKey, Scope
from bridge.store.tables import api_key

_K = api_key.c


class ApiKeys:
    """Implements `services.manage_keys.ApiKeys` for one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, key: ApiKey, secret_hash: str) -> None:
        """Keep a new key."""
        row = {
            "name": key.name,
            "secret_hash": secret_hash,
            "scopes": " ".join(sorted(key.scopes)),
            "created_at": key.created_at,
            "created_by": key.created_by,
            "expires_at": key.expires_at,
        }
        self._connection.execute(insert(api_key).values(row))

    def remove(self, name: str) -> bool:
        """Drop a key; false when there is none."""
        return self._connection.execute(delete(api_key).where(_K.name == name)).rowcount > 0

    def get(self, name: str) -> ApiKey | None:
        """The key of this name."""
        row = self._connection.execute(select(api_key).where(_K.name == name)).first()
        return None if row is None else _key(row)

    def of_secret(self, secret_hash: str) -> ApiKey | None:
        """The key of this secret."""
        query = select(api_key).where(_K.secret_hash == secret_hash)
        row = self._connection.execute(query).first()
        return None if row is None else _key(row)

    def every(self) -> Sequence[ApiKey]:
        """All keys, by name."""
        rows = self._connection.execute(select(api_key).order_by(_K.name)).all()
        return tuple(map(_key, rows))

    def used(self, name: str, now: float) -> None:
        """Note that somebody used it."""
        used = update(api_key).where(_K.name == name).values(last_used_at=now)
        self._connection.execute(used)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        name=row.name,
        scopes=frozenset(map(Scope, row.scopes.split())),
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )
