"""Answer a modality's worklist query (PS3.4 Annex K)."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.domain.worklist import WorklistItem, WorklistQuery
from bridge.services.transaction import Store


class QueryWorklist:
    """Finds the scheduled steps that match."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, query: WorklistQuery, limit: int) -> Sequence[WorklistItem]:
        """Items by ascending start, at most `limit` + 1: one more tells that there are more."""
        return self._store.read(lambda tx: tx.worklist.find(query, limit + 1))
