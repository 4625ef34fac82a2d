"""What profiles make of messages that the journal holds, told again: for `bridge mapping diff`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bridge.domain.errors import BridgeError
from bridge.domain.identifiers import Authority
from bridge.fhir.reading import explanation as fhir
from bridge.hl7 import explanation as hl7
from bridge.mapping.difference import Described
from bridge.mapping.fhir_profiles import LANGUAGE as FHIR
from bridge.mapping.profiles import LANGUAGE as HL7
from bridge.mapping.shelf import Shelf
from bridge.mapping.source import Site
from bridge.mapping.versions import Version
from bridge.settings import Settings
from bridge.store.journal import JournalRow
from bridge.store.repositories import SqlStore
from bridge.wiring.edges import site_of
from bridge.wiring.profiles import LOADERS
from bridge.wiring.sources import fhir_sources

BATCH = 200
_R5_SAID = b"fhirversion=5"


@dataclass(frozen=True, slots=True)
class Context:
    """How a message came: in which language, by which profile, and what was known of its sender."""

    language: str
    profile: str
    site: Site
    encoding: str | None = None


@dataclass(slots=True)
class Retelling:
    """Tells messages again by the profiles of one version."""

    version: Version
    _loaded: dict[tuple[str, str], Any] = field(default_factory=dict)

    def name(self, context: Context) -> str:
        """The profile that a message is told by."""
        return self.version.name or context.profile

    def tell(self, context: Context, raw: bytes) -> Described:
        """The events of a message in words, or why it is refused.

        Raises:
            ProfileError: the profile cannot be used.
        """
        profile = self._profile(context.language, self.name(context))
        try:
            if context.language == FHIR:
                return fhir.translate(profile, context.site, _body(raw))
            return hl7.translate(profile, context.site, raw, context.encoding)
        except BridgeError as error:
            return f"{error.code} at {error.location}: {error.message}"

    def fits(self, context: Context) -> bool:
        """Whether the profile is of the message's language; another one says nothing of it."""
        shelf = Shelf.of(self.version.directory)
        return not self.version.name or shelf.language(self.version.name) == context.language

    def _profile(self, language: str, name: str) -> Any:
        if (language, name) not in self._loaded:
            self._loaded[language, name] = LOADERS[language](name, self.version.directory)
        return self._loaded[language, name]


class Journal:
    """The messages of the journal, with how each came."""

    def __init__(self, settings: Settings, store: SqlStore) -> None:
        self._settings = settings
        self._store = store

    def messages(self, since: float, until: float) -> Iterator[tuple[JournalRow, Context]]:
        """Every message that came in, in its order, read in batches and never kept."""
        after = self._store.read(lambda tx: tx.journal.before(since)) if since else 0
        while rows := self._batch(since, until, after):
            for row in rows:
                yield row, self._context(row)
            after = rows[-1].pk

    def _batch(self, since: float, until: float, after: int) -> tuple[JournalRow, ...]:
        protocols = (HL7, FHIR)
        return self._store.read(
            lambda tx: tx.journal.received(protocols, since, until, after, BATCH)
        )

    def _context(self, row: JournalRow) -> Context:
        if row.protocol == FHIR:
            return self._fhir_context(row)
        name = row.peer.split(" ", maxsplit=1)[0]
        listener = self._listeners.get(name)
        if listener is None:  # it was called otherwise then, or is configured no more
            listener = next(iter(self._listeners.values()), None)
        if listener is None:
            return Context(HL7, "", self._site)
        site = site_of(self._settings, listener)
        return Context(HL7, listener.profile, site, listener.character_set)

    def _fhir_context(self, row: JournalRow) -> Context:
        for source in fhir_sources(self._settings):
            if row.peer == source.url:
                return Context(FHIR, source.profile, self._site)
        said = row.raw.partition(b"\r\n\r\n")[0].lower().replace(b" ", b"")
        is_r5 = _R5_SAID in said or (
            self._settings.fhir.version == "R5" and b"fhirversion=" not in said
        )
        profile = self._settings.fhir.profile_r5 if is_r5 else self._settings.fhir.profile
        return Context(FHIR, profile, self._site)

    @cached_property
    def _listeners(self) -> dict[str, Any]:
        return {each.name: each for each in self._settings.hl7.listeners}

    @cached_property
    def _site(self) -> Site:
        return self.site_of(self._settings)

    @staticmethod
    def site_of(settings: Settings) -> Site:
        """What the site knows of a sender of whom nothing more is known."""
        return Site(
            zone=settings.site.timezone,
            authority=Authority(settings.site.assigning_authority),
            local_scheme=f"99{settings.site.name}"[:16],
        )


def has_content(context: Context, raw: bytes) -> bool:
    """Whether there is something to tell: a request without a body asks, and says nothing."""
    return context.language != FHIR or _body(raw).lstrip()[:1] == b"{"


def _body(raw: bytes) -> bytes:
    """The resource of a request as the journal keeps it: after its head, or all of it."""
    return raw if raw.lstrip()[:1] == b"{" else raw.partition(b"\r\n\r\n")[2]
