"""HIS: HL7 v2 over MLLP by node-hl7-client and by @medplum/hl7 (node/his.mjs)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from tests.peers.node import NodePeer

Client: TypeAlias = Literal["node-hl7-client", "@medplum/hl7"]


class His:
    """Sends messages and gives the acknowledgement, on one lasting connection per client and
    port.
    """

    def __init__(self, directory: Path) -> None:
        self._node = NodePeer("his.mjs", directory)

    def send(self, port: int, message: str, client: Client = "node-hl7-client") -> str:
        """Send a message (segments ended by carriage returns) and give the answer's text."""
        answer: str = self._node.call(
            "send", client=client, host="127.0.0.1", port=port, message=message
        )
        return answer

    def disconnect(self) -> None:
        """Close every connection."""
        self._node.call("close")

    def close(self) -> None:
        self._node.close()
