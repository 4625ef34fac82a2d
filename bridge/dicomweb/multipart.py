"""multipart/related bodies (PS3.18 section 8.6.1.2, RFC 2387), part by part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import uuid4

DICOM = "application/dicom"


@dataclass(frozen=True, slots=True)
class OutPart:
    """One part: its Content-Type, how long it is, and its pieces."""

    content_type: str
    size: int
    pieces: Iterable[bytes]
    location: str = ""


def new_boundary() -> str:
    """A text that occurs in no part."""
    return uuid4().hex


def content_type(boundary: str, kind: str = DICOM) -> str:
    """The Content-Type of the whole body."""
    return f'multipart/related; type="{kind}"; boundary={boundary}'


def body(parts: Iterable[OutPart], boundary: str) -> Iterator[bytes]:
    """Write each part, then the end."""
    for part in parts:
        yield _head(part, boundary)
        yield from part.pieces
        yield b"\r\n"
    yield _end(boundary)


def length(parts: Iterable[OutPart], boundary: str) -> int:
    """How many bytes `body` writes."""
    each = (len(_head(part, boundary)) + part.size + 2 for part in parts)
    return sum(each) + len(_end(boundary))


def _head(part: OutPart, boundary: str) -> bytes:
    location = f"Content-Location: {part.location}\r\n" if part.location else ""
    head = (
        f"--{boundary}\r\n"
        f"Content-Type: {part.content_type}\r\n"
        f"{location}"
        f"Content-Length: {part.size}\r\n\r\n"
    )
    return head.encode("ascii")


def _end(boundary: str) -> bytes:
    return f"--{boundary}--\r\n".encode("ascii")
