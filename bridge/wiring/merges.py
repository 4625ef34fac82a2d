"""Undoing a merge of patients, composed for a command: the running bridge delivers what follows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bridge.dicom.worklist_codec import WorklistCodec
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.undo_merge import UndoMerge
from bridge.settings import Settings
from bridge.store.database import Database
from bridge.store.repositories import SqlStore
from bridge.wiring.reconciling import reconciling


@contextmanager
def undoing_merges(settings: Settings, database: Database) -> Iterator[UndoMerge]:
    """The use case over a database that is open; destinations are told as configured."""
    with reconciling(settings) as reconcile:
        yield UndoMerge(
            store=SqlStore(database),
            worklist=ProjectWorklist(WorklistCodec()),
            reconcile=reconcile,
            clock=time.time,
        )
