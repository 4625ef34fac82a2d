"""What reading a resource or a Bundle yields, and what readers know of the sender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bridge.domain.announced_study import StudyAnnounced
from bridge.domain.appointment import AppointmentReceived
from bridge.domain.errors import BridgeError
from bridge.domain.events import Event, VisitEvent
from bridge.domain.order import OrderReceived
from bridge.fhir.identifiers import Json
from bridge.fhir.reading.issues import Issue
from bridge.fhir.releases import Release
from bridge.mapping.fhir_profiles import FhirProfile
from bridge.mapping.source import Site

# What later events build on comes first; patients and the rest of what there is come before all.
_SEQUENCE: tuple[tuple[type, ...], ...] = (
    VisitEvent.__args__,
    (OrderReceived,),
    (AppointmentReceived,),
    (StudyAnnounced,),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirSender:
    """How the resources of one sender are read.

    `is_authoritative` says that `meta.lastUpdated` is the sender's own, and so tells which of two
    versions is newer (a server that is polled). What a client writes there means nothing.
    """

    profile: FhirProfile
    site: Site
    release: Release = Release.R4
    is_authoritative: bool = False

    @staticmethod
    def of(
        profile: FhirProfile,
        site: Site,
        release: Release = Release.R4,
        *,
        is_authoritative: bool = False,
    ) -> FhirSender:
        """Bring a profile and a site together."""
        return FhirSender(
            profile=profile,
            site=profile.localize(site),
            release=release,
            is_authoritative=is_authoritative,
        )


class Resolver(Protocol):
    """Finds what a document refers to and does not hold."""

    def read(self, reference: str) -> Json | None:
        """The resource of a literal reference (`Patient/1`, or an absolute URL), if it is here."""

    def search(self, kind: str, criteria: str) -> Sequence[Json]:
        """The resources that a conditional reference finds; `criteria` is URL-encoded."""

    def referring(self, kind: str, element: str, reference: str) -> Sequence[Json]:
        """Resources of a type whose element refers to that: Tasks by `focus`, say."""


class _Nothing:
    """Has nothing but the document itself."""

    def read(self, reference: str) -> Json | None:
        return None

    def search(self, kind: str, criteria: str) -> Sequence[Json]:
        return ()

    def referring(self, kind: str, element: str, reference: str) -> Sequence[Json]:
        return ()


NOTHING: Resolver = _Nothing()


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryReading:
    """What one entry asks for or tells of; `index` is None for a resource that is no Bundle.

    `error` says why it cannot be applied, `note` why there is nothing to apply. `issues` are all
    that is wrong with its form.
    """

    expression: str
    index: int | None = None
    resource: Json | None = None
    events: tuple[Event, ...] = ()
    warnings: tuple[str, ...] = ()
    issues: tuple[Issue, ...] = ()
    error: BridgeError | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirReading:
    """The entries of a document, in its order; `kind` is Bundle.type, empty for a resource."""

    entries: tuple[EntryReading, ...]
    kind: str = ""
    error_of_whole: BridgeError | None = field(default=None)

    @property
    def events(self) -> tuple[Event, ...]:
        """All events in the sequence in which they must be applied."""
        found = [event for entry in self.entries for event in entry.events]
        return tuple(sorted(found, key=_rank))

    @property
    def warnings(self) -> tuple[str, ...]:
        """All warnings."""
        return tuple(warning for entry in self.entries for warning in entry.warnings)

    @property
    def error(self) -> BridgeError | None:
        """The first error; None when everything can be applied."""
        errors = (entry.error for entry in self.entries if entry.error)
        return self.error_of_whole or next(errors, None)

    @property
    def note(self) -> str:
        """Why there is nothing to apply, when there is not."""
        return "; ".join(dict.fromkeys(entry.note for entry in self.entries if entry.note))


def _rank(event: Event) -> int:
    for rank, kinds in enumerate(_SEQUENCE, start=1):
        if isinstance(event, kinds):
            return rank
    return 0


def expression_of(error: BridgeError) -> str:
    """The FHIRPath of an error that the use cases raised, who count fields as HL7 v2 does.

    Their locations are the event's own (`Bundle.entry[1].resource`) with a field of ORC behind it.
    """
    location = error.location or ""
    base, _, number = location.partition("^")
    if not number:
        return location
    if base == "PID":
        return "Patient.identifier"
    element = _ELEMENTS.get(number, "")
    return f"{base}.{element}" if element and "." not in base.rpartition("resource")[2] else base


_ELEMENTS = {"1": "status", "2": "identifier"}
