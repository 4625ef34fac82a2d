"""Whether there is room for what arrives: nothing is taken that could fill the last of it.

A reserve is kept, so that what is under way can be finished, told and written down. Reading goes
on; whoever is refused repeats, and is taken again as soon as there is room.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from bridge.services.transaction import Store, Transaction

T = TypeVar("T")


class Room(Protocol):
    """The room on the disks that everything is kept on."""

    def check(self) -> None:
        """Raises StorageFull when nothing may be taken just now."""

    def may_note(self) -> bool:
        """Whether one refusal for want of room may be written down now; seldom, and in short."""


class Endless:
    """Room without end: where somebody else looks after it."""

    def check(self) -> None:
        """There always is room."""

    def may_note(self) -> bool:
        """Everything may be written down."""
        return True


ENDLESS = Endless()


class IncomingStore:
    """The store for what comes from outside: it takes nothing when there is no room."""

    def __init__(self, store: Store, room: Room) -> None:
        self._store = store
        self._room = room

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """As the store does; raises StorageFull when there is no room."""
        self._room.check()
        return self._store.transact(work)

    def read(self, work: Callable[[Transaction], T]) -> T:
        """As the store does."""
        return self._store.read(work)
