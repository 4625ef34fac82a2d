"""Creating once: writes that might create the same thing at a server wait for each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

from bridge.domain.delivery import TransportError
from bridge.fhir.bundle import Action, Content, Entry, dump

_SHARED = {
    "Patient": (Action.CREATE, Action.UPDATE),
    "ServiceRequest": (Action.CREATE, Action.AMEND),
}


class KeyedLocks:
    """As many locks as there are keys in use, and no more."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._locks: dict[str, tuple[Lock, int]] = {}

    @contextmanager
    def holding(self, keys: Iterable[str]) -> Iterator[None]:
        """Hold the locks of all keys; taken in one order, so that two holders cannot deadlock."""
        with ExitStack() as stack:
            for key in sorted(set(keys)):
                stack.enter_context(self._holding(key))
            yield

    @contextmanager
    def _holding(self, key: str) -> Iterator[None]:
        with self._guard:
            lock, holders = self._locks.get(key, (Lock(), 0))
            self._locks[key] = lock, holders + 1
        try:
            with lock:
                yield
        finally:
            with self._guard:
                lock, holders = self._locks[key]
                if holders > 1:
                    self._locks[key] = lock, holders - 1
                else:
                    del self._locks[key]


class Creations:
    """Serialises the writes of one destination that might create the same patient or endpoint.

    Conditional creates are safe only one after the other: a server without isolation answers two
    at once by creating twice. What several subjects name (patients, orders) is written by one at a
    time. Endpoints, which nearly every study names, are so only until they have been written.
    """

    def __init__(self) -> None:
        self._locks = KeyedLocks()
        self._state = Lock()
        self._written: frozenset[bytes] = frozenset()

    @contextmanager
    def guarding(self, content: Content) -> Iterator[bool]:
        """Hold what `content` might create. Tells whether its endpoints are yet to be written."""
        with self._locks.holding(self._keys(content)):
            endpoints = frozenset(dump(each.resource) for each in content if _is_endpoint(each))
            try:
                yield not endpoints <= self._written
            except TransportError as error:
                if error.unreachable:
                    self._remember(frozenset())  # who knows what it comes back with
                raise
            self._remember(self._written | endpoints)

    def _keys(self, content: Content) -> Iterator[str]:
        for each in content:
            if _is_endpoint(each):
                if dump(each.resource) not in self._written:
                    yield each.name
            elif each.action in _SHARED.get(each.kind, ()):
                yield each.name

    def _remember(self, written: frozenset[bytes]) -> None:
        with self._state:
            self._written = written


def _is_endpoint(entry: Entry) -> bool:
    return entry.kind == "Endpoint"
