"""Pass performed steps on to a RIS as they came: every message once, in order, whatever happens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.domain.delivery import Delivery, EventKind
from bridge.domain.performed_step import PerformedStep, PerformedStepMessage
from bridge.services.outbox import Claims
from bridge.services.transaction import Store, Transaction

_SUBJECT = "performed step:"


def subject_of(sop_instance_uid: str) -> str:
    """The subject under which the messages of one performed step are kept in order."""
    return _SUBJECT + sop_instance_uid


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformedStepRule:
    """Which performed steps go to one destination; an empty set means all.

    `sources` are the AE titles of those that reported them.
    """

    modalities: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()

    def covers(self, step: PerformedStep, messages: Iterable[PerformedStepMessage]) -> bool:
        """Whether a performed step goes."""
        reporters = {each.peer.partition("@")[0] for each in messages}
        of_modality = not self.modalities or step.modality in self.modalities
        return of_modality and (not self.sources or bool(reporters & self.sources))


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """What a destination was not told yet of a performed step; never empty.

    `in_doubt` is the number of a message that was being sent when its sender was interrupted: the
    destination may have it. 0 when there is none.
    """

    sop_instance_uid: str
    messages: tuple[PerformedStepMessage, ...]
    in_doubt: int = 0


class TellOfPerformedSteps:
    """Queues what was taken from modalities, for each destination of this kind."""

    def __init__(self, destinations: Iterable[str]) -> None:
        self._destinations = tuple(destinations)

    def announce(self, tx: Transaction, sop_instance_uid: str, now: float) -> None:
        """Queue the news, in the transaction that made it.

        A row that waits already will carry this message, too: a row stands for all that is untold.
        """
        for name in self._destinations:
            tx.deliveries.enqueue(
                name, subject_of(sop_instance_uid), EventKind.PERFORMED_STEP, sop_instance_uid, now
            )


class PerformedStepOutbox(Claims):
    """The queue of what is passed on, and the note of how far that went."""

    def __init__(self, store: Store, rules: Mapping[str, PerformedStepRule]) -> None:
        super().__init__(store)
        self._rules = rules

    def gather(self, delivery: Delivery) -> Untold | None:
        """The messages that the destination does not have yet, in the order in which they came."""
        uid = delivery.subject.removeprefix(_SUBJECT)
        return self._store.read(lambda tx: self._gather(tx, delivery.destination, uid))

    def _gather(self, tx: Transaction, destination: str, uid: str) -> Untold | None:
        messages = tx.performed_step_messages.of(uid)
        taken, sending = tx.performed_step_messages.told(destination, uid)
        untold = tuple(each for each in messages if each.number > taken)
        rule = self._rules[destination]
        if not untold or not all(
            rule.covers(each, messages) for each in tx.performed_steps.with_uids([uid])
        ):
            return None
        in_doubt = sending if sending > taken else 0
        return Untold(sop_instance_uid=uid, messages=untold, in_doubt=in_doubt)

    def sending(self, destination: str, sop_instance_uid: str, number: int) -> None:
        """Note, durably, that a message goes out now."""
        self._store.transact(
            lambda tx: tx.performed_step_messages.sending(destination, sop_instance_uid, number)
        )

    def taken(self, destination: str, sop_instance_uid: str, number: int) -> None:
        """Note, durably, that the destination has a message."""
        self._store.transact(
            lambda tx: tx.performed_step_messages.taken(destination, sop_instance_uid, number)
        )
