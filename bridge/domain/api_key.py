"""Keys of programs that use the JSON API, and what each may do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.access import Role


class Scope(StrEnum):
    """What a key may be good for."""

    STATUS = "status:read"
    RECORDS = "records:read"
    STUDIES = "studies:write"
    DELIVERIES = "deliveries:write"
    IMAGES = "images:read"
    STORE = "images:write"
    AUDIT = "audit:read"


_ROLES = {
    Scope.STATUS: Role.VIEWER,
    Scope.RECORDS: Role.VIEWER,
    Scope.STUDIES: Role.OPERATOR,
    Scope.DELIVERIES: Role.OPERATOR,
    Scope.IMAGES: Role.VIEWER,
    Scope.STORE: Role.OPERATOR,
    Scope.AUDIT: Role.ADMIN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key, without its secret. Times are unix times; `expires_at` None is never."""

    name: str
    scopes: frozenset[Scope]
    created_at: float
    created_by: str = ""
    expires_at: float | None = None
    last_used_at: float | None = None

    def is_good(self, now: float) -> bool:
        """Whether it opens anything at that time."""
        return self.expires_at is None or now < self.expires_at

    @property
    def role(self) -> Role:
        """The least role that covers all it is good for: what the audit trail says of it."""
        return role_of(self.scopes)


def role_of(scopes: Iterable[Scope]) -> Role:
    """The least role that covers all of these."""
    roles = {_ROLES[each] for each in scopes}
    return next((each for each in (Role.ADMIN, Role.OPERATOR) if each in roles), Role.VIEWER)
