"""What goes between the bridge and the processes that decode: lengths, JSON, bytes.

Nothing that comes back is trusted to be more than bytes: a decoder may have been taken over.
"""

from __future__ import annotations

import json
import struct
from typing import IO, Any

_HEAD = struct.Struct(">LQQ")
_LONGEST_WORDS = 1 << 20
LONGEST = 2 << 30


class BrokenChannel(Exception):
    """The other side is gone, or says what cannot be."""


def send(
    channel: IO[bytes], words: dict[str, Any], first: bytes = b"", second: bytes = b""
) -> None:
    """Write one message. Raises OSError."""
    said = json.dumps(words).encode()
    channel.write(_HEAD.pack(len(said), len(first), len(second)) + said)
    channel.write(first)
    channel.write(second)
    channel.flush()


def receive(channel: IO[bytes]) -> tuple[dict[str, Any], bytes, bytes] | None:
    """Read one message; None when the other side is done. Raises BrokenChannel."""
    head = channel.read(_HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size:
        raise BrokenChannel("the message ends in its head")
    said, first, second = _HEAD.unpack(head)
    if said > _LONGEST_WORDS or first + second > LONGEST:
        raise BrokenChannel("the message is too long")
    words = json.loads(_exactly(channel, said))
    if not isinstance(words, dict):
        raise BrokenChannel("the message says nothing")
    return words, _exactly(channel, first), _exactly(channel, second)


def _exactly(channel: IO[bytes], length: int) -> bytes:
    content = channel.read(length) if length else b""
    if len(content) < length:
        raise BrokenChannel("the message is cut short")
    return content
