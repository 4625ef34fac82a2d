"""The response to a batch (HL7 v2.5.1 2.10.3.1): all acknowledgements in a batch of their own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from bridge.hl7.batch import Batch, Part

_USUAL: Final = b"BHS|^~\\&"
_REFERENCE: Final = 12


def write_batch(batch: Batch, answers: Sequence[Sequence[bytes]], now: datetime) -> bytes:
    """Wrap the answers, those of each message of `batch` together, as the messages were.

    Each header goes back to its sender and names the control ID it answers (BHS-12, FHS-12); each
    trailer counts, and tells in its comment what was wrong with the batch.
    """
    parts = batch.parts or (Part(b"", len(answers)),)
    comment = "; ".join(batch.warnings).encode()
    written = [*_write_parts(parts, answers, comment, now)]
    if batch.file_header:
        separator = _separator(batch.file_header)
        written.insert(0, _write_header(b"FHS", batch.file_header, now))
        written.append(_join(separator, b"FTS", str(len(parts)).encode(), comment))
    return b"".join(written)


def _write_parts(
    parts: Sequence[Part], answers: Sequence[Sequence[bytes]], comment: bytes, now: datetime
) -> Iterator[bytes]:
    position = 0
    for part in parts:
        said = [each for one in answers[position : position + part.size] for each in one]
        position += part.size
        yield _write_header(b"BHS", part.header or _USUAL, now)
        yield from said
        yield _join(_separator(part.header or _USUAL), b"BTS", str(len(said)).encode(), comment)


def _write_header(name: bytes, request: bytes, now: datetime) -> bytes:
    separator = _separator(request)
    fields = request.split(separator)
    fields += [b""] * (_REFERENCE - len(fields))
    # Fields are counted from the separator, which is number 1: number n is at n - 1 here.
    encoding, sender, facility, receiver, receiving_facility = fields[1:6]
    return _join(
        separator,
        name,
        encoding,
        receiver,
        receiving_facility,
        sender,
        facility,
        now.strftime("%Y%m%d%H%M%S%z").encode(),
        b"",
        fields[8],
        b"",
        secrets.token_hex(10).upper().encode(),
        fields[10],
    )


def _separator(header: bytes) -> bytes:
    return header[3:4] or b"|"


def _join(separator: bytes, *fields: bytes) -> bytes:
    return separator.join(fields).rstrip(separator) + b"\r"
