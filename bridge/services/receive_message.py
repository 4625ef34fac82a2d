"""Receive a message: all it asks for, its journal entry and its answer, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bridge.domain.errors import BridgeError, StorageFull, together
from bridge.domain.events import Event, Noted
from bridge.domain.journal import Direction, Disposition, JournalEntry, Mention
from bridge.domain.link import Link, LinkKind
from bridge.domain.order import Category, OrderReceived
from bridge.domain.order_control import OrderControlTable
from bridge.domain.sender_options import NO_OPTIONS, SenderOptions
from bridge.services.complete_order import Mode
from bridge.services.event_handlers import Handlers
from bridge.services.mentions import mentions
from bridge.services.order_outcomes import OrderOutcome, order_outcomes
from bridge.services.origin import Origin
from bridge.services.parking import resume
from bridge.services.pass_on_messages import NOTHING, PassOnMessages
from bridge.services.plausible_time import within_reach
from bridge.services.room import ENDLESS, Room
from bridge.services.transaction import Store, Transaction
from bridge.services.watch_links import LinkTally


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """A message as it arrived. `source` is the sending application and facility: `KIS|HAUS`.

    `repeat` is set by a person who has it applied again: what tells it from the first.
    """

    protocol: str
    peer: str
    source: str
    type: str
    control_id: str
    raw: bytes
    received_at: float
    warnings: tuple[str, ...] = ()
    mode: str = Mode.HIS_ONLY.value
    options: SenderOptions = NO_OPTIONS
    control: OrderControlTable | None = None
    repeat: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a message: what the edge builds its acknowledgement from."""

    disposition: Disposition
    error: BridgeError | None = None
    warnings: tuple[str, ...] = ()
    orders: Callable[[], tuple[OrderOutcome, ...]] = tuple
    """What became of each order; to be asked while the reply is written."""


Reply = Callable[[Receipt], bytes]

_LINKS = {"hl7": LinkKind.HL7, "fhir": LinkKind.FHIR}

Then = Callable[[Transaction, int, bytes], None]
"""What else a reply entails, in the same transaction: told the message's pk, and the reply."""


class ReceiveMessage:
    """Applies messages once, whoever repeats them, and answers after the commit.

    `default_start` turns a time of receipt into the start of steps that came without one.
    """

    def __init__(
        self,
        *,
        store: Store,
        handlers: Handlers,
        default_start: Callable[[float], str],
        tally: LinkTally | None = None,
        pass_on: PassOnMessages = NOTHING,
        room: Room = ENDLESS,
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._default_start = default_start
        self._tally = tally
        self._pass_on = pass_on
        self._room = room

    def over(self, store: Store) -> ReceiveMessage:
        """The same over another store: one that also writes down who has it done."""
        return ReceiveMessage(
            store=store,
            handlers=self._handlers,
            default_start=self._default_start,
            room=self._room,
        )

    def receive(
        self,
        message: InboundMessage,
        events: Sequence[Event],
        reply: Reply,
        then: Then | None = None,
    ) -> bytes:
        """Apply the events of a message, all or none, and return the reply once committed.

        The same message (source, control ID and content) is answered again and applied once.
        """
        self._note(message)
        try:
            self._room.check()
            return self._store.transact(lambda tx: self._apply(tx, message, events, reply, then))
        except BridgeError as error:
            return self.refuse(message, error, reply, events, then)

    def refuse(
        self,
        message: InboundMessage,
        error: BridgeError,
        reply: Reply,
        events: Sequence[Event] = (),
        then: Then | None = None,
    ) -> bytes:
        """Journal a message that could not be applied, and return the reply that says why."""
        answer = reply(Receipt(disposition=Disposition.REFUSED, error=error))
        no_room = isinstance(error, StorageFull)
        if no_room and not self._room.may_note():
            return answer
        entry = replace(
            journal_entry(message, events),
            raw=b"" if no_room else message.raw,  # whose sender still has it
            disposition=Disposition.REFUSED,
            reply=answer,
            error=error.message,
            dedupe_key=None,
        )
        try:
            self._store.transact(lambda tx: _keep(tx, entry, then))
        except BridgeError as unkept:  # nothing can be written: the sender must keep it and retry
            return reply(Receipt(disposition=Disposition.REFUSED, error=unkept))
        return answer

    def _note(self, message: InboundMessage) -> None:
        """Something passed over the link, whatever comes of it."""
        kind = _LINKS.get(message.protocol)
        if self._tally is not None and kind is not None:
            self._tally.succeeded(Link(kind, message.peer.partition(" ")[0]))

    def _apply(
        self,
        tx: Transaction,
        message: InboundMessage,
        events: Sequence[Event],
        reply: Reply,
        then: Then | None,
    ) -> bytes:
        entry = journal_entry(message, events)
        stored = tx.journal.reply_to(entry.dedupe_key or "")
        if stored is not None:
            duplicate = Disposition.DUPLICATE
            tx.journal.add(replace(entry, disposition=duplicate, reply=stored, dedupe_key=None))
            if then is not None and (first := tx.journal.applied(entry.dedupe_key or "")):
                then(tx, first, stored)
            return stored
        found: list[str] = []
        dispositions = self.apply(tx, message, events, found)
        disposition, warnings = overall(dispositions), (*message.warnings, *dict.fromkeys(found))
        answer = reply(
            Receipt(
                disposition=disposition,
                warnings=warnings,
                orders=partial(order_outcomes, tx, events, dispositions),
            )
        )
        kept = replace(entry, disposition=disposition, reply=answer, warnings=warnings)
        pk = _keep(tx, kept, then)
        self._pass_on.queue(
            tx,
            protocol=message.protocol,
            peer=message.peer,
            kind=message.type,
            source=message.source,
            message_pk=pk,
            now=message.received_at,
        )
        if Disposition.PARKED in dispositions:
            tx.parked.attach(pk)
        return answer

    def apply(
        self,
        tx: Transaction,
        message: InboundMessage,
        events: Sequence[Event],
        warnings: list[str] | None = None,
    ) -> list[Disposition]:
        """Apply events of a message in a transaction that is journaled by who opened it.

        `warnings` takes what use cases find odd, each as `LOCATION: text`.
        """
        if any(not isinstance(event, Noted) for event in events):
            tx.orders.begin_change()
        tx.cause = message.source
        warnings = [] if warnings is None else warnings
        events = within_reach(events, message.received_at, warnings)
        origin = self._origin(message, warnings)
        dispositions = self._apply_each(tx, events, origin)
        resume(tx, events, self._handlers, origin)
        return dispositions

    def _apply_each(
        self, tx: Transaction, events: Sequence[Event], origin: Origin
    ) -> list[Disposition]:
        """Raises what is wrong with the first, what is wrong with further orders beside it."""
        dispositions: list[Disposition] = []
        errors: list[BridgeError] = []
        for event in events:
            if isinstance(event, OrderReceived) and event.category is Category.IMAGING:
                tx.foresee(event)
            try:
                dispositions.append(self._handlers[type(event)](tx, event, origin))
            except BridgeError as error:
                if not (error.permanent and isinstance(event, OrderReceived)):
                    raise
                errors.append(error)  # of a message that will not be applied: all that is wrong
        if errors:
            raise together(errors)
        return dispositions

    def _origin(self, message: InboundMessage, warnings: list[str]) -> Origin:
        return Origin(
            source=message.source,
            mode=Mode(message.mode),
            received_at=message.received_at,
            default_start=partial(self._default_start, message.received_at),
            options=message.options,
            control=message.control,
            warnings=warnings,
        )


def _keep(tx: Transaction, entry: JournalEntry, then: Then | None) -> int:
    pk = tx.journal.add(entry)
    if then is not None:
        then(tx, pk, entry.reply)
    return pk


def content_hash(raw: bytes) -> str:
    """What two messages are the same by, apart from who sent them."""
    return hashlib.sha256(raw).hexdigest()


def dedupe_key(message: InboundMessage, content: str) -> str:
    """The key under which a message of this content hash can be applied only once."""
    said = f"{message.source}|{message.control_id}|{content}"
    if message.repeat:
        said += f"|{message.repeat}"
    return hashlib.sha256(said.encode(errors="backslashreplace")).hexdigest()


def overall(dispositions: Iterable[Disposition]) -> Disposition:
    """What became of a message, by what became of its events."""
    found = set(dispositions)
    for each in (Disposition.APPLIED, Disposition.PARKED, Disposition.STALE):
        if each in found:
            return each
    return Disposition.NOTED


def journal_entry(message: InboundMessage, events: Sequence[Event]) -> JournalEntry:
    """The journal entry of a message, before it is known what becomes of it."""
    content = content_hash(message.raw)
    noted = "; ".join(event.reason for event in events if isinstance(event, Noted))
    return JournalEntry(
        direction=Direction.IN,
        protocol=message.protocol,
        peer=message.peer,
        type=message.type,
        control_id=message.control_id,
        content_hash=content,
        received_at=message.received_at,
        disposition=Disposition.NOTED,
        raw=message.raw,
        error=noted,
        warnings=message.warnings,
        dedupe_key=dedupe_key(message, content),
        mentions=((Mention.CONTROL_ID, message.control_id), *mentions(events)),
    )
