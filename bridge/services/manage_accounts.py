"""Adding, changing and closing the accounts of those who sign in to the console."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bridge.domain.access import Account, Role
from bridge.domain.audit import (
    AuditAction,
    AuditEvent,
    AuditEventId,
    AuditEventType,
    AuditObject,
)
from bridge.domain.errors import DuplicateKey, UnknownKey
from bridge.services.access import (
    AccessPolicy,
    AccessStore,
    AccessTransaction,
    PasswordHasher,
    check_name,
    check_password,
    digest,
)
from bridge.services.transaction import Clock


class ManageAccounts:
    """Adds, changes and closes accounts. Each change is in the audit trail, by `who`."""

    def __init__(
        self,
        *,
        store: AccessStore,
        hasher: PasswordHasher,
        clock: Clock,
        secret: Callable[[], str],
        policy: AccessPolicy,
    ) -> None:
        self._store = store
        self._hasher = hasher
        self._clock = clock
        self._secret = secret
        self._policy = policy

    def every(self) -> Sequence[Account]:
        """All accounts, by name."""
        return self._store.read(lambda tx: tx.accounts.every())

    def exist(self) -> bool:
        """Whether anybody has an account that is open."""
        return self._store.read(lambda tx: tx.accounts.exist())

    def add(self, account: Account, password: str, who: str) -> None:
        """Add an account; without a password it signs in by links only.

        Raises DuplicateKey when the name is taken, BridgeError when name or password cannot be.
        """
        check_name(account.name)
        hashed = self._hash(password) if password else ""
        now = self._clock()

        def work(tx: AccessTransaction) -> None:
            if tx.accounts.get(account.name) is not None:
                raise DuplicateKey(f"there is an account {account.name} already")
            tx.accounts.put(replace(account, password_hash=hashed), now)
            tx.audit.add(self._changed(account.name, AuditAction.CREATE, who, account.role.value))

        self._store.transact(work)

    def set_password(self, name: str, password: str, who: str) -> None:
        """Give an account a new password and end its sessions. Raises UnknownKey."""
        hashed = self._hash(password)
        self._change(name, who, "password", lambda held: replace(held, password_hash=hashed))

    def set_role(self, name: str, role: Role, who: str) -> None:
        """Give an account another role and end its sessions. Raises UnknownKey."""
        self._change(name, who, f"role {role.value}", lambda held: replace(held, role=role))

    def set_disabled(self, name: str, disabled: bool, who: str) -> None:
        """Close an account and end its sessions, or open it again. Raises UnknownKey."""
        detail = "disabled" if disabled else "enabled"
        self._change(name, who, detail, lambda held: replace(held, disabled=disabled))

    def add_link(self, name: str, who: str) -> str:
        """A secret that signs an account in once; with no name, makes the first administrator.

        A new link for an account ends the one before it. Raises UnknownKey.
        """
        secret, now = self._secret(), self._clock()

        def work(tx: AccessTransaction) -> None:
            if name:
                _known(tx, name)
            tx.accounts.drop_links_of(name)
            tx.accounts.add_link(digest(secret), name, now + self._policy.link_seconds)
            if name:
                tx.audit.add(self._changed(name, AuditAction.UPDATE, who, "one-time link"))

        self._store.transact(work)
        return secret

    def _change(
        self, name: str, who: str, detail: str, changed: Callable[[Account], Account]
    ) -> None:
        now = self._clock()

        def work(tx: AccessTransaction) -> None:
            tx.accounts.put(changed(_known(tx, name)), now)
            tx.accounts.close_sessions_of(name)
            tx.accounts.drop_links_of(name)
            tx.audit.add(self._changed(name, AuditAction.UPDATE, who, detail))

        self._store.transact(work)

    def _hash(self, password: str) -> str:
        check_password(password)
        return self._hasher.hash(password)

    def _changed(self, name: str, action: AuditAction, who: str, detail: str) -> AuditEvent:
        return AuditEvent(
            at=self._clock(),
            event=AuditEventId.SECURITY_ALERT,
            type=AuditEventType.USER_SECURITY_ATTRIBUTES_CHANGED,
            action=action,
            who=who,
            object_kind=AuditObject.ACCOUNT,
            object_id=name,
            detail=detail,
        )


def _known(tx: AccessTransaction, name: str) -> Account:
    held = tx.accounts.get(name)
    if held is None:
        raise UnknownKey(f"there is no account {name}")
    return held
