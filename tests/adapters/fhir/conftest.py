from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bridge.fhir.client import Server
from bridge.fhir.composition import Manner
from bridge.fhir.destination import KINDS, FhirDestination, FhirDestinationConfiguration
from tests.adapters.fhir.scripted_server import ScriptedServer, serving


@pytest.fixture
def ehr() -> Iterator[ScriptedServer]:
    with serving() as server:
        yield server


@pytest.fixture
def destination(ehr: ScriptedServer) -> Iterator[Callable[..., FhirDestination]]:
    """Make destinations for the server; keywords of the server go first, others are its own."""
    made: list[FhirDestination] = []

    def make(**keywords: Any) -> FhirDestination:
        of_server: dict[str, Any] = {
            name: keywords.pop(name)
            for name in ("url", "timeout", "token", "username", "password", "headers")
            if name in keywords
        }
        server = Server(**{"url": ehr.url, "timeout": 20.0, **of_server})
        kinds = keywords.pop("kinds", KINDS)
        configuration = FhirDestinationConfiguration(
            name="ehr", server=server, kinds=kinds, manner=Manner(**keywords)
        )
        made.append(FhirDestination(configuration))
        return made[-1]

    yield make
    for one in made:
        one.close()
