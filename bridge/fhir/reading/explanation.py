"""`bridge mapping test` and `bridge mapping explain` for FHIR."""

from __future__ import annotations

from pathlib import Path

from bridge.domain.errors import BridgeError
from bridge.domain.events import Noted
from bridge.domain.identifiers import Authority
from bridge.fhir.reading.parsing import parse_body
from bridge.fhir.reading.reading import FhirReading, FhirSender
from bridge.fhir.reading.resources import read_resources
from bridge.fhir.releases import Release
from bridge.mapping.description import describe, explain_event, title_of, trace_event
from bridge.mapping.fhir_profiles import FhirProfile, load_fhir_profile
from bridge.mapping.golden import GoldenResult, Translation, run_golden_tests
from bridge.mapping.source import Site
from bridge.services.review_mappings import DryRun, TracedEvent, TracedValue

_EXAMPLE = Site(authority=Authority("SITE"))


def run_tests(path: Path, directory: Path | None = None) -> tuple[GoldenResult, ...]:
    """Run a `<profile>.tests.yaml`; `directory` holds the profiles, that of `path` by default.

    Raises:
        ProfileError: the file, its profile or a resource it names cannot be used.
    """
    return run_golden_tests(path, directory or path.parent, translate, load_fhir_profile)


def translate(profile: FhirProfile, site: Site, raw: bytes) -> Translation:
    """Read a resource or a Bundle and put what came of it as plain texts.

    Raises:
        BridgeError: something of it is refused.
    """
    reading = _read(profile, site, raw)
    if reading.error is not None:
        raise reading.error
    events = reading.events or (Noted(reason=reading.note),)
    return [describe(event) for event in events]


def explain(profile: FhirProfile, raw: bytes, site: Site | None = None) -> str:
    """Say line by line what a profile makes of resources: target = value ← where it came from.

    Raises:
        BridgeError: something of it is refused.
    """
    reading = _read(profile, site or _EXAMPLE, raw)
    lines = [line for event in reading.events for line in explain_event(event)]
    lines += [f"{entry.expression}: {entry.note}" for entry in reading.entries if entry.note]
    lines += [
        f"{entry.error.location}: refused: {entry.error.message}"
        for entry in reading.entries
        if entry.error
    ]
    lines += [f"remark: {text}" for text in reading.warnings]
    return "\n".join(lines) + "\n"


def trace(profile: FhirProfile, raw: bytes, site: Site) -> DryRun:
    """What a profile makes of resources, value by value; what it is refused for is told, too."""
    try:
        reading = _read(profile, site, raw)
    except BridgeError as error:
        return DryRun.refused(error)
    notes = [f"{each.expression}: {each.note}" for each in reading.entries if each.note]
    refused = [
        f"{each.error.location}: refused: {each.error.message}"
        for each in reading.entries
        if each.error
    ]
    return DryRun(
        events=tuple(
            TracedEvent(
                title_of(event),
                tuple(TracedValue(path, str(value), at) for path, value, at in trace_event(event)),
            )
            for event in reading.events
        ),
        notes=(*notes, *refused),
        remarks=tuple(reading.warnings),
        problem=reading.error.message if reading.error else "",
        location=(reading.error.location or "") if reading.error else "",
    )


def _read(profile: FhirProfile, site: Site, raw: bytes) -> FhirReading:
    sender = FhirSender.of(profile, site, Release(profile.release), is_authoritative=True)
    return read_resources(parse_body(raw), sender)
