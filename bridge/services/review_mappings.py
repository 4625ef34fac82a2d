"""Mapping profiles for a person to look at: what is in force, since when, and what it would do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bridge.domain.errors import BridgeError, UnknownKey
from bridge.services.transaction import Clock

T = TypeVar("T")
_VERSION = "@"
_SHOWN_DIGITS = 12
_MOST_DIGITS = 18  # of a pk


@dataclass(frozen=True, slots=True)
class TracedValue:
    """One value a profile makes: its path (DICOM keywords), the text, and where it came from."""

    path: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class TracedEvent:
    """What one part of a message comes to."""

    title: str
    values: Sequence[TracedValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What a profile makes of a message, without anything being done.

    `notes` say why orders are imaging or not, and what is asked of them; `remarks` are warnings.
    `problem` says why the message is refused, `location` where in it.
    """

    events: Sequence[TracedEvent] = ()
    notes: Sequence[str] = ()
    remarks: Sequence[str] = ()
    problem: str = ""
    location: str = ""

    @staticmethod
    def refused(error: BridgeError) -> DryRun:
        """Of a message that cannot be applied."""
        return DryRun(problem=error.message, location=error.location or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedProfile:
    """A profile. `is_own`: from the site's folder; `used_at` are keys of the configuration.

    `taken_up_at` is when what it says now came into force (unix time), None while it is not used.
    """

    name: str
    language: str
    extends: str
    is_own: bool
    used_at: Sequence[str]
    versions: int = 0
    taken_up_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileVersion:
    """What a profile said from a time on (unix time). `label` names it in a comparison."""

    pk: int
    profile: str
    language: str
    digest: str
    taken_up_at: float

    @property
    def label(self) -> str:
        """Its name among all."""
        return f"{self.profile}{_VERSION}{self.pk}"

    @property
    def shown_digest(self) -> str:
        """As much of the digest as tells versions apart."""
        return self.digest[:_SHOWN_DIGITS]


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """One row that two versions say otherwise; empty where one of them has none."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownProfile:
    """A profile with what it says after all that it extends, and its versions, newest first.

    `problem` says why its files cannot be read just now; what was read before is in force then.
    """

    listed: ListedProfile
    outline: Mapping[str, str]
    versions: Sequence[ProfileVersion]
    problem: str = ""


class ProfileShelf(Protocol):
    """The files of profiles, and what they make of messages."""

    def profiles(self) -> Sequence[ListedProfile]:
        """All there are, those of the site first."""

    def outline(self, name: str) -> Mapping[str, str]:
        """What a profile says, by path. Raises BridgeError when it cannot be read."""

    def dry_run(self, name: str, message: str) -> DryRun:
        """What it makes of a message as text. Raises BridgeError when it cannot be read."""


class MappingVersions(Protocol):
    """The versions that were in force."""

    def add(
        self, profile: str, language: str, digest: str, outline: Mapping[str, str], now: float
    ) -> None:
        """One more."""

    def newest(self) -> Mapping[str, ProfileVersion]:
        """The newest version of each profile."""

    def counts(self) -> Mapping[str, int]:
        """How many versions there are of each profile."""

    def of(self, profile: str) -> Sequence[ProfileVersion]:
        """Those of a profile, newest first."""

    def outline(self, pk: int) -> Mapping[str, str] | None:
        """What one said."""


class MappingTransaction(Protocol):
    """A transaction in which versions are kept."""

    @property
    def mapping_versions(self) -> MappingVersions:
        """The versions."""


class MappingStore(Protocol):
    """Runs work in a transaction, or reads."""

    def transact(self, work: Callable[[MappingTransaction], T]) -> T:
        """Run and commit."""

    def read(self, work: Callable[[MappingTransaction], T]) -> T:
        """Run what only reads."""


class ReviewMappings:
    """Looks at profiles and tries them; changes nothing but the note of what is in force."""

    def __init__(self, *, store: MappingStore, shelf: ProfileShelf, clock: Clock) -> None:
        self._store = store
        self._shelf = shelf
        self._clock = clock

    def profiles(self) -> Sequence[ListedProfile]:
        """All there are, with since when what they say is in force."""
        newest = self._store.read(lambda tx: tx.mapping_versions.newest())
        counts = self._store.read(lambda tx: tx.mapping_versions.counts())
        return [_dated(each, newest, counts) for each in self._shelf.profiles()]

    def profile(self, name: str) -> ShownProfile | None:
        """One of them; None when there is none of this name."""
        listed = next((each for each in self.profiles() if each.name == name), None)
        if listed is None:
            return None
        versions = self._store.read(lambda tx: tx.mapping_versions.of(name))
        try:
            return ShownProfile(listed=listed, outline=self._shelf.outline(name), versions=versions)
        except BridgeError as error:
            return ShownProfile(listed=listed, outline={}, versions=versions, problem=error.message)

    def compare(self, before: str, after: str) -> Sequence[ChangedRow]:
        """What two profiles say otherwise: each a name, or a version's label.

        Raises:
            BridgeError: there is no such profile or version, or it cannot be read.
        """
        one, other = self._outline(before), self._outline(after)
        return [
            ChangedRow(path, one.get(path, ""), other.get(path, ""))
            for path in dict.fromkeys((*one, *other))
            if one.get(path) != other.get(path)
        ]

    def dry_run(self, name: str, message: str) -> DryRun:
        """What a profile makes of a message. Raises BridgeError when it cannot be used."""
        self._refuse_unknown(name)
        return self._shelf.dry_run(name, message)

    def note_what_is_in_force(self) -> int:
        """Keep what the profiles in use say now, where that is news; gives how many are new."""
        outlines = {}
        for each in self._shelf.profiles():
            if each.used_at:
                outlines[each.name] = (each.language, dict(self._shelf.outline(each.name)))
        now = self._clock()

        def work(tx: MappingTransaction) -> int:
            newest, new = tx.mapping_versions.newest(), 0
            for name, (language, outline) in outlines.items():
                digest = digest_of(outline)
                if name not in newest or newest[name].digest != digest:
                    tx.mapping_versions.add(name, language, digest, outline, now)
                    new += 1
            return new

        return self._store.transact(work)

    def _refuse_unknown(self, name: str) -> None:
        """Names are parts of paths: only what is listed is looked for."""
        if not any(each.name == name for each in self._shelf.profiles()):
            raise UnknownKey(f"there is no profile {name}")

    def _outline(self, named: str) -> Mapping[str, str]:
        name, _, pk = named.partition(_VERSION)
        if not pk:
            self._refuse_unknown(name)
            return self._shelf.outline(name)
        found = None
        if pk.isascii() and pk.isdigit() and len(pk) <= _MOST_DIGITS:
            found = self._store.read(lambda tx: tx.mapping_versions.outline(int(pk)))
        if found is None:
            raise UnknownKey(f"there is no version {named}")
        return found


def digest_of(outline: Mapping[str, str]) -> str:
    """What tells one version from another."""
    text = json.dumps(outline, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _dated(
    listed: ListedProfile, newest: Mapping[str, ProfileVersion], counts: Mapping[str, int]
) -> ListedProfile:
    version = newest.get(listed.name) if listed.used_at else None
    return ListedProfile(
        name=listed.name,
        language=listed.language,
        extends=listed.extends,
        is_own=listed.is_own,
        used_at=listed.used_at,
        versions=counts.get(listed.name, 0),
        taken_up_at=version.taken_up_at if version else None,
    )
