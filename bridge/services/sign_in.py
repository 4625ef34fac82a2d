"""Signing in to the console and out of it, and knowing those again who did."""

from __future__ import annotations

from collections.abc import Callable

from bridge.domain.access import Account, Role, SignedIn
from bridge.domain.audit import (
    AuditAction,
    AuditEvent,
    AuditEventId,
    AuditEventType,
    AuditObject,
    AuditOutcome,
)
from bridge.domain.errors import DuplicateKey
from bridge.services.access import (
    LONGEST_NAME,
    LONGEST_PASSWORD,
    SEEN_AGAIN_SECONDS,
    AccessPolicy,
    AccessStore,
    AccessTransaction,
    PasswordHasher,
    Session,
    SignInRefused,
    TooManyTries,
    check_name,
    check_password,
    digest,
)
from bridge.services.transaction import Clock


class SignIn:
    """Lets people in and out, and knows them again by the secret of their session."""

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
        self._nobodys_hash = ""

    def by_password(self, name: str, password: str, address: str) -> str:
        """Sign in; the secret of the new session.

        Raises TooManyTries, or SignInRefused after as long as a wrong password takes.
        """
        name = name[:LONGEST_NAME]
        self._count_try(name, address)
        held = self._store.read(lambda tx: tx.accounts.get(name))
        known = held.password_hash if held and held.password_hash else self._hash_of_nobody()
        fits = self._hasher.verify(known, password[:LONGEST_PASSWORD])
        if held is None or not fits or held.disabled or not held.password_hash:
            self._note_failure(name, address)
            raise SignInRefused("name and password do not fit")

        def forget(tx: AccessTransaction) -> None:
            own, *shared = self._limits(name, address)
            tx.accounts.forget_failures(own)
            for subject in shared:
                tx.accounts.uncount_failure(subject)

        return self._let_in(held, address, "", forget)

    def by_link(self, secret: str, address: str) -> str:
        """Sign in by a one-time link; the secret of the new session. Raises SignInRefused."""

        def use(tx: AccessTransaction) -> Account:
            name = tx.accounts.link(digest(secret), self._clock())
            held = tx.accounts.get(name) if name else None
            if held is None or held.disabled or not tx.accounts.drop_link(digest(secret)):
                raise SignInRefused("this link has been used, or is too old")
            return held

        return self._let_in(self._store.transact(use), address, "", lambda _tx: None)

    def by_provider(self, account: Account, provider: str, address: str) -> str:
        """Sign in whom an OpenID provider vouches for; the secret of the new session."""
        return self._let_in(account, address, provider, lambda _tx: None)

    def not_vouched_for(self, provider: str, address: str) -> None:
        """Write down that somebody came from an OpenID provider who may not come in."""
        self._note_failure("", address, provider)

    def owner_of_link(self, secret: str) -> str | None:
        """Whose one-time link this is: empty for the first administrator's, None for nobody's."""
        return self._store.read(lambda tx: tx.accounts.link(digest(secret), self._clock()))

    def first_administrator(self, secret: str, name: str, password: str, address: str) -> str:
        """Make the first account by the link of a fresh bridge; the secret of its session.

        Raises SignInRefused once there is an account, BridgeError for a name or password that
        cannot be.
        """
        check_name(name)
        check_password(password)
        hashed = self._hasher.hash(password)
        account = Account(name=name, role=Role.ADMIN, password_hash=hashed)

        def work(tx: AccessTransaction) -> None:
            now = self._clock()
            if tx.accounts.link(digest(secret), now) != "" or tx.accounts.exist():
                raise SignInRefused("this link has been used, or is too old")
            if tx.accounts.get(name) is not None:
                raise DuplicateKey(f"there is an account {name} already")
            tx.accounts.drop_links_of("")
            tx.accounts.put(account, now)
            tx.audit.add(
                AuditEvent(
                    at=now,
                    event=AuditEventId.SECURITY_ALERT,
                    type=AuditEventType.USER_SECURITY_ATTRIBUTES_CHANGED,
                    action=AuditAction.CREATE,
                    who=name,
                    address=address,
                    object_kind=AuditObject.ACCOUNT,
                    object_id=name,
                    detail=account.role.value,
                )
            )

        self._store.transact(work)
        return self._let_in(account, address, "", lambda _tx: None)

    def holds(self, secret: str) -> bool:
        """Whether a session lasts; to ask is not to use it."""
        held = self._store.read(lambda tx: tx.accounts.session(digest(secret)))
        return held is not None and not self._is_over(held, self._clock())

    def known(self, secret: str, address: str) -> SignedIn | None:
        """Who holds a session, while it lasts."""
        now, key = self._clock(), digest(secret)
        held = self._store.read(lambda tx: tx.accounts.session(key))
        if held is None:
            return None
        if self._is_over(held, now):
            self._store.transact(lambda tx: tx.accounts.close_session(key))
            return None
        if now - held.seen_at > min(SEEN_AGAIN_SECONDS, self._policy.idle_seconds / 2):
            self._store.transact(lambda tx: tx.accounts.session_seen(key, now))
        return SignedIn(
            name=held.account,
            role=held.role,
            display_name=held.display_name,
            csrf_token=held.csrf_token,
            address=address,
        )

    def out(self, secret: str, address: str) -> None:
        """End a session."""
        now, key = self._clock(), digest(secret)

        def work(tx: AccessTransaction) -> None:
            held = tx.accounts.session(key)
            if held is not None:
                tx.accounts.close_session(key)
                about = (held.account, held.role.value, address)
                tx.audit.add(_authentication(now, AuditEventType.LOGOUT, about))

        self._store.transact(work)

    def _is_over(self, session: Session, now: float) -> bool:
        idle, lasted = now - session.seen_at, now - session.created_at
        return idle > self._policy.idle_seconds or lasted > self._policy.longest_seconds

    def _let_in(
        self,
        account: Account,
        address: str,
        provider: str,
        further: Callable[[AccessTransaction], None],
    ) -> str:
        secret, now = self._secret(), self._clock()
        session = Session(
            account=account.name,
            role=account.role,
            display_name=account.display_name,
            csrf_token=self._secret(),
            created_at=now,
            seen_at=now,
            provider=provider,
        )

        def work(tx: AccessTransaction) -> None:
            further(tx)
            policy = self._policy
            tx.accounts.drop_sessions(now - policy.longest_seconds, now - policy.idle_seconds)
            tx.accounts.open_session(digest(secret), session)
            about = (account.name, account.role.value, address)
            tx.audit.add(_authentication(now, AuditEventType.LOGIN, about, detail=provider))

        self._store.transact(work)
        return secret

    def _limits(self, name: str, address: str) -> dict[str, int]:
        """What failures are counted by, and how many of each are borne."""
        policy = self._policy
        return {
            f"{name} from {address}": policy.tries,
            f"address {address}": policy.tries_by_address,
            f"name {name}": policy.tries_by_name,
        }

    def _count_try(self, name: str, address: str) -> None:
        """Count a try as failed until it succeeds, so that tries at once are no way around it."""
        now = self._clock()
        since = now - self._policy.tries_seconds

        def work(tx: AccessTransaction) -> bool:
            limits = self._limits(name, address)
            if any(tx.accounts.failures(s, since) >= most for s, most in limits.items()):
                return False
            for subject in limits:
                tx.accounts.failed(subject, now, since)
            return True

        if not self._store.transact(work):
            raise TooManyTries(self._policy.tries_seconds)

    def _note_failure(self, name: str, address: str, provider: str = "") -> None:
        about, now = (name, "", address), self._clock()
        event = _authentication(
            now,
            AuditEventType.LOGIN,
            about,
            outcome=AuditOutcome.MINOR_FAILURE,
            detail=provider,
        )
        self._store.transact(lambda tx: tx.audit.add(event))

    def _hash_of_nobody(self) -> str:
        """What a password is compared with where there is no account: it takes as long."""
        if not self._nobodys_hash:
            self._nobodys_hash = self._hasher.hash(self._secret())
        return self._nobodys_hash


def _authentication(
    at: float,
    type_: AuditEventType,
    about: tuple[str, str, str],
    *,
    outcome: AuditOutcome = AuditOutcome.SUCCESS,
    detail: str = "",
) -> AuditEvent:
    """A sign-in or sign-out; `about` is the name, the role and the address."""
    who, role, address = about
    return AuditEvent(
        at=at,
        event=AuditEventId.USER_AUTHENTICATION,
        type=type_,
        action=AuditAction.EXECUTE,
        outcome=outcome,
        who=who,
        role=role,
        address=address,
        detail=detail,
    )
