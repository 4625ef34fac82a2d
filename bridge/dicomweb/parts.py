"""Reading multipart/related bodies as they arrive (RFC 2046 5.1, PS3.18 8.6.1.2)."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from fastapi.concurrency import run_in_threadpool

from bridge.dicom.spool import Spool

_LINE_END = b"\r\n"
_END_OF_HEAD = b"\r\n\r\n"
_LONGEST_HEAD = 16_384
_STRETCH = 65_536


class MalformedBody(ValueError):
    """The body is not the multipart that its Content-Type says."""


class PartTooLarge(ValueError):
    """A part is longer than the bridge takes."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its media type and its content, which whoever takes it closes."""

    media_type: str
    content: Spool


@dataclass(frozen=True, slots=True)
class Holding:
    """What contents are held in as they arrive, and how long each may be (bytes)."""

    longest: int
    new_spool: Callable[[], Spool] = Spool

    async def hold(self, spool: Spool, piece: bytes | bytearray) -> None:
        """Take what comes next of a content. Raises PartTooLarge."""
        if spool.size + len(piece) > self.longest:
            raise PartTooLarge(f"a part is longer than {self.longest} bytes")
        if spool.size + len(piece) > spool.in_memory:
            await run_in_threadpool(spool.write, piece)  # a disk may let one wait
        else:
            spool.write(piece)


async def read_parts(
    body: AsyncIterable[bytes], boundary: str, holding: Holding
) -> AsyncIterator[Part]:
    """Give each part once it is complete.

    Raises:
        MalformedBody: the first boundary or the last is missing, or a part's head has no end.
        PartTooLarge: as it says.
    """
    delimiter = b"\r\n--" + boundary.encode("ascii", "replace")
    # The first boundary needs no line end before it; what stands there before it means nothing.
    stream = _Stream(body, _LINE_END)
    async for _ in stream.until(delimiter):
        pass
    while await stream.take(2) != b"--":
        media_type = await _media_type(stream)
        spool = holding.new_spool()
        try:
            async for piece in stream.until(delimiter):
                await holding.hold(spool, piece)
        except BaseException:
            spool.close()
            raise
        yield Part(media_type, spool)


async def read_alone(body: AsyncIterable[bytes], holding: Holding) -> Spool:
    """The whole of a body that is one content. Raises PartTooLarge."""
    spool = holding.new_spool()
    try:
        async for chunk in body:
            await holding.hold(spool, chunk)
    except BaseException:
        spool.close()
        raise
    return spool


async def _media_type(stream: _Stream) -> str:
    """Read the rest of a boundary's line, of which two bytes are taken, and the part's head."""
    stream.give_back()
    await stream.line(_LINE_END)
    if await stream.take(2) == _LINE_END:
        return "text/plain"
    stream.give_back()
    head = await stream.line(_END_OF_HEAD)
    headers: Message = BytesHeaderParser().parsebytes(head + _END_OF_HEAD)
    return headers.get_content_type()


class _Stream:
    """A body of which it is known how far it was read."""

    def __init__(self, body: AsyncIterable[bytes], before: bytes) -> None:
        self._chunks = aiter(body)
        self._buffer = bytearray(before)
        self._taken = b""

    async def take(self, count: int) -> bytes:
        """The next bytes. Raises MalformedBody when there are fewer."""
        while len(self._buffer) < count:
            await self._more()
        self._taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return self._taken

    def give_back(self) -> None:
        """Let what was taken last come again."""
        self._buffer[:0] = self._taken

    async def line(self, end: bytes) -> bytes:
        """What stands before `end`, which is passed. Raises MalformedBody when it is too long."""
        found = bytearray()
        async for piece in self.until(end):
            found += piece
            if len(found) > _LONGEST_HEAD:
                raise MalformedBody("the head of a part has no end")
        return bytes(found)

    async def until(self, mark: bytes) -> AsyncIterator[bytes]:
        """Give what stands before `mark`, which is passed. Raises MalformedBody without one."""
        searched = 0
        while (at := self._buffer.find(mark, searched)) < 0:
            # The mark may begin in the last bytes and end in the next chunk.
            searched = max(0, len(self._buffer) - len(mark) + 1)
            if searched >= _STRETCH:
                yield bytes(self._buffer[:searched])
                del self._buffer[:searched]
                searched = 0
            await self._more()
        yield bytes(self._buffer[:at])
        del self._buffer[: at + len(mark)]

    async def _more(self) -> None:
        try:
            self._buffer += await anext(self._chunks)
        except StopAsyncIteration:
            raise MalformedBody("the body ends before its last boundary") from None
