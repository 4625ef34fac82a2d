"""More HTTP requests than can be worked on: told to come again, in the words of who was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from bridge.wiring.request_limit import RequestLimit


class House:
    """An application that answers when it is told to, and what was answered by path."""

    def __init__(self, most: int) -> None:
        self.go = asyncio.Event()
        self.limit = RequestLimit(self.work, most)
        self.answers: dict[str, tuple[int, dict[bytes, bytes], bytes]] = {}

    async def work(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/broken":
            raise LookupError
        begins = {"type": "http.response.start", "status": 200, "headers": []}
        if scope["path"] == "/stream":
            await send(begins)
        await self.go.wait()
        if scope["path"] != "/stream":
            await send(begins)

    async def ask(self, path: str) -> None:
        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self.answers[path] = (message["status"], dict(message["headers"]), b"")
            else:
                self.answers[path] = (*self.answers[path][:2], message["body"])

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request"}

        await self.limit({"type": "http", "path": path}, receive, send)


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/fhir/Patient", b"application/fhir+json"),
        ("/dicom-web/studies", b"application/problem+json"),
    ],
)
def test_given_as_many_as_it_bears_when_another_asks_then_it_is_told_to_come_again(
    path: str, media_type: bytes
) -> None:
    async def run() -> None:
        house = House(most=2)
        working = [asyncio.create_task(house.ask(f"/{n}")) for n in range(2)]
        await asyncio.sleep(0)
        await house.ask(path)
        status, headers, body = house.answers[path]
        assert (status, headers[b"content-type"]) == (503, media_type)
        assert int(headers[b"retry-after"]) > 0
        assert json.loads(body)
        house.go.set()
        await house.ask("/health/ready")
        await asyncio.gather(*working)
        await house.ask("/again")
        assert {each[0] for name, each in house.answers.items() if name != path} == {200}

    asyncio.run(run())


def test_given_streams_and_failures_then_they_take_nobodys_place() -> None:
    async def run() -> None:
        house = House(most=1)
        stream = asyncio.create_task(house.ask("/stream"))
        await asyncio.sleep(0)
        with pytest.raises(LookupError):
            await house.ask("/broken")
        other = asyncio.create_task(house.ask("/other"))
        await asyncio.sleep(0)
        house.go.set()
        await asyncio.gather(stream, other)
        assert house.answers["/other"][0] == 200

    asyncio.run(run())
