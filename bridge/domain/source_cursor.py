"""How far a server that is asked for orders was read, and how that goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCursor:
    """Up to when one type of resource was read from one source.

    `since` is the newest time of change (a FHIR instant of the server's clock) of what was read;
    empty before the first answer. `asked_at` and `answered_at` are ours (unix time), `failures`
    counts those since the last answer, and `problem` says what the last of them was.
    """

    source: str
    kind: str
    since: str = ""
    asked_at: float = 0.0
    answered_at: float = 0.0
    failures: int = 0
    problem: str = ""
