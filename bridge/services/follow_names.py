"""Keeps the index of names up to date, beside the work and not in its way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from bridge.services.transaction import Clock

T = TypeVar("T")
_KINDS = ("patient", "study")


class NameIndex(Protocol):
    """The words of names."""

    def lags(self, kind: str, now: float) -> bool:
        """Whether names have changed that are not indexed."""

    def follow(self, kind: str, now: float) -> None:
        """Index the next batch of changed rows."""


class NameTransaction(Protocol):
    """A transaction in which names are indexed."""

    @property
    def name_index(self) -> NameIndex:
        """The index."""


class NameStore(Protocol):
    """Runs work in a transaction."""

    def read(self, work: Callable[[NameTransaction], T]) -> T:
        """Run what only reads."""

    def transact(self, work: Callable[[NameTransaction], T]) -> T:
        """Run and commit."""


class FollowNames:
    """Indexes the names of patients and studies that changed."""

    def __init__(self, store: NameStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def catch_up(self, go_on: Callable[[], bool] = lambda: True) -> None:
        """Index all that changed, batch by batch, while `go_on` says so."""
        for kind in _KINDS:
            while go_on() and self._lags(kind):
                self._follow(kind)

    def _lags(self, kind: str) -> bool:
        return self._store.read(lambda tx: tx.name_index.lags(kind, self._clock()))

    def _follow(self, kind: str) -> None:
        self._store.transact(lambda tx: tx.name_index.follow(kind, self._clock()))
