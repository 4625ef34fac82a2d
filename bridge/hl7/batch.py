"""Batches (HL7 v2.5.1 2.10.3): `FHS BHS MSH.. MSH.. BTS FTS` taken apart into messages.

Bytes in, bytes out: each message keeps its own, with its own character set in MSH-18.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_FRAMING: Final = frozenset({b"FHS", b"BHS", b"BTS", b"FTS"})
_BLANK: Final = b"\xef\xbb\xbf\x0b\r\n\t "
_LINES: Final = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|$)")
_SECOND_MESSAGE: Final = re.compile(rb"[\r\n]MSH[^A-Za-z0-9\s]")


@dataclass(frozen=True, slots=True)
class Batch:
    """The messages of a payload in order, and what its trailers got wrong."""

    messages: tuple[bytes, ...]
    warnings: tuple[str, ...] = ()


def split(payload: bytes) -> Batch:
    """Take a payload apart; a single message comes back as it is.

    A count in BTS-1 or FTS-1 that does not agree is a warning: what arrived is processed.
    """
    beginning = payload[:64].lstrip(_BLANK)
    if beginning[:3] not in _FRAMING and not _SECOND_MESSAGE.search(payload):
        return Batch((payload,))
    return _Splitter().split(payload)


class _Splitter:
    """Walks through the lines of one batch."""

    def __init__(self) -> None:
        self.messages: list[list[bytes]] = []
        self.warnings: list[str] = []
        self.batches = 0
        self.in_batch = 0

    def split(self, payload: bytes) -> Batch:
        separator = payload.lstrip(_BLANK)[3:4] or b"|"
        for line in _LINES.findall(payload):
            name = line.lstrip(_BLANK)[:3]
            if name in _FRAMING:
                self._read_framing(name.decode("ascii"), line.rstrip().split(separator))
            elif name == b"MSH":
                self.messages.append([line.lstrip(_BLANK)])
                self.in_batch += 1
            elif self.messages:
                self.messages[-1].append(line)
            elif line.strip(_BLANK):
                self.warnings.append("a segment before the first MSH of the batch was dropped")
        return Batch(tuple(map(b"".join, self.messages)), tuple(self.warnings))

    def _read_framing(self, name: str, fields: list[bytes]) -> None:
        if name == "BHS":
            self.batches += 1
            self.in_batch = 0
        elif name == "BTS":
            self._compare("BTS-1", fields, self.in_batch, "messages")
        elif name == "FTS":
            self._compare("FTS-1", fields, self.batches, "batches")

    def _compare(self, place: str, fields: list[bytes], found: int, what: str) -> None:
        stated = fields[1].strip() if len(fields) > 1 else b""
        if stated and stated != str(found).encode():
            self.warnings.append(f"{place} does not agree: there are {found} {what}")
