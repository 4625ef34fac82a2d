"""Modality: performed steps, worklist, verification and storage commitment by dcmjs-dimse
(node/modality.mjs).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.peers.node import NodePeer
from tests.peers.process import PeerError, wait_until


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

    def take_reports(self, port: int) -> None:
        """Listen for reports of storage commitment."""
        self._node.call("listen", port=port)

    def commit(
        self,
        port: int,
        transaction_uid: str,
        references: Mapping[str, str],
        calling: str = "CT01",
        called: str = "BRIDGE",
    ) -> int:
        """Ask to commit to instances (SOP Instance UID → class) by N-ACTION; give the status."""
        elements = {
            "TransactionUID": transaction_uid,
            "ReferencedSOPSequence": [
                {"ReferencedSOPClassUID": sop_class, "ReferencedSOPInstanceUID": uid}
                for uid, sop_class in references.items()
            ],
        }
        return self._status("commit", port, calling, called, elements=elements)

    def reported(self, transaction_uid: str) -> dict[str, Any] | None:
        """The report of a transaction, if it came: its event `type` and `information`."""
        taken: list[dict[str, Any]] = self._node.call("reports")
        named = [r for r in taken if r["information"]["TransactionUID"] == transaction_uid]
        assert len(named) < 2, "a transaction was reported twice"
        return named[0] if named else None

    def report(self, transaction_uid: str) -> dict[str, Any]:
        """Wait for the report of a transaction."""
        found = wait_until(lambda: self.reported(transaction_uid), "the commitment report")
        assert found is not None
        return found

    def notification(self, study_uid: str) -> dict[str, Any]:
        """Wait for an Instance Availability Notification of a study: the newest."""

        def ask() -> dict[str, Any] | None:
            taken: list[dict[str, Any]] = self._node.call("notifications")
            named = [each for each in taken if each["StudyInstanceUID"] == study_uid]
            return named[-1] if named else None

        found = wait_until(ask, "the notification")
        assert found is not None
        return found

    def echo(self, port: int, calling: str = "CT01", called: str = "BRIDGE") -> int:
        """C-ECHO; give the status."""
        return self._status("echo", port, calling, called)

    def close(self) -> None:
        self._node.close()
