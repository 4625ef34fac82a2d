"""Answer a request that reads before it writes, with its journal entry in one transaction.

What a conditional create or a reference asks for depends on what is kept, and must still be true
when its events are applied. So the edge talks with the store inside the transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from bridge.domain.errors import BridgeError
from bridge.domain.events import Event
from bridge.domain.journal import Disposition
from bridge.services.receive_message import (
    InboundMessage,
    Receipt,
    ReceiveMessage,
    journal_entry,
    overall,
)
from bridge.services.transaction import Store, Transaction


class Apply(Protocol):
    """Applies events in the transaction; raises the BridgeError of the first that cannot be.

    `warnings` are what was odd about what they were read from: for the journal.
    """

    def __call__(self, events: Sequence[Event], warnings: Sequence[str] = ()) -> Disposition:
        """Apply them; returns what became of them."""


Talk = Callable[[Transaction, Apply], bytes]
"""Reads, applies and returns the answer. Run again from the start when a race was lost."""

Refused = Callable[[BridgeError], bytes]
"""The answer to a request that failed."""


class AnswerRequest:
    """Answers requests once, whoever repeats them."""

    def __init__(self, store: Store, messages: ReceiveMessage) -> None:
        self._store = store
        self._messages = messages

    def answer(self, message: InboundMessage, talk: Talk, refused: Refused) -> bytes:
        """Return what `talk` answers once it is committed.

        A repetition (source, control ID and content) is answered as the first was, and applied
        once. What raises a BridgeError leaves no trace but its journal entry.
        """
        applied: list[Event] = []

        def work(tx: Transaction) -> bytes:
            applied.clear()
            return self._talk(tx, message, talk, applied)

        try:
            return self._store.transact(work)
        except BridgeError as error:
            return self.refuse(message, error, refused, applied)

    def refuse(
        self,
        message: InboundMessage,
        error: BridgeError,
        refused: Refused,
        events: Sequence[Event] = (),
    ) -> bytes:
        """Journal a request that could not be done, and return the answer that says why."""

        def reply(receipt: Receipt) -> bytes:
            return refused(receipt.error or error)

        return self._messages.refuse(message, error, reply, events)

    def _talk(
        self, tx: Transaction, message: InboundMessage, talk: Talk, applied: list[Event]
    ) -> bytes:
        entry = journal_entry(message, ())
        stored = tx.journal.reply_to(entry.dedupe_key or "")
        if stored is not None:
            duplicate = Disposition.DUPLICATE
            tx.journal.add(replace(entry, disposition=duplicate, reply=stored, dedupe_key=None))
            return stored
        dispositions: list[Disposition] = []

        odd: list[str] = []

        def apply(events: Sequence[Event], warnings: Sequence[str] = ()) -> Disposition:
            applied.extend(events)
            odd.extend(warnings)
            dispositions.extend(self._messages.apply(tx, message, events))
            return overall(dispositions[len(dispositions) - len(events) :])

        answer = talk(tx, apply)
        disposition = overall(dispositions)
        entry = journal_entry(replace(message, warnings=tuple(odd)), applied)
        tx.journal.add(replace(entry, disposition=disposition, reply=answer))
        return answer
