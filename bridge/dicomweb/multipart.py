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
        location = f"Content-Location: {part.location}\r\n" if part.location else ""
        head = (
            f"--{boundary}\r\n"
            f"Content-Type: {part.content_type}\r\n"
            f"{location}"
            f"Content-Length: {part.size}\r\n\r\n"
        )
        yield head.encode("ascii")
        yield from part.pieces
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode("ascii")
