"""Performed steps as commands see them: the running bridge delivers what follows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bridge.dicom.worklist_codec import WorklistCodec
from bridge.domain.performed_step import PerformedStep
from bridge.services.complete_study import CompleteStudy
from bridge.services.overdue_performed_steps import MOST_LISTED, OverduePerformedSteps, in_words
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.record_performed_step import RecordPerformedStep
from bridge.services.tell_of_orders import TellOfOrders
from bridge.settings import Settings
from bridge.store.database import Database
from bridge.store.repositories import SqlStore
from bridge.wiring.destinations import build_destinations, subscriptions
from bridge.wiring.performed_step_policy import (
    build_overdue,
    discontinuations,
    open_too_long,
    tell_of_performed_steps,
)
from bridge.wiring.reconciling import reconciling


@contextmanager
def ending_steps(settings: Settings, database: Database) -> Iterator[OverduePerformedSteps]:
    """What ends performed steps, over a database that is open."""
    destinations = build_destinations(settings)
    told = TellOfOrders(subscriptions(settings, destinations), time.time)
    for each in destinations:
        each.close()
    store = SqlStore(database, orders_changed=told)
    with reconciling(settings) as reconcile:
        recorder = RecordPerformedStep(
            store=store,
            worklist=ProjectWorklist(WorklistCodec()),
            complete=CompleteStudy(
                store=store,
                reconcile=reconcile,
                settle_seconds=settings.dicom.settle_seconds,
            ),
            clock=time.time,
            discontinuations=discontinuations(settings.dicom.mpps),
            tell=tell_of_performed_steps(settings),
        )
        yield build_overdue(settings, store, recorder)


def overdue_steps(settings: Settings, database: Database, limit: int) -> tuple[PerformedStep, ...]:
    """The performed steps that are in progress for too long."""
    before = time.time() - open_too_long(settings.dicom.mpps).seconds
    return SqlStore(database).read(lambda tx: tx.performed_steps.open_since(before, limit))


def overdue_problem(settings: Settings, database: Database) -> str:
    """What is overdue, in words; empty when nothing is."""
    found = overdue_steps(settings, database, MOST_LISTED)
    return in_words(found, open_too_long(settings.dicom.mpps), time.time())
