"""A message of the journal, applied again by a person: as it came, or edited, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bridge.domain.access import SignedIn
from bridge.domain.audit import AuditAction, AuditEvent, AuditEventId, AuditObject
from bridge.domain.errors import BridgeError, UnknownKey
from bridge.domain.journal import Direction, Mention
from bridge.services.audit import audit_event
from bridge.services.overview import ListedMessage, WholeMessage
from bridge.services.read_journal import MessageFilter, MessageLists
from bridge.services.transaction import Clock

T = TypeVar("T")
_LONGEST_REASON = 500


class ReplayRefused(BridgeError):
    """This message cannot be applied again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One repetition: of which message, by whom and why.

    `peer` stands in the journal in place of the sender's address, and tells one from another.
    `event` is written to the audit trail in the transaction that applies the message.
    """

    of: WholeMessage
    peer: str
    note: str
    event: AuditEvent
    text: str | None = None
    """The message as it was edited; None when it is applied as it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of it: the answer, which goes to nobody, and the new row of the journal."""

    answer: bytes
    message: ListedMessage | None


class Door(Protocol):
    """How messages of a protocol come in: by the profile that is in force now."""

    def apply(self, replay: Replay) -> bytes:
        """Apply a message and give the answer. Raises ReplayRefused when it cannot be tried."""


class ReplayTransaction(Protocol):
    """A transaction in which the journal can be read."""

    @property
    def message_lists(self) -> MessageLists:
        """The questions."""


class ReplayStore(Protocol):
    """Reads."""

    def read(self, work: Callable[[ReplayTransaction], T]) -> T:
        """Run what only reads."""


class ReplayMessage:
    """Applies messages again. `doors` are by protocol."""

    def __init__(self, store: ReplayStore, doors: Mapping[str, Door], clock: Clock) -> None:
        self._store = store
        self._doors = doors
        self._clock = clock

    def is_possible(self, message: WholeMessage) -> bool:
        """Whether a message came in by a protocol whose messages can be applied again."""
        came_in = message.listed.direction == Direction.IN.value
        return came_in and message.listed.protocol in self._doors and bool(message.raw)

    def replay(self, pk: int, user: SignedIn, reason: str, text: str | None = None) -> Replayed:
        """Apply a message again, as it came or with this text.

        Raises:
            UnknownKey: there is no such message.
            ReplayRefused: it did not come in, its way in is gone, or no reason was given.
        """
        reason = " ".join(reason.split())[:_LONGEST_REASON]
        if not reason:
            raise ReplayRefused("say why the message is applied again")
        held = self._store.read(lambda tx: tx.message_lists.whole(pk))
        if held is None:
            raise UnknownKey("the journal has no such message")
        if not self.is_possible(held):
            raise ReplayRefused("messages of this kind cannot be applied again")
        replay = self._prepared(held, user, reason, text)
        answer = self._doors[held.listed.protocol].apply(replay)
        page = self._store.read(
            lambda tx: tx.message_lists.page(MessageFilter(peer=replay.peer), None, 1)
        )
        return Replayed(answer=answer, message=page.rows[0] if page.rows else None)

    def _prepared(
        self, held: WholeMessage, user: SignedIn, reason: str, text: str | None
    ) -> Replay:
        pk, now = held.listed.pk, self._clock()
        mentions = self._store.read(lambda tx: tx.message_lists.mentions(pk))
        patients = [m.value for m in mentions if m.kind == Mention.PATIENT_ID.value]
        how = "replayed" if text is None else "edited and replayed"
        event = audit_event(
            user,
            AuditEventId.ORDER_RECORD,
            AuditAction.EXECUTE,
            now,
            patient_id=patients[0] if patients else "",
            about=(AuditObject.MESSAGE, str(pk)),
            detail=f"{how}: {reason}",
        )
        came_by = held.listed.peer.partition(" ")[0]
        return Replay(
            of=held,
            peer=f"{came_by} replay of {pk} at {now:.3f}",
            note=f"{how} by {user.name} from message {pk}: {reason}",
            event=event,
            text=text,
        )
