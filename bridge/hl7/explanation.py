"""`bridge mapping test` and `bridge mapping explain`: what a profile makes of a message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from bridge.domain.errors import BridgeError
from bridge.domain.events import Event
from bridge.domain.identifiers import Authority
from bridge.domain.order import Category, OrderReceived
from bridge.hl7.er7 import Message, read
from bridge.hl7.messages import read_message
from bridge.hl7.order_groups import OrderGroup, find_orders
from bridge.hl7.reading import Reading, Sender
from bridge.mapping.description import describe, explain_event, title_of, trace_event
from bridge.mapping.golden import GoldenResult, Translation, run_golden_tests
from bridge.mapping.profiles import Profile
from bridge.mapping.source import Site
from bridge.services.review_mappings import DryRun, TracedEvent, TracedValue


def run_tests(path: Path, directory: Path | None = None) -> tuple[GoldenResult, ...]:
    """Run a `<profile>.tests.yaml`; `directory` holds the profiles, that of `path` by default.

    Raises:
        ProfileError: the file, its profile or a message it names cannot be used.
    """
    return run_golden_tests(path, directory or path.parent, translate)


def translate(profile: Profile, site: Site, raw: bytes, encoding: str | None = None) -> Translation:
    """Read a message and put what came of it as plain texts, for a golden test to compare.

    Raises:
        BridgeError: the message is refused.
    """
    reading = _read(profile, site, raw, encoding)
    return [describe(event) for event in reading.events]


def explain(profile: Profile, raw: bytes, site: Site | None = None) -> str:
    """Say line by line what a profile makes of a message: target = value ← where it came from.

    Raises:
        BridgeError: the message is refused.
    """
    reading = _read(profile, site or Site(authority=Authority("SITE")), raw)
    lines = list(_decisions(profile, read(raw), reading.events))
    lines += [line for event in reading.events for line in explain_event(event)]
    lines += [f"remark: {text}" for text in (*reading.remarks, *reading.warnings)]
    return "\n".join(lines) + "\n"


def trace(profile: Profile, raw: bytes, site: Site, encoding: str | None = None) -> DryRun:
    """What a profile makes of a message, value by value; what it is refused for is told, too."""
    try:
        message = read(raw, encoding_override=encoding)
        reading = read_message(message, Sender.of(profile, site))
    except BridgeError as error:
        return DryRun.refused(error)
    return DryRun(
        events=tuple(
            TracedEvent(title_of(event), tuple(TracedValue(*each) for each in _texts(event)))
            for event in reading.events
        ),
        notes=tuple(_decisions(profile, message, reading.events)),
        remarks=(*reading.remarks, *reading.warnings),
    )


def _texts(event: Event) -> Iterator[tuple[str, str, str]]:
    return ((path, str(value), origin) for path, value, origin in trace_event(event))


def _decisions(profile: Profile, message: Message, events: Iterable[Event]) -> Iterator[str]:
    """Why each order of a message is imaging or not, and what its order control asks for."""
    groups: dict[str, OrderGroup] | None = None
    for event in events:
        if not isinstance(event, OrderReceived):
            continue
        if groups is None:
            groups = {group.location: group for group in find_orders(message).groups}
        group = groups.get(event.location)
        if group is not None:
            verdict = profile.imaging.judge(group.scope, event.control)
            doubt = "" if verdict.modality_believed else "; its modality is not believed"
            yield f"{event.location}: {verdict.category.value}: {verdict.reason}{doubt}"
        if event.category is Category.IMAGING:
            rule = profile.control_table.rule(event.control, event.status)
            asked = f"order control {event.control} with {event.status or 'no status'}"
            why = f" ({rule.reason})" if rule.reason else ""
            yield f"{event.location}: {asked}: {rule.action.value}, {rule.event.value}{why}"


def _read(profile: Profile, site: Site, raw: bytes, encoding: str | None = None) -> Reading:
    return read_message(read(raw, encoding_override=encoding), Sender.of(profile, site))
