"""Pass accepted messages on as they came: each once, in the order in which they were accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge.domain.delivery import Delivery, EventKind
from bridge.domain.publication import News
from bridge.services.transaction import Transaction

_SUBJECT: Final = "messages:"
_PROTOCOL: Final = "hl7"


@dataclass(frozen=True, slots=True, kw_only=True)
class PassOnRule:
    """Which messages go to one destination.

    `types` are such as `ADT` and `MDM^T02`. `sources` are who sent them (application, or
    `APPLICATION|FACILITY`), everybody when empty; what `receiver` sent is not sent back to it.
    """

    types: frozenset[str]
    sources: frozenset[str] = frozenset()
    receiver: str = ""

    def covers(self, kind: str, source: str) -> bool:
        """Whether a message of this type (`ADT^A40`), from this source, goes."""
        if not self.types & {kind, kind.partition("^")[0]}:
            return False
        names = {source, source.partition("|")[0]}
        if self.receiver and self.receiver in names:
            return False
        return not self.sources or bool(self.sources & names)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOn(News):
    """A message as it came, and the listener that it came by."""

    raw: bytes
    listener: str


class PassOnMessages:
    """Queues accepted messages, in the transaction that accepts them.

    All of one listener are one lane: a merge must not overtake what it is about.
    """

    def __init__(self, rules: Mapping[str, PassOnRule]) -> None:
        """`rules` by the name of the destination."""
        self._rules = rules

    def queue(
        self,
        tx: Transaction,
        *,
        protocol: str,
        peer: str,
        kind: str,
        source: str,
        message_pk: int,
        now: float,
    ) -> None:
        """Queue one message for whoever wants it; `peer` begins with the listener's name."""
        if protocol != _PROTOCOL:
            return
        for name, rule in self._rules.items():
            if rule.covers(kind, source):
                subject = _SUBJECT + peer.partition(" ")[0]
                tx.deliveries.enqueue(name, subject, EventKind.MESSAGE, str(message_pk), now)


NOTHING: Final = PassOnMessages({})


def gather_message(tx: Transaction, delivery: Delivery) -> PassedOn | None:
    """The message of a delivery; None when it, or what it said, has left the journal."""
    raw = tx.journal.raw(int(delivery.correlation))
    if not raw:
        return None
    return PassedOn(raw=raw, listener=delivery.subject.removeprefix(_SUBJECT))
