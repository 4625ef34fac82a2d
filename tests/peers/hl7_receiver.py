"""HIS that is told of its orders: @medplum/hl7's server, which acknowledges every message."""

from __future__ import annotations

from pathlib import Path

from tests.peers.node import NodePeer


class Hl7Receiver:
    """Listens at a port; can be stopped and started again, and remembers all it was sent."""

    def __init__(self, directory: Path, port: int, *, enhanced: bool = False) -> None:
        self.port = port
        self._enhanced = enhanced
        self._node = NodePeer("receiver.mjs", directory)

    def start(self) -> None:
        self._node.call("start", port=self.port, enhanced=self._enhanced)

    def stop(self) -> None:
        """Listen no more, and cut off who is connected."""
        self._node.call("stop")

    def heard(self) -> list[str]:
        """Every message, in the order in which they came."""
        found: list[str] = self._node.call("heard")
        return found

    def close(self) -> None:
        self._node.close()
