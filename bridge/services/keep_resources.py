"""The port to resources as they were received: documents with versions, beside the domain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.services.find_records import RecordKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """The newest content of a resource as received, and the row of the domain it stands for.

    The row has the id of its `primary` resource. `projection` is what the row looked like when the
    content was written.
    """

    pk: int
    type: str
    id: str
    release: str
    version: int
    content: bytes
    deleted: bool
    created_at: float
    updated_at: float
    record_kind: RecordKind | None = None
    record_pk: int | None = None
    primary: bool = False
    projection: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a resource looked like when it was written. `tag` names the version (ETag)."""

    version: int
    tag: str
    method: str
    release: str
    content: bytes
    at: float


@dataclass(frozen=True, slots=True)
class Term:
    """A value that a search parameter finds a resource by; `until` ends a date's period."""

    parameter: str
    value: str
    until: str = ""


class Resources(Protocol):
    """Resources as received."""

    def hold(self, name: str) -> None:
        """Wait until nobody else holds this name, and hold it until the transaction ends."""

    def get(self, type_: str, id_: str) -> Resource | None:
        """By type and logical id, deleted ones too."""

    def by_pk(self, pk: int) -> Resource:
        """By row."""

    def standing_for(self, kind: RecordKind, pk: int) -> Sequence[Resource]:
        """Those that stand for a row of the domain, the oldest first, deleted ones too."""

    def put(self, resource: Resource, terms: Iterable[Term]) -> int:
        """Write the newest content and what it is found by; `pk` 0 creates. Returns the pk."""

    def set_projection(self, pk: int, projection: bytes) -> None:
        """Note what the row of the domain looked like when the content was written."""

    def add_version(self, pk: int, version: Version) -> None:
        """Keep what the resource looks like now."""

    def versions(self, pk: int) -> Sequence[Version]:
        """Every version kept, the newest first."""

    def with_term(self, type_: str, parameter: str, value: str) -> Sequence[Resource]:
        """Resources, none deleted, that a search parameter finds by this value."""
