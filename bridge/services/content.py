"""The bytes of a DICOM file, in memory or where they lie, given piece by piece.

An instance may be larger than the memory there is: whoever passes one on takes it by pieces.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

PIECE = 1 << 20
"""Bytes of a piece, at most."""


class Source(Protocol):
    """Bytes that lie somewhere: in memory, in a file, in a bucket."""

    @property
    def size(self) -> int:
        """How many there are."""

    def read(self, start: int, length: int) -> bytes:
        """Give `length` bytes from `start`, fewer only where the source ends. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes in memory."""

    content: bytes

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.content)

    def read(self, start: int, length: int) -> bytes:
        """Give `length` bytes from `start`; all of them are not copied."""
        return self.content[start : start + length]


@dataclass(frozen=True, slots=True)
class Content:
    """`head`, and after it what lies in `source` from `start` on."""

    source: Source
    head: bytes = b""
    start: int = 0

    @property
    def size(self) -> int:
        """How many bytes there are in all."""
        return len(self.head) + self.source.size - self.start

    def __iter__(self) -> Iterator[bytes]:
        """Give all of it in pieces, as often as it is asked. Raises OSError when some is missing.

        A source that has become shorter must not pass for a shorter file.
        """
        if self.head:
            yield self.head
        position, end = self.start, self.source.size
        while position < end:
            piece = self.source.read(position, min(PIECE, end - position))
            if not piece:
                raise EOFError(f"{end - position} bytes of {end} are missing")
            yield piece
            position += len(piece)

    def read(self, start: int, length: int) -> bytes:
        """Give `length` bytes from `start`, fewer only at the end."""
        of_head = self.head[start : start + length]
        beyond = max(start - len(self.head), 0) + self.start
        return of_head + self.source.read(beyond, length - len(of_head))

    def whole(self) -> bytes:
        """All of it in memory."""
        return b"".join(self)


def as_content(content: bytes | Content) -> Content:
    """What may be in memory already, as content."""
    return Content(Memory(content)) if isinstance(content, bytes) else content
