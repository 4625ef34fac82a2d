"""multipart/related bodies (PS3.18 section 8.6.1.2, RFC 2387), part by part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import uuid4

DICOM = "application/dicom"


def new_boundary() -> str:
    """A text that occurs in no part."""
    return uuid4().hex


def content_type(boundary: str) -> str:
    """The Content-Type of the whole body."""
    return f'multipart/related; type="{DICOM}"; boundary={boundary}'


def parts(contents: Iterable[tuple[str, bytes]], boundary: str) -> Iterator[bytes]:
    """Write each (transfer syntax, file) as a part, then the end."""
    for transfer_syntax_uid, content in contents:
        head = (
            f"--{boundary}\r\n"
            f"Content-Type: {DICOM}; transfer-syntax={transfer_syntax_uid}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        yield head.encode("ascii")
        yield content
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode("ascii")
