"""`bridge mapping test` and `bridge mapping explain`: what a profile makes of a message."""

from __future__ import annotations

from pathlib import Path

from bridge.domain.identifiers import Authority
from bridge.hl7.er7 import read
from bridge.hl7.messages import read_message
from bridge.hl7.reading import Reading, Sender
from bridge.mapping.description import describe, explain_event
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
    lines = [line for event in reading.events for line in explain_event(event)]
    lines += [f"remark: {text}" for text in (*reading.remarks, *reading.warnings)]
    return "\n".join(lines) + "\n"


def _read(profile: Profile, site: Site, raw: bytes) -> Reading:
    return read_message(read(raw), Sender.of(profile, site))
