"""What would be sent to an EHR, without sending it: golden tests of its profile, and previews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from bridge.fhir.client import NO_HEADERS, Answer, FhirClient
from bridge.fhir.identifiers import Json
from bridge.fhir.lookup import carries
from bridge.fhir.outcome import read_object


class RehearsedServer(FhirClient):
    """A server in memory that holds some resources, does what it is asked and keeps account."""

    def __init__(self, holds: Sequence[Json] = ()) -> None:  # no connection: not the client's
        self.asked: list[Json] = []
        self._holds = list(holds)

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        repeatable: bool = True,
    ) -> Answer:
        """Do as if it was done. Raises nothing."""
        del repeatable
        if method == "GET":
            return self._looked_up(path)
        resource: Any = read_object(body) or {}
        self.asked.append({"method": method, "path": path, **headers, "body": resource})
        if resource.get("type") == "transaction":
            told = [{"response": {"status": "200"}} for _ in resource["entry"]]
            done = {"resourceType": "Bundle", "type": "transaction-response", "entry": told}
            return Answer(200, b"{}", done)
        kept = {"id": f"new-{len(self.asked)}", **resource}
        return Answer(201, b"{}", kept)

    def _looked_up(self, path: str) -> Answer:
        kind, _, query = path.partition("?")
        if "/" in kind:
            found = next((r for r in self._holds if f"{r['resourceType']}/{r['id']}" == kind), None)
            return Answer(200, b"{}", found)
        tokens = unquote(query).removeprefix("identifier=").split(",")
        wanted = [dict(zip(("system", "value"), t.split("|"), strict=True)) for t in tokens]
        matches = [
            {"resource": each}
            for each in self._holds
            if each["resourceType"] == kind and any(carries(each, w) for w in wanted)
        ]
        return Answer(200, b"{}", {"resourceType": "Bundle", "entry": matches})
