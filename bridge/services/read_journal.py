"""The journal for a person: listed by filters, page by page, and one message whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bridge.domain.access import SignedIn
from bridge.domain.audit import AuditAction, AuditEventId, AuditObject
from bridge.domain.errors import UnknownKey
from bridge.domain.journal import Mention
from bridge.services.audit import AuditTransaction, audit_event
from bridge.services.overview import ListedMessage, WholeMessage
from bridge.services.transaction import Clock

T = TypeVar("T")
LISTED = 50
"""Messages of a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages; what is empty asks for nothing. Times are unix times.

    `type` and `peer` are beginnings, `mentions` an identifier of any kind.
    """

    direction: str = ""
    protocol: str = ""
    disposition: str = ""
    type: str = ""
    peer: str = ""
    mentions: str = ""
    since: float | None = None
    until: float | None = None

    def covers(self, message: ListedMessage) -> bool:
        """Whether a message that came just now is one of them; what it mentions is not known."""
        return (
            self.direction in ("", message.direction)
            and self.protocol in ("", message.protocol)
            and self.disposition in ("", message.disposition)
            and message.type.startswith(self.type)
            and message.peer.startswith(self.peer)
            and not self.mentions
            and self.until is None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """Some of the messages, the newest first.

    The next page begins before `before`; None when there is none. `looked_back_to` is the time of
    the last message that was looked at when a page is not full, for few fit the filter.
    """

    rows: Sequence[ListedMessage]
    before: int | None = None
    looked_back_to: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentioned:
    """An identifier that a message names."""

    kind: str
    value: str


class MessageLists(Protocol):
    """The questions to the journal."""

    def page(self, chosen: MessageFilter, before: int | None, limit: int) -> MessagePage:
        """Messages before a row."""

    def after(self, pk: int, limit: int) -> Sequence[ListedMessage]:
        """The newest messages beyond a row, the newest first."""

    def newest_pk(self) -> int:
        """The last row; 0 when there is none."""

    def whole(self, pk: int) -> WholeMessage | None:
        """One message with its bytes."""

    def mentions(self, pk: int) -> Sequence[Mentioned]:
        """What it names."""


class JournalTransaction(Protocol):
    """A transaction in which the journal can be read."""

    @property
    def message_lists(self) -> MessageLists:
        """The questions."""


class JournalStore(Protocol):
    """Reads, and writes down that somebody read."""

    def read(self, work: Callable[[JournalTransaction], T]) -> T:
        """Run what only reads."""

    def transact(self, work: Callable[[AuditTransaction], T]) -> T:
        """Run and commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedMessage:
    """A message with what it names."""

    message: WholeMessage
    mentions: Sequence[Mentioned]


class ReadJournal:
    """Shows the journal. Whoever opens a message stands in the audit trail before they see it."""

    def __init__(self, store: JournalStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def page(
        self, chosen: MessageFilter, before: int | None = None, user: SignedIn | None = None
    ) -> MessagePage:
        """Messages without their bytes; lists name no patient, but may be asked for one's."""
        if chosen.mentions and user is not None:
            event = audit_event(
                user,
                AuditEventId.QUERY,
                AuditAction.EXECUTE,
                self._clock(),
                about=(AuditObject.MESSAGE, ""),
                detail=chosen.mentions,
            )
            self._store.transact(lambda tx: tx.audit.add(event))
        return self._store.read(lambda tx: tx.message_lists.page(chosen, before, LISTED))

    def since(self, pk: int, limit: int) -> Sequence[ListedMessage]:
        """The newest messages beyond a row, the newest first."""
        return self._store.read(lambda tx: tx.message_lists.after(pk, limit))

    def newest_pk(self) -> int:
        """The last row; 0 when there is none."""
        return self._store.read(lambda tx: tx.message_lists.newest_pk())

    def open(self, pk: int, user: SignedIn) -> OpenedMessage:
        """One message. Raises UnknownKey."""

        def read(tx: JournalTransaction) -> OpenedMessage | None:
            whole = tx.message_lists.whole(pk)
            if whole is None:
                return None
            return OpenedMessage(message=whole, mentions=tx.message_lists.mentions(pk))

        opened = self._store.read(read)
        if opened is None:
            raise UnknownKey("the journal has no such message")
        patients = [m.value for m in opened.mentions if m.kind == Mention.PATIENT_ID.value]
        event = audit_event(
            user,
            AuditEventId.PATIENT_RECORD,
            AuditAction.READ,
            self._clock(),
            patient_id=patients[0] if patients else "",
            about=(AuditObject.MESSAGE, str(pk)),
        )
        self._store.transact(lambda tx: tx.audit.add(event))
        return opened
