"""EHR: FHIR R4 servers of Medplum's router, in memory, with its validator in front
(node/fhir_server.mjs).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.peers.fhir_client import FhirClient, Resource
from tests.peers.node import NodePeer


class Medplum:
    """The process; `open` starts one more server in it."""

    def __init__(self, directory: Path) -> None:
        self._node = NodePeer("fhir_server.mjs", directory)

    def open(self) -> MedplumServer:
        return MedplumServer(self._node, self._node.call("open"))

    def errors_of(self, resource: Resource) -> list[dict[str, Any]]:
        """Give what Medplum's validator finds wrong with a resource (structure, cardinality,
        types).
        """
        found: list[dict[str, Any]] = self._node.call("validate", resource=resource)
        return found

    def close(self) -> None:
        self._node.close()


class MedplumServer(FhirClient):
    """One server with a repository of its own."""

    def __init__(self, node: NodePeer, port: int) -> None:
        super().__init__(f"http://127.0.0.1:{port}/fhir")
        self.port = port
        self._node = node

    def down(self) -> None:
        """Stop listening and cut every connection; the repository stays."""
        self._node.call("down", port=self.port)

    def up(self) -> None:
        """Listen again on the same port."""
        self._node.call("up", port=self.port)

    def answer(
        self, status: int, times: int = -1, *, writes: bool = False, containing: str = ""
    ) -> None:
        """Answer the next requests with a status instead of doing anything.

        For good when `times` is negative. `writes` spares reading, and `containing` concerns only
        requests that hold the text.
        """
        fault = {"status": status, "times": times, "writes": writes, "containing": containing}
        self._node.call("fail", port=self.port, faults=[fault])

    def delay(self, milliseconds: int, times: int = -1) -> None:
        """Answer properly, but late."""
        faults = [{"milliseconds": milliseconds, "times": times}]
        self._node.call("fail", port=self.port, faults=faults)

    def recover(self) -> None:
        """Do as every server does again."""
        self._node.call("fail", port=self.port, faults=[])

    def requests(self) -> list[dict[str, Any]]:
        """Give every request so far: method, url, headers, body, status, and `at` in
        milliseconds.
        """
        received: list[dict[str, Any]] = self._node.call("requests", port=self.port)
        return received

    def close(self) -> None:
        self._node.call("close", port=self.port)
