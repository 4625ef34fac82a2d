"""Resources as they were received, with their versions and the terms that find them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, false, select, text, update
from sqlalchemy.dialects import postgresql

from bridge.services.find_records import RecordKind
from bridge.services.keep_resources import Resource, Term, Version
from bridge.store.tables import resource, resource_term, resource_version

_LONGEST = 500
"""Values are compared up to here: an index cannot hold a longer one."""

# Built once: every resource of a page asks this.
_STANDING = (
    select(resource)
    .where(
        resource.c.record_kind == bindparam("kind"),
        resource.c.record_pk == bindparam("record"),
    )
    .order_by(resource.c.pk)
)
_HOLD = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 4))")


class Resources:
    """Implements `services.keep_resources.Resources` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hold(self, name: str) -> None:
        """Wait until nobody else holds this name; on SQLite nobody does: there is one writer."""
        if self._connection.dialect.name == postgresql.dialect.name:
            self._connection.execute(_HOLD, {"name": name})

    def get(self, type_: str, id_: str) -> Resource | None:
        """By type and logical id, deleted ones too."""
        query = select(resource).where(resource.c.type == type_, resource.c.id == id_)
        row = self._connection.execute(query).first()
        return None if row is None else _resource(row)

    def by_pk(self, pk: int) -> Resource:
        """By row."""
        return _resource(
            self._connection.execute(select(resource).where(resource.c.pk == pk)).one()
        )

    def standing_for(self, kind: RecordKind, pk: int) -> Sequence[Resource]:
        """Those that stand for a row of the domain, the oldest first, deleted ones too."""
        rows = self._connection.execute(_STANDING, {"kind": kind.value, "record": pk}).all()
        return [_resource(row) for row in rows]

    def put(self, resource_: Resource, terms: Iterable[Term]) -> int:
        """Write the newest content and what it is found by; `pk` 0 creates. Returns the pk."""
        row = _row(resource_)
        if resource_.pk:
            changed = update(resource).where(resource.c.pk == resource_.pk).values(**row)
            self._connection.execute(changed)
            old = delete(resource_term).where(resource_term.c.resource_pk == resource_.pk)
            self._connection.execute(old)
            pk = resource_.pk
        else:
            inserted = resource.insert().values(**row).returning(resource.c.pk)
            pk = int(self._connection.execute(inserted).scalar_one())
        self._put_terms(pk, resource_.type, terms)
        return pk

    def _put_terms(self, pk: int, type_: str, terms: Iterable[Term]) -> None:
        rows = {
            (term.parameter, term.value[:_LONGEST]): {
                "type": type_,
                "parameter": term.parameter,
                "value": term.value[:_LONGEST],
                "until": term.until,
                "resource_pk": pk,
            }
            for term in terms
        }
        if rows:
            self._connection.execute(resource_term.insert(), list(rows.values()))

    def set_projection(self, pk: int, projection: bytes) -> None:
        """Note what the row of the domain looked like when the content was written."""
        changed = update(resource).where(resource.c.pk == pk).values(projection=projection)
        self._connection.execute(changed)

    def add_version(self, pk: int, version: Version) -> None:
        """Keep what the resource looks like now."""
        row = {
            "resource_pk": pk,
            "version": version.version,
            "tag": version.tag,
            "method": version.method,
            "release": version.release,
            "content": version.content,
            "at": version.at,
        }
        self._connection.execute(resource_version.insert(), row)

    def versions(self, pk: int) -> Sequence[Version]:
        """Every version kept, the newest first."""
        query = select(resource_version).where(resource_version.c.resource_pk == pk)
        rows = self._connection.execute(query.order_by(resource_version.c.version.desc())).all()
        return [
            Version(
                version=row.version,
                tag=row.tag,
                method=row.method,
                release=row.release,
                content=bytes(row.content),
                at=row.at,
            )
            for row in rows
        ]

    def with_term(self, type_: str, parameter: str, value: str) -> Sequence[Resource]:
        """Resources, none deleted, that a search parameter finds by this value."""
        query = (
            select(resource)
            .join(resource_term, resource_term.c.resource_pk == resource.c.pk)
            .where(
                resource_term.c.type == type_,
                resource_term.c.parameter == parameter,
                resource_term.c.value == value[:_LONGEST],
                resource.c.deleted == false(),
            )
            .order_by(resource.c.pk)
        )
        return [_resource(row) for row in self._connection.execute(query).all()]


def _row(kept: Resource) -> dict[str, Any]:
    return {
        "type": kept.type,
        "id": kept.id,
        "release": kept.release,
        "record_kind": kept.record_kind.value if kept.record_kind else "",
        "record_pk": kept.record_pk,
        "primary": kept.primary,
        "projection": kept.projection,
        "version": kept.version,
        "deleted": kept.deleted,
        "content": kept.content,
        "created_at": kept.created_at,
        "updated_at": kept.updated_at,
    }


def _resource(row: Row[Any]) -> Resource:
    return Resource(
        pk=row.pk,
        type=row.type,
        id=row.id,
        release=row.release,
        version=row.version,
        content=bytes(row.content),
        deleted=row.deleted,
        created_at=row.created_at,
        updated_at=row.updated_at,
        record_kind=RecordKind(row.record_kind) if row.record_kind else None,
        record_pk=row.record_pk,
        primary=row.primary,
        projection=bytes(row.projection),
    )
