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
class Part:
    """One BHS and as many messages as stand behind it; `header` is empty where none stands."""

    header: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Batch:
    """The messages of a payload in order, how they were wrapped, and what was wrong with that.

    `parts` is empty for a payload without FHS and BHS; `file_header` is FHS where there was one.
    """

    messages: tuple[bytes, ...]
    warnings: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    file_header: bytes = b""

    @property
    def is_wrapped(self) -> bool:
        """Whether a batch or file header stood there, and not just one message after another."""
        return bool(self.parts or self.file_header)


def split(payload: bytes) -> Batch:
    """Take a payload apart; a single message comes back as it is.

    A count in BTS-1 or FTS-1 that does not agree is a warning: what arrived is processed.
    """
    beginning = payload[:64].lstrip(_BLANK)
    # Counting costs a tenth of searching, and nearly every payload is one message.
    is_plain = beginning[:3] == b"MSH" and payload.count(b"MSH") == 1
    if is_plain or not (beginning[:3] in _FRAMING or _SECOND_MESSAGE.search(payload)):
        return Batch((payload,))
    return _Splitter().split(payload)


class _Splitter:
    """Walks through the lines of one batch."""

    def __init__(self) -> None:
        self.messages: list[list[bytes]] = []
        self.warnings: list[str] = []
        self.file_header = b""
        self.headers: list[bytes] = []
        self.sizes: list[int] = []
        self.inside = False

    def split(self, payload: bytes) -> Batch:
        for line in _LINES.findall(payload):
            name = line.lstrip(_BLANK)[:3]
            if name in _FRAMING:
                self._read_framing(name.decode("ascii"), line.strip(_BLANK))
            elif name == b"MSH":
                self._begin_message(line.lstrip(_BLANK))
            elif self.messages:
                self.messages[-1].append(line)
            elif line.strip(_BLANK):
                self.warnings.append("a segment before the first MSH of the batch was dropped")
        self._end_batch()
        return Batch(
            tuple(map(b"".join, self.messages)),
            tuple(self.warnings),
            tuple(map(Part, self.headers, self.sizes)),
            self.file_header,
        )

    def _begin_message(self, line: bytes) -> None:
        self.messages.append([line])
        if self.inside:
            self.sizes[-1] += 1
        elif self.headers or self.file_header:
            self._begin_batch(b"")
            self.sizes[-1] += 1

    def _begin_batch(self, header: bytes) -> None:
        self._end_batch()
        self.headers.append(header)
        self.sizes.append(0)
        self.inside = True

    def _end_batch(self) -> None:
        """A header without its trailer: what came is complete, as far as anybody can tell."""
        if self.inside and self.headers[-1]:
            self.warnings.append("a batch ends without BTS")
        self.inside = False

    def _read_framing(self, name: str, line: bytes) -> None:
        if name == "FHS":
            self.file_header = self.file_header or line
        elif name == "BHS":
            self._begin_batch(line)
        elif name == "BTS":
            found = self.sizes[-1] if self.inside else len(self.messages)
            self.inside = False
            self._compare("BTS-1", line, found, "messages")
        else:
            self._end_batch()
            self._compare("FTS-1", line, sum(map(bool, self.headers)), "batches")

    def _compare(self, place: str, line: bytes, found: int, what: str) -> None:
        fields = line.split(line[3:4] or b"|")
        stated = fields[1].strip() if len(fields) > 1 else b""
        if stated and stated != str(found).encode():
            self.warnings.append(f"{place} does not agree: there are {found} {what}")
