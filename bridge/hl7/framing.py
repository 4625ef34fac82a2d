"""Frames of the minimal lower layer protocol (HL7 v2 MLLP release 1): `0B`, message, `1C 0D`.

Pure: bytes go in, events come out, whatever the pieces they arrive in. Tolerated are bytes between
frames, an end without its CR, and a frame that breaks off where another begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

START: Final = b"\x0b"
END: Final = b"\x1c"
DEFAULT_LIMIT: Final = 16 * 1024 * 1024
_CARRIAGE_RETURN: Final = b"\r"
_LINE_ENDS: Final = b"\r\n"
_HEAD: Final = 4096
_BEGINNINGS: Final = (b"MSH", b"FHS", b"BHS", b"\xef\xbb\xbfMSH")


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole message, without its framing."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Junk:
    """So many bytes, line ends not counted, lay outside any frame and were dropped."""

    size: int


@dataclass(frozen=True, slots=True)
class Resync:
    """A frame began inside an unfinished one, whose bytes (so many) were dropped."""

    size: int


@dataclass(frozen=True, slots=True)
class Oversize:
    """A frame of `size` bytes passed the limit and was dropped; `head` is its beginning."""

    size: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Truncated:
    """The stream ended inside a frame, after so many bytes."""

    size: int


FramingEvent = Frame | Junk | Resync | Oversize | Truncated


def frame(payload: bytes) -> bytes:
    """Put a message into a frame."""
    return START + payload + END + _CARRIAGE_RETURN


class FrameReader:
    """Finds frames in a stream of bytes; holds at most `limit` bytes plus the last piece fed."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        """Refuse messages of more than `limit` bytes."""
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self._junk = 0
        self._dropped = 0
        self._head = b""
        self.inside = False
        """True while a frame has begun and not ended."""

    @property
    def junk(self) -> int:
        """How many bytes lay outside any frame since the last one, line ends not counted."""
        return self._junk

    @property
    def held(self) -> int:
        """How many bytes wait for the rest of their frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[FramingEvent]:
        """Take the next bytes of the stream; return what they complete, in order."""
        events: list[FramingEvent] = []
        self._buffer += data
        while (self.inside or self._find_start(events)) and self._find_end(events):
            pass
        return events

    def finish(self) -> list[FramingEvent]:
        """Say what the end of the stream cut off."""
        events: list[FramingEvent] = []
        self._report_junk(events)
        if self.inside:
            events.append(Truncated(self._dropped + len(self._buffer)))
        return events

    def _find_start(self, events: list[FramingEvent]) -> bool:
        start = self._buffer.find(START)
        self.inside = start >= 0
        skipped = self._buffer[:start] if self.inside else self._buffer
        self._junk += len(skipped.translate(None, _LINE_ENDS))
        if not self.inside:
            self._buffer.clear()
            return False
        self._report_junk(events)
        del self._buffer[: start + 1]
        return True

    def _find_end(self, events: list[FramingEvent]) -> bool:
        end = self._buffer.find(END, self._searched)
        if end < 0:
            self._searched = len(self._buffer)
            if self._dropped or self._searched > self._limit:
                self._drop(self._searched)
            return False
        if self._dropped or end > self._limit:
            self._drop(end)
            events.append(Oversize(self._dropped, self._head))
            self._dropped, self._head = 0, b""
        else:
            events.extend(_complete(bytes(self._buffer[:end])))
            del self._buffer[:end]
        del self._buffer[:1]
        self._searched = 0
        self.inside = False
        return True

    def _drop(self, size: int) -> None:
        """Let go of so many bytes of a frame that is too large."""
        self._head = self._head or bytes(self._buffer[: min(self._limit, _HEAD)])
        self._dropped += size
        self._searched = 0
        del self._buffer[:size]

    def _report_junk(self, events: list[FramingEvent]) -> None:
        if self._junk:
            events.append(Junk(self._junk))
            self._junk = 0


def _complete(payload: bytes) -> list[FramingEvent]:
    """Cut off an unfinished frame before the last beginning; a lone `0B` is a character of text."""
    if START not in payload:
        return [Frame(payload)]
    start = max(payload.rfind(START + beginning) for beginning in _BEGINNINGS)
    if start < 0:
        return [Frame(payload)]
    return [Resync(start), Frame(payload[start + 1 :])]
