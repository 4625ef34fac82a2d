"""Who may use the console: roles, accounts and those who are signed in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody may do; each may do what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what the needed one may."""
        ranks = tuple(Role)
        return ranks.index(self) >= ranks.index(needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who signs in here. `password_hash` is empty where a password never works."""

    name: str
    role: Role
    display_name: str = ""
    password_hash: str = ""
    disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who asks, known by a session.

    `csrf_token` is what every request that changes something must carry; `address` is where the
    request came from.
    """

    name: str
    role: Role
    display_name: str = ""
    csrf_token: str = ""
    address: str = ""

    @property
    def shown_name(self) -> str:
        """The name for people to read."""
        return self.display_name or self.name
