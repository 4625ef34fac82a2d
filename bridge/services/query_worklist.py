"""Answer a modality's worklist query (PS3.4 Annex K)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bridge.domain.surrogate import LONGEST_LO, LONGEST_SH, shown, sought
from bridge.domain.worklist import WorklistItem, WorklistQuery
from bridge.services.transaction import Store, Transaction

_WILDCARDS = frozenset("*?")


class QueryWorklist:
    """Finds the scheduled steps that match."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, query: WorklistQuery, limit: int) -> Sequence[WorklistItem]:
        """Items by ascending start, at most `limit` + 1: one more tells that there are more."""
        return self._store.read(lambda tx: tx.worklist.find(prepared(tx, query), limit + 1))


def prepared(tx: Transaction, query: WorklistQuery) -> WorklistQuery:
    """The query in terms of what entries show.

    Its accession number may be longer than modalities are shown, and its Patient ID one that the
    patient has beside that or had before.
    """
    query = replace(query, accession_number=sought(query.accession_number, LONGEST_SH))
    value, issuer = query.patient_id, query.issuer_of_patient_id
    if not value or _WILDCARDS & set(value) or query.impossible:
        return query
    named = tx.patients.shown_as(value, "" if _WILDCARDS & set(issuer) else issuer)
    if not named:
        return query
    return replace(query, shown_as=tuple(shown(each, LONGEST_LO) for each in named))
