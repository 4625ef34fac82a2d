"""What a server of some kind is asked when something is written to it."""

from __future__ import annotations

from typing import Any

from bridge.fhir.bundle import Content
from bridge.fhir.rehearsal import RehearsedServer
from bridge.fhir.writing import Writer
from bridge.mapping.ehr_profiles import EhrProfile


def requests_to_write(
    content: Content, profile: EhrProfile, *holds: dict[str, Any]
) -> list[dict[str, Any]]:
    server = RehearsedServer(holds)
    Writer(server, profile).write(content)
    return server.asked
