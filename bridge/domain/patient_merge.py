"""A merge as it is remembered: who was taken for whom, so that it can be taken back."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.identifiers import Identifier


@dataclass(frozen=True, slots=True)
class MergeNote:
    """Who asked for a merge, when it occurred there, and when it was applied here (Unix time)."""

    source: str
    occurred_at: str
    merged_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientMerge:
    """One merge (ADT^A40 and its kin) of two records, or of two identifiers of one record.

    `identifiers` are those that were retired. `merged_at` and `undone_at` are Unix times; the
    latter is None while the merge stands, and `undone_by` says who took it back.
    """

    pk: int
    retired_pk: int
    survivor_pk: int
    identifiers: tuple[Identifier, ...]
    source: str
    occurred_at: str
    merged_at: float
    undone_at: float | None = None
    undone_by: str = ""

    @property
    def stands(self) -> bool:
        """Whether it has not been taken back."""
        return self.undone_at is None
