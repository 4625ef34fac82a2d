"""Do something, see what comes of it, and undo it: how an act is previewed by the act itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from bridge.domain.delivery import EventKind
from bridge.services.transaction import Store, Transaction

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What a transaction did: studies it decided on, orders it changed, what it queued.

    `queued` holds destination, subject and kind of each piece of news, also of those that
    something which was waiting already will carry.
    """

    study_instance_uids: tuple[str, ...]
    order_pks: tuple[int, ...]
    queued: tuple[tuple[str, str, EventKind], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed(Generic[T, S]):
    """What the work gave, and what was seen of what it touched: with it undone, and done."""

    result: T
    before: S
    after: S


class RehearsingStore(Store, Protocol):
    """A store that can do work and undo it."""

    def rehearse(
        self, work: Callable[[Transaction], T], look: Callable[[Transaction, Touched], S]
    ) -> Rehearsed[T, S]:
        """Do what `transact` does, look, undo all of it, and look again.

        Raises what `work` raises.
        """
