"""Modality: Modality Performed Procedure Step, worklist and verification by dcmjs-dimse
(node/modality.mjs).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.peers.node import NodePeer
from tests.peers.process import PeerError


class DcmjsModality:
    """A modality whose every request is an association of its own."""

    def __init__(self, directory: Path) -> None:
        self._node = NodePeer("modality.mjs", directory)

    def _exchange(
        self, operation: str, port: int, calling: str, called: str, **arguments: Any
    ) -> list[dict[str, Any]]:
        link = {"host": "127.0.0.1", "port": port, "calling": calling, "called": called}
        responses: list[dict[str, Any]] = self._node.call(operation, **link, **arguments)
        return responses

    def _status(
        self, operation: str, port: int, calling: str, called: str, **arguments: Any
    ) -> int:
        responses = self._exchange(operation, port, calling, called, **arguments)
        if not responses:
            raise PeerError(f"{operation}: the association ended without a response")
        return int(responses[-1]["status"])

    def create_step(
        self,
        port: int,
        uid: str,
        elements: dict[str, Any],
        calling: str = "CT01",
        called: str = "BRIDGE",
    ) -> int:
        """N-CREATE a performed procedure step; give the status."""
        return self._status("create", port, calling, called, uid=uid, elements=elements)

    def set_step(
        self,
        port: int,
        uid: str,
        elements: dict[str, Any],
        calling: str = "CT01",
        called: str = "BRIDGE",
    ) -> int:
        """N-SET a performed procedure step; give the status."""
        return self._status("set", port, calling, called, uid=uid, elements=elements)

    def worklist(
        self, port: int, elements: dict[str, Any], calling: str = "CT01", called: str = "BRIDGE"
    ) -> list[dict[str, Any]]:
        """C-FIND the worklist; give the datasets of the responses."""
        responses = self._exchange("worklist", port, calling, called, elements=elements)
        return [response["dataset"] for response in responses]

    def echo(self, port: int, calling: str = "CT01", called: str = "BRIDGE") -> int:
        """C-ECHO; give the status."""
        return self._status("echo", port, calling, called)

    def close(self) -> None:
        self._node.close()
