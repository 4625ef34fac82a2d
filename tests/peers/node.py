"""A peer that runs on Node: one process that takes JSON requests line by line (node/lines.mjs)."""

from __future__ import annotations

import json
import threading
from itertools import count
from pathlib import Path
from typing import Any

from tests.peers.process import HERE, NODE, PeerError, Process


class NodePeer:
    """One script of the folder `node`, running until it is closed."""

    def __init__(self, script: str, directory: Path) -> None:
        if not NODE.exists():
            raise PeerError("the Node peers are not installed: run tests/peers/install")
        self._process = Process(
            [NODE, HERE / "node" / script], directory / f"{script}.log", pipes=True
        )
        self._numbers = count(1)
        self._lock = threading.Lock()

    def call(self, operation: str, **arguments: Any) -> Any:
        """Have the script do one operation and give its result."""
        request = {"id": next(self._numbers), "operation": operation, **arguments}
        child = self._process.child
        assert child.stdin is not None
        assert child.stdout is not None
        with self._lock:
            child.stdin.write(json.dumps(request).encode() + b"\n")
            child.stdin.flush()
            line = child.stdout.readline()
        if not line:
            raise PeerError(f"{self._process.command[1]} ended\n{self._process.output()}")
        answer = json.loads(line)
        assert answer["id"] == request["id"]
        if "error" in answer:
            raise PeerError(f"{operation}: {answer['error']}")
        return answer["result"]

    def close(self) -> None:
        self._process.stop()
