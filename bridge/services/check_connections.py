"""Everything the bridge is connected to, and whether it answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bridge.domain.access import SignedIn
from bridge.domain.audit import AuditAction, AuditEventId, AuditObject
from bridge.domain.errors import UnknownKey
from bridge.domain.link import Link
from bridge.services.audit import AuditStore, audit_event
from bridge.services.transaction import Clock
from bridge.services.watch_links import LinkHealth

SOON_SECONDS = 30 * 86_400.0
"""A certificate that ends within so long should be renewed."""


class Part(StrEnum):
    """What a connection is to the bridge."""

    LISTENER = "listener"
    DEVICE = "device"
    DESTINATION = "destination"
    SOURCE = "source"


class Standing(StrEnum):
    """How a certificate stands at a moment."""

    VALID = "valid"
    ENDS_SOON = "ends soon"
    ENDED = "ended"
    NOT_YET = "not valid yet"
    UNREADABLE = "cannot be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """An X.509 certificate. `use` is the setting that names it, or who showed it.

    Times are unix times. `problem` says why it cannot be read, and the rest is empty then.
    """

    use: str
    file: str = ""
    subject: str = ""
    issuer: str = ""
    not_before: float = 0.0
    not_after: float = 0.0
    problem: str = ""

    def standing(self, now: float) -> Standing:
        """How it stands at that time."""
        if self.problem:
            return Standing.UNREADABLE
        if now >= self.not_after:
            return Standing.ENDED
        if now < self.not_before:
            return Standing.NOT_YET
        return Standing.ENDS_SOON if now >= self.not_after - SOON_SECONDS else Standing.VALID


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One of them as it is configured.

    `key` names it among all. `kind` is the standard's or the setting's word for it (`fhir`, `ian`,
    `MLLP`, `DICOM`). `test` names what is asked of it (C-ECHO, CapabilityStatement); empty when
    there is nothing to ask, as of a device whose address is not known. `says` are further settings
    worth seeing, by their name. `link` is what its traffic is counted under.
    """

    key: str
    part: Part
    kind: str
    name: str
    address: str
    test: str = ""
    enabled: bool = True
    says: Sequence[tuple[str, str]] = ()
    certificates: Sequence[Certificate] = ()
    link: Link | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A connection with what passed over it; nothing is known of one that was never used."""

    connection: Connection
    health: LinkHealth | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """What came of a test: whether it is well, in words, when, and after how many seconds."""

    __test__ = False  # of no test runner

    key: str
    is_well: bool
    words: str
    at: float
    seconds: float
    certificates: Sequence[Certificate] = ()


def watched(
    connections: Iterable[Connection], links: Sequence[LinkHealth]
) -> tuple[Sequence[Watched], Sequence[LinkHealth]]:
    """Connections with their traffic, and the traffic of whoever is not configured."""
    known = {each.link: each for each in links}
    found = [
        Watched(connection=each, health=known.get(each.link) if each.link else None)
        for each in connections
    ]
    ours = {each.connection.link for each in found}
    return found, [each for each in links if each.link not in ours]


class Neighbourhood(Protocol):
    """The connections as configured, and the tests of them."""

    def every(self) -> Sequence[Connection]:
        """All of them, listeners first."""

    def test(self, key: str) -> tuple[bool, str, Sequence[Certificate]]:
        """Ask one now: whether it is well, in words, and what certificates it showed."""


class CheckConnections:
    """Lists and tests connections; who tested what is audited."""

    def __init__(self, *, store: AuditStore, neighbours: Neighbourhood, clock: Clock) -> None:
        self._store = store
        self._neighbours = neighbours
        self._clock = clock

    def every(self) -> Sequence[Connection]:
        """All connections, as configured."""
        return self._neighbours.every()

    def expiring(self) -> Sequence[tuple[Connection, Certificate]]:
        """Certificates that somebody should see to, with whose they are."""
        now = self._clock()
        return tuple(
            (connection, certificate)
            for connection in self.every()
            for certificate in connection.certificates
            if certificate.standing(now) is not Standing.VALID
        )

    def test(self, key: str, user: SignedIn) -> TestResult:
        """Ask one now. Raises UnknownKey when there is none of this key or nothing to ask."""
        known = next((each for each in self.every() if each.key == key and each.test), None)
        if known is None:
            raise UnknownKey(f"there is no connection {key} that can be tested")
        begun = self._clock()
        is_well, words, certificates = self._neighbours.test(key)
        ended = self._clock()
        event = audit_event(
            user,
            AuditEventId.APPLICATION_ACTIVITY,
            AuditAction.EXECUTE,
            begun,
            about=(AuditObject.CONNECTION, key),
            detail=f"{known.test}: {words}",
        )
        self._store.transact(lambda tx: tx.audit.add(event))
        return TestResult(
            key=key,
            is_well=is_well,
            words=words,
            at=begun,
            seconds=max(ended - begun, 0.0),
            certificates=certificates,
        )
