"""The ports to accounts and sessions, and what is asked of a sign-in.

Passwords are hashed and secrets made by what is passed in. Secrets are kept as digests only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bridge.domain.access import Account, Role
from bridge.domain.errors import BridgeError
from bridge.services.transaction import AuditTrail

T = TypeVar("T")
SHORTEST_PASSWORD = 10
"""Characters: NIST SP 800-63B asks for eight at least and for no mixture of kinds."""
LONGEST_PASSWORD = 1024
LONGEST_NAME = 64
SEEN_AGAIN_SECONDS = 60.0
"""A session's last use is written down at most this often."""


class PasswordHasher(Protocol):
    """Hashes passwords so that guessing them from the hash is slow (argon2id)."""

    def hash(self, password: str) -> str: ...
    def verify(self, password_hash: str, password: str) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A sign-in that holds. Times are unix times in seconds; `provider` is empty for ours."""

    account: str
    role: Role
    display_name: str
    csrf_token: str
    created_at: float
    seen_at: float
    provider: str = ""


class Accounts(Protocol):
    """Accounts, sessions, one-time links and failed sign-ins."""

    def get(self, name: str) -> Account | None: ...
    def every(self) -> Sequence[Account]: ...
    def exist(self) -> bool: ...
    def put(self, account: Account, now: float) -> None: ...
    def open_session(self, token_hash: str, session: Session) -> None: ...
    def session(self, token_hash: str) -> Session | None: ...
    def session_seen(self, token_hash: str, now: float) -> None: ...
    def close_session(self, token_hash: str) -> None: ...
    def close_sessions_of(self, account: str) -> None: ...
    def drop_sessions(self, created_before: float, seen_before: float) -> None: ...
    def add_link(self, token_hash: str, account: str, expires_at: float) -> None: ...
    def link(self, token_hash: str, now: float) -> str | None: ...
    def drop_link(self, token_hash: str) -> bool: ...
    def drop_links_of(self, account: str) -> None: ...
    def failures(self, subject: str, since: float) -> int: ...
    def failed(self, subject: str, now: float, since: float) -> None: ...
    def uncount_failure(self, subject: str) -> None: ...
    def forget_failures(self, subject: str) -> None: ...


class AccessTransaction(Protocol):
    """A transaction in which somebody may be let in."""

    @property
    def accounts(self) -> Accounts: ...
    @property
    def audit(self) -> AuditTrail: ...


class AccessStore(Protocol):
    """Runs work in a transaction."""

    def transact(self, work: Callable[[AccessTransaction], T]) -> T: ...
    def read(self, work: Callable[[AccessTransaction], T]) -> T: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPolicy:
    """How long a sign-in holds, and how often one may be mistaken. All in seconds but the counts.

    In `tries_seconds` a name may fail `tries` times from one address. An address may fail more
    often, for many share one, and a name even more: else anybody could lock out anybody.
    """

    idle_seconds: float = 30 * 60
    longest_seconds: float = 12 * 3600
    tries: int = 5
    tries_by_address: int = 30
    tries_by_name: int = 50
    tries_seconds: float = 15 * 60
    link_seconds: float = 24 * 3600


class SignInRefused(BridgeError):
    """Name and password do not fit, or the account is closed; which of them is not said."""


class TooManyTries(BridgeError):
    """Too many sign-ins failed lately; `after` seconds from now one may try again."""

    permanent = False

    def __init__(self, after: float) -> None:
        super().__init__("too many sign-ins have failed lately")
        self.after = after


def digest(secret: str) -> str:
    """What is kept of a secret: random ones need no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def check_name(name: str) -> None:
    """Raise BridgeError for what cannot be the name of an account of ours.

    A colon stands between an OpenID provider and the name it vouches for.
    """
    fits = name.isprintable() and name == name.strip() and ":" not in name
    if not fits or not 0 < len(name) <= LONGEST_NAME:
        raise BridgeError(
            f"the name of an account has at most {LONGEST_NAME} characters and no colon"
        )


def check_password(password: str) -> None:
    """Raise BridgeError for a password that is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise BridgeError(f"a password has at least {SHORTEST_PASSWORD} characters")
