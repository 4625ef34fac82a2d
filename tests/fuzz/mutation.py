"""Making bytes worse: what devices, networks and adversaries do to a data set or a PDU."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from random import Random

Mutation = Callable[[bytes, Random], bytes]

_LENGTHS = (0, 1, 7, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
_MARKS = (
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff",  # an item without length
    b"\xfe\xff\x0d\xe0\x00\x00\x00\x00",  # its end
    b"\xfe\xff\xdd\xe0\x00\x00\x00\x00",  # the end of a sequence
    b"\x08\x00\x05\x00CS\x08\x00GB18030 ",
    b"\x10\x00\x10\x00PN\xff\xff",
    b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff",
    b"\x40\x00\x75\x02SQ\x00\x00\xff\xff\xff\xff",
    b"\x1b$B",
    b"\0",
    b"\xff" * 16,
    b"\\" * 64,
    "\ud800".encode("utf-8", "surrogatepass"),
)


def _flip(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def _set(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + random.randbytes(random.randint(1, 4)) + data[at + 1 :]


def _cut(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data))]


def _remove(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    return data[:start] + data[start + random.randint(1, 32) :]


def _repeat(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    part = data[start : start + random.randint(1, 200)]
    return data[:start] + part * random.randint(2, 20) + data[start:]


def _insert(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(_MARKS) + data[at:]


def _length(data: bytes, random: Random) -> bytes:
    """Write another number where one may stand."""
    form = random.choice(["<H", "<L", ">H", ">L"])
    size = struct.calcsize(form)
    at = random.randrange(len(data)) & ~1
    number = random.choice(_LENGTHS) & ((1 << 8 * size) - 1)
    return data[:at] + struct.pack(form, number) + data[at + size :]


def _move(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    end = min(len(data), start + random.randint(1, 64))
    rest = data[:start] + data[end:]
    at = random.randrange(len(rest) + 1)
    return rest[:at] + data[start:end] + rest[at:]


_MUTATIONS: Sequence[Mutation] = (
    _flip,
    _set,
    _cut,
    _remove,
    _repeat,
    _insert,
    _length,
    _length,
    _move,
)


def mutate(data: bytes, random: Random, most: int = 6) -> bytes:
    """Several things at once, sometimes none."""
    for _ in range(random.randint(0, most)):
        if data:
            data = random.choice(_MUTATIONS)(data, random)
    return data


def spliced(first: bytes, second: bytes, random: Random) -> bytes:
    """The beginning of one and the end of another."""
    return first[: random.randrange(len(first) + 1)] + second[random.randrange(len(second) + 1) :]
