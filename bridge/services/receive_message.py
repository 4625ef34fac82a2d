"""Receive a message: all it asks for, its journal entry and its answer, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import assert_never

from bridge.domain.errors import BridgeError
from bridge.domain.identifiers import Identifier
from bridge.domain.journal import Direction, Disposition, JournalEntry, Mention
from bridge.domain.order import Event, Noted, OrderReceived, PatientsMerged, PatientUpdated
from bridge.services.change_patient import ChangePatient
from bridge.services.complete_order import Mode
from bridge.services.receive_order import Origin, ReceiveOrder
from bridge.services.transaction import Store, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """A message as it arrived. `source` is the sending application and facility: `KIS|HAUS`."""

    protocol: str
    peer: str
    source: str
    type: str
    control_id: str
    raw: bytes
    received_at: float
    warnings: tuple[str, ...] = ()
    mode: str = Mode.HIS_ONLY.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a message: what the edge builds its acknowledgement from."""

    disposition: Disposition
    error: BridgeError | None = None
    warnings: tuple[str, ...] = ()


Reply = Callable[[Receipt], bytes]


class ReceiveMessage:
    """Applies messages once, whoever repeats them, and answers after the commit.

    `default_start` turns a time of receipt into the start of steps that came without one.
    """

    def __init__(
        self,
        *,
        store: Store,
        orders: ReceiveOrder,
        patients: ChangePatient,
        default_start: Callable[[float], str],
    ) -> None:
        self._store = store
        self._orders = orders
        self._patients = patients
        self._default_start = default_start

    def receive(self, message: InboundMessage, events: Sequence[Event], reply: Reply) -> bytes:
        """Apply the events of a message, all or none, and return the reply once committed.

        The same message (source, control ID and content) is answered again and applied once.
        """
        try:
            return self._store.transact(lambda tx: self._apply(tx, message, events, reply))
        except BridgeError as error:
            return self.refuse(message, error, reply, events)

    def refuse(
        self,
        message: InboundMessage,
        error: BridgeError,
        reply: Reply,
        events: Sequence[Event] = (),
    ) -> bytes:
        """Journal a message that could not be applied, and return the reply that says why."""
        answer = reply(Receipt(disposition=Disposition.REFUSED, error=error))
        entry = replace(
            _entry(message, events),
            disposition=Disposition.REFUSED,
            reply=answer,
            error=error.message,
            dedupe_key=None,
        )
        try:
            self._store.transact(lambda tx: tx.journal.add(entry))
        except BridgeError as unkept:  # nothing can be written: the sender must keep it and retry
            return reply(Receipt(disposition=Disposition.REFUSED, error=unkept))
        return answer

    def _apply(
        self, tx: Transaction, message: InboundMessage, events: Sequence[Event], reply: Reply
    ) -> bytes:
        entry = _entry(message, events)
        stored = tx.journal.reply_to(entry.dedupe_key or "")
        if stored is not None:
            duplicate = Disposition.DUPLICATE
            tx.journal.add(replace(entry, disposition=duplicate, reply=stored, dedupe_key=None))
            return stored
        if any(not isinstance(event, Noted) for event in events):
            tx.orders.begin_change()
        dispositions = [self._one(tx, event, message) for event in events]
        disposition = _overall(dispositions)
        answer = reply(Receipt(disposition=disposition, warnings=message.warnings))
        tx.journal.add(replace(entry, disposition=disposition, reply=answer))
        return answer

    def _one(self, tx: Transaction, event: Event, message: InboundMessage) -> Disposition:
        match event:
            case OrderReceived():
                origin = Origin(
                    source=message.source,
                    mode=Mode(message.mode),
                    received_at=message.received_at,
                    default_start=partial(self._default_start, message.received_at),
                )
                return self._orders.apply(tx, event, origin)
            case PatientUpdated():
                return self._patients.update(tx, event, message.received_at)
            case PatientsMerged():
                return self._patients.merge(tx, event, message.received_at)
            case Noted():
                return Disposition.NOTED
            case _:
                assert_never(event)


def content_hash(raw: bytes) -> str:
    """What two messages are the same by, apart from who sent them."""
    return hashlib.sha256(raw).hexdigest()


def dedupe_key(message: InboundMessage, content: str) -> str:
    """The key under which a message of this content hash can be applied only once."""
    said = f"{message.source}|{message.control_id}|{content}"
    return hashlib.sha256(said.encode(errors="backslashreplace")).hexdigest()


def _overall(dispositions: Iterable[Disposition]) -> Disposition:
    found = set(dispositions)
    for each in (Disposition.APPLIED, Disposition.STALE):
        if each in found:
            return each
    return Disposition.NOTED


def _entry(message: InboundMessage, events: Sequence[Event]) -> JournalEntry:
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
        mentions=((Mention.CONTROL_ID, message.control_id), *_mentions(events)),
    )


def _mentions(events: Sequence[Event]) -> tuple[tuple[Mention, str], ...]:
    found: list[tuple[Mention, str]] = []

    def add(kind: Mention, *identifiers: Identifier | None) -> None:
        found.extend((kind, each.value) for each in identifiers if each)

    for event in events:
        match event:
            case OrderReceived():
                add(Mention.PATIENT_ID, *event.patient.identifiers)
                add(Mention.ACCESSION_NUMBER, event.numbers.accession)
                add(Mention.ORDER_NUMBER, event.numbers.placer, event.numbers.filler)
                uids = (p.study_instance_uid for p in event.procedures)
                found.extend((Mention.STUDY_INSTANCE_UID, uid) for uid in uids)
            case PatientUpdated():
                add(Mention.PATIENT_ID, *event.patient.identifiers)
            case PatientsMerged():
                add(Mention.PATIENT_ID, *event.survivor.identifiers, *event.retired)
            case Noted():
                pass
    return tuple(found)
