"""`bridge mapping test` and `bridge mapping explain`: what a profile makes of a message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from bridge.domain.events import Event
from bridge.domain.identifiers import Authority
from bridge.domain.order import OrderReceived
from bridge.hl7.er7 import read
from bridge.hl7.messages import read_message
from bridge.hl7.reading import Reading, Sender
from bridge.mapping.description import describe, describe_order
from bridge.mapping.golden import GoldenResult, Translation, run_golden_tests
from bridge.mapping.profiles import Profile
from bridge.mapping.source import Site


def run_tests(path: Path, directory: Path | None = None) -> tuple[GoldenResult, ...]:
    """Run a `<profile>.tests.yaml`; `directory` holds the profiles, that of `path` by default.

    Raises:
        ProfileError: the file, its profile or a message it names cannot be used.
    """
    return run_golden_tests(path, directory or path.parent, translate)


def translate(profile: Profile, site: Site, raw: bytes) -> Translation:
    """Read a message and put what came of it as plain texts, for a golden test to compare.

    Raises:
        BridgeError: the message is refused.
    """
    reading = _read(profile, site, raw)
    return [describe(event) for event in reading.events]


def explain(profile: Profile, raw: bytes, site: Site | None = None) -> str:
    """Say line by line what a profile makes of a message: target = value ← where it came from.

    Raises:
        BridgeError: the message is refused.
    """
    reading = _read(profile, site or Site(authority=Authority("SITE")), raw)
    lines = [line for event in reading.events for line in _explain(event)]
    lines += [f"remark: {text}" for text in (*reading.remarks, *reading.warnings)]
    return "\n".join(lines) + "\n"


def _read(profile: Profile, site: Site, raw: bytes) -> Reading:
    return read_message(read(raw), Sender.of(profile, site))


def _explain(event: Event) -> Iterator[str]:
    if not isinstance(event, OrderReceived):
        yield str(describe(event))
        return
    yield f"{event.location}: {event.category.value} order, {event.control} {event.status}".rstrip()
    for keyword, text in _flatten(describe_order(event)):
        key = keyword.rpartition(".")[2]
        origin = event.sources.get(key) or event.sources.get(_START_SOURCE.get(key, ""), "")
        yield f"  {keyword} = {text!r}" + (f" ← {origin}" if origin else "")


_START_SOURCE = {
    "ScheduledProcedureStepStartDate": "ScheduledProcedureStepStartDateTime",
    "ScheduledProcedureStepStartTime": "ScheduledProcedureStepStartDateTime",
}


def _flatten(described: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(described, Mapping):
        for key, value in described.items():
            yield from _flatten(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(described, list) and described and isinstance(described[0], Mapping):
        for number, value in enumerate(described, start=1):
            yield from _flatten(value, f"{prefix}[{number}]")
    elif described not in ("", []):
        yield prefix, described
