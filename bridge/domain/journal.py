"""The journal: every message in or out, as it was on the wire, and what it mentions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Seen from the bridge."""

    IN = "in"
    OUT = "out"


class Disposition(StrEnum):
    """What became of a message."""

    APPLIED = "applied"
    NOTED = "noted"
    STALE = "stale"
    PARKED = "parked"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    FAILED = "failed"
    SENT = "sent"


class Mention(StrEnum):
    """The kinds of identifier that the one search box finds messages by."""

    ACCESSION_NUMBER = "accession number"
    PATIENT_ID = "patient id"
    ORDER_NUMBER = "order number"
    STUDY_INSTANCE_UID = "study instance uid"
    CONTROL_ID = "control id"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One message. `raw` and `reply` are the bytes of the wire, never normalised.

    `dedupe_key` is set only for what was applied: a second message with the same key is refused
    by the store, which is how the same message is applied once.
    """

    direction: Direction
    protocol: str
    peer: str
    type: str
    control_id: str
    content_hash: str
    received_at: float
    disposition: Disposition
    raw: bytes
    reply: bytes = b""
    error: str = ""
    warnings: tuple[str, ...] = ()
    dedupe_key: str | None = None
    mentions: tuple[tuple[Mention, str], ...] = ()
