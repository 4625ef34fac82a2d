"""Reading multipart/related bodies as they arrive (RFC 2046 5.1, PS3.18 8.6.1.2)."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

_END_OF_HEAD = b"\r\n\r\n"
_LONGEST_HEAD = 16_384


class MalformedBody(ValueError):
    """The body is not the multipart that its Content-Type says."""


class PartTooLarge(ValueError):
    """A part is longer than the bridge takes."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its media type and its content."""

    media_type: str
    content: bytes


async def read_parts(
    body: AsyncIterable[bytes], boundary: str, longest: int
) -> AsyncIterator[Part]:
    """Give each part once it is complete; one of more than `longest` bytes is not held.

    Raises:
        MalformedBody: the first boundary or the last is missing, or a part's head has no end.
        PartTooLarge: as it says.
    """
    delimiter = b"\r\n--" + boundary.encode("ascii", "replace")
    buffer = bytearray(b"\r\n")  # the first boundary needs no line end before it
    searched, inside = 0, False
    async for chunk in body:
        buffer += chunk
        while (at := buffer.find(delimiter, searched)) >= 0:
            if len(buffer) < at + len(delimiter) + 2:
                break  # whether it is the last boundary is still to come
            if inside:
                yield _part(bytes(buffer[:at]))
            after = at + len(delimiter)
            if buffer[after : after + 2] == b"--":
                return
            del buffer[:after]
            searched, inside = 0, True
        else:
            searched = max(0, len(buffer) - len(delimiter) - 2)
            if not inside:
                del buffer[:searched]  # what stands before the first boundary means nothing
                searched = 0
            elif len(buffer) > longest + _LONGEST_HEAD:
                raise PartTooLarge(f"a part is longer than {longest} bytes")
    raise MalformedBody("the body ends before its last boundary")


def _part(raw: bytes) -> Part:
    """A part as it stands between two boundaries: the rest of the first's line, head, content."""
    _, line_end, rest = raw.partition(b"\r\n")
    if not line_end:
        raise MalformedBody("a boundary has no end of line")
    if rest.startswith(b"\r\n"):
        return Part("text/plain", rest[2:])
    head, blank, content = rest.partition(_END_OF_HEAD)
    if not blank or len(head) > _LONGEST_HEAD:
        raise MalformedBody("the head of a part has no end")
    headers: Message = BytesHeaderParser().parsebytes(head + _END_OF_HEAD)
    return Part(headers.get_content_type(), content)
