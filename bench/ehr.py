"""A FHIR server (R4) that is fast, and remembers who told it what: `python -m bench.ehr PORT`.

A process of its own. It holds what transactions bring it in memory, and honours their conditions
as the standard has them (FHIR R4 3.1.0.8.1 and 3.1.0.10.1): what is written without looking whether
it is there is there twice. Senders are told apart by their token.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import uvloop

Json = dict[str, Any]
_HEAD_END = b"\r\n\r\n"
_UID = "urn:oid:"


@dataclass(slots=True)
class Repository:
    """What the server holds: resources by type and identifier; and what it was told of studies."""

    held: dict[tuple[str, str], list[Json]] = field(default_factory=dict)
    told: list[tuple[float, str, str, int]] = field(default_factory=list)
    """Of each write of a study: when (unix time), by whom, its UID, how many instances it has."""
    sample: bytes = b""
    """One of the transactions as it came."""

    def transact(self, bundle: Json, sender: str) -> Json:
        """Carry out a transaction; gives its response."""
        entries = [self._write(entry, sender) for entry in bundle["entry"]]
        return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}

    def _write(self, entry: Json, sender: str) -> Json:
        request, resource = entry["request"], entry["resource"]
        kind, _, criteria = request["url"].partition("?")
        criteria = criteria or request.get("ifNoneExist", "")
        matching = self.held.get((kind, _token(criteria)), []) if criteria else []
        is_new = not matching
        if is_new:
            for token in map(_token_of, resource.get("identifier", [])):
                self.held.setdefault((kind, token), []).append(resource)
        elif request["method"] == "PUT":
            matching[0].clear()
            matching[0].update(resource)
        if kind == "ImagingStudy":
            instances = int(resource.get("numberOfInstances", 0))
            self.told.append((time.time(), sender, uid_of(resource), instances))
        where = f"{kind}/{len(self.held)}"
        return {"response": {"status": "201" if is_new else "200", "location": where}}

    def counted(self) -> Json:
        """How many studies of each UID there are, and everything that was told of them."""
        studies = {id(one): one for (kind, _), held in self.held.items() for one in held
                   if kind == "ImagingStudy"}  # fmt: skip
        counts = Counter(uid_of(one) for one in studies.values())
        return {"studies": counts, "told": self.told, "sample": self.sample.decode()}


class Conversation(asyncio.Protocol):
    """HTTP/1.1 with lengths, connections kept open: what the bridge's client speaks."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._received += data
        while (end := self._received.find(_HEAD_END)) >= 0:
            head = self._received[:end].decode("latin-1")
            start, *lines = head.split("\r\n")
            headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
            whole = end + len(_HEAD_END) + int(headers.get("content-length", "0"))
            if len(self._received) < whole:
                return
            body = self._received[end + len(_HEAD_END) : whole]
            self._received = self._received[whole:]
            content = json.dumps(self._answer(start, headers, body)).encode()
            length = f"Content-Length: {len(content)}\r\n"
            kind = "Content-Type: application/fhir+json\r\n"
            self._transport.write(f"HTTP/1.1 200 OK\r\n{kind}{length}\r\n".encode() + content)

    def _answer(self, start: str, headers: dict[str, str], body: bytes) -> Json:
        method, path, _ = start.split(" ")
        if method == "POST":
            self._repository.sample = body
            sender = headers.get("authorization", "").rpartition(" ")[2]
            return self._repository.transact(json.loads(body), sender)
        if path == "/counted":
            return self._repository.counted()
        if path.endswith("/metadata"):
            return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
        kind, _, query = path.rpartition("/")[2].partition("?")
        held = self._repository.held.get((kind, _token(query)), []) if query else []
        entries = [{"resource": each} for each in held]
        return {"resourceType": "Bundle", "type": "searchset", "entry": entries}


def uid_of(study: Json) -> str:
    """Study Instance UID of an ImagingStudy."""
    values = [each.get("value", "") for each in study.get("identifier", [])]
    return next((v.removeprefix(_UID) for v in values if v.startswith(_UID)), "")


def _token(criteria: str) -> str:
    """The first identifier of search criteria: `system|value`."""
    return parse_qs(criteria).get("identifier", [""])[0].partition(",")[0]


def _token_of(identifier: Json) -> str:
    return f"{identifier.get('system', '')}|{identifier.get('value', '')}"


async def _serve(port: int) -> None:
    repository = Repository()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(repository), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
