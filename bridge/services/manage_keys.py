"""Make, list and revoke keys of the JSON API. A key is shown once; its digest is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from bridge.domain.access import SignedIn
from bridge.domain.api_key import ApiKey, Scope
from bridge.domain.audit import AuditAction, AuditEvent, AuditEventId, AuditEventType, AuditObject
from bridge.domain.errors import BridgeError, UnknownKey
from bridge.services.access import check_name, digest
from bridge.services.transaction import AuditTrail, Clock

T = TypeVar("T")
PREFIX = "bridge_"
"""What every key begins with, so that one that is found lying about is known for what it is."""

_USED_AGAIN_SECONDS = 60.0


class KeyTaken(BridgeError):
    """There is a key of this name already."""


class ApiKeys(Protocol):
    """The keys that are kept."""

    def add(self, key: ApiKey, secret_hash: str) -> None: ...
    def remove(self, name: str) -> bool: ...
    def get(self, name: str) -> ApiKey | None: ...
    def of_secret(self, secret_hash: str) -> ApiKey | None: ...
    def every(self) -> Sequence[ApiKey]: ...
    def used(self, name: str, now: float) -> None: ...


class KeyTransaction(Protocol):
    """A transaction in which keys are known."""

    @property
    def api_keys(self) -> ApiKeys: ...
    @property
    def audit(self) -> AuditTrail: ...


class KeyStore(Protocol):
    """Runs such transactions."""

    def transact(self, work: Callable[[KeyTransaction], T]) -> T: ...
    def read(self, work: Callable[[KeyTransaction], T]) -> T: ...


class ManageKeys:
    """`secret` makes random texts that nobody guesses."""

    def __init__(self, *, store: KeyStore, clock: Clock, secret: Callable[[], str]) -> None:
        self._store = store
        self._clock = clock
        self._secret = secret

    def every(self) -> Sequence[ApiKey]:
        """All keys, by name."""
        return self._store.read(lambda tx: tx.api_keys.every())

    def add(self, name: str, scopes: frozenset[Scope], who: str, seconds: float | None) -> str:
        """Make a key that is good for so long, or for ever; gives it, this once.

        Raises KeyTaken, or BridgeError when the name is none.
        """
        check_name(name)
        secret, now = f"{PREFIX}{self._secret()}", self._clock()
        key = ApiKey(
            name=name,
            scopes=scopes,
            created_at=now,
            created_by=who,
            expires_at=None if seconds is None else now + seconds,
        )

        def work(tx: KeyTransaction) -> None:
            if tx.api_keys.get(name) is not None:
                raise KeyTaken(f"there is a key {name} already; revoke it first", permanent=True)
            tx.api_keys.add(key, digest(secret))
            words = f"API key {name}: {', '.join(sorted(scopes))}"
            tx.audit.add(_event(who, AuditAction.CREATE, now, name, words))

        self._store.transact(work)
        return secret

    def revoke(self, name: str, who: str) -> None:
        """End a key at once. Raises UnknownKey."""

        def work(tx: KeyTransaction) -> None:
            if not tx.api_keys.remove(name):
                raise UnknownKey(f"there is no key {name}")
            now = self._clock()
            tx.audit.add(_event(who, AuditAction.DELETE, now, name, f"API key {name} revoked"))

        self._store.transact(work)

    def known(self, secret: str, address: str) -> tuple[ApiKey, SignedIn] | None:
        """Whose key this is, and as whom its holder acts; None for none, or for one that ended."""
        now = self._clock()
        key = self._store.read(lambda tx: tx.api_keys.of_secret(digest(secret)))
        if key is None or not key.is_good(now):
            return None
        if key.last_used_at is None or now - key.last_used_at > _USED_AGAIN_SECONDS:
            self._store.transact(lambda tx: tx.api_keys.used(key.name, now))
        return key, SignedIn(name=f"key {key.name}", role=key.role, address=address)


def _event(who: str, action: AuditAction, at: float, name: str, words: str) -> AuditEvent:
    return AuditEvent(
        at=at,
        event=AuditEventId.SECURITY_ALERT,
        type=AuditEventType.USER_SECURITY_ATTRIBUTES_CHANGED,
        action=action,
        who=who,
        object_kind=AuditObject.ACCOUNT,
        object_id=f"key {name}",
        detail=words,
    )
