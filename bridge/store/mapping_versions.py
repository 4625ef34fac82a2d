"""Versions of mapping profiles: implements `services.review_mappings.MappingVersions`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from bridge.services.review_mappings import ProfileVersion
from bridge.store.tables import mapping_version

_V = mapping_version.c
_COLUMNS = (_V.pk, _V.profile, _V.language, _V.digest, _V.taken_up_at)


class MappingVersions:
    """The versions of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self, profile: str, language: str, digest: str, outline: Mapping[str, str], now: float
    ) -> None:
        """One more."""
        row = {
            "profile": profile,
            "language": language,
            "digest": digest,
            "outline": dict(outline),
            "taken_up_at": now,
        }
        self._connection.execute(mapping_version.insert(), row)

    def newest(self) -> dict[str, ProfileVersion]:
        """The newest version of each profile."""
        last = select(func.max(_V.pk)).group_by(_V.profile)
        rows = self._connection.execute(select(*_COLUMNS).where(_V.pk.in_(last))).all()
        return {row.profile: _version(row) for row in rows}

    def counts(self) -> dict[str, int]:
        """How many versions there are of each profile."""
        query = select(_V.profile, func.count()).group_by(_V.profile)
        return {name: count for name, count in self._connection.execute(query).all()}

    def of(self, profile: str) -> Sequence[ProfileVersion]:
        """Those of a profile, newest first."""
        query = select(*_COLUMNS).where(_V.profile == profile).order_by(_V.pk.desc())
        return [_version(row) for row in self._connection.execute(query).all()]

    def outline(self, pk: int) -> dict[str, str] | None:
        """What one said."""
        found = self._connection.execute(select(_V.outline).where(_V.pk == pk)).first()
        return None if found is None else dict(found.outline)


def _version(row: Any) -> ProfileVersion:
    return ProfileVersion(
        pk=row.pk,
        profile=row.profile,
        language=row.language,
        digest=row.digest,
        taken_up_at=row.taken_up_at,
    )
