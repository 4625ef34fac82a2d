"""Reconciliation as commands use it: the running bridge delivers what follows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bridge.services.publish_study import PublishStudy
from bridge.services.reconcile import Reconcile
from bridge.services.resolve_study import ResolveStudy
from bridge.settings import Settings
from bridge.store.database import Database
from bridge.store.repositories import SqlStore
from bridge.wiring.destinations import build_destinations, subscriptions
from bridge.wiring.forwarding import forward_kinds
from bridge.wiring.presentation import coerced_sources
from bridge.wiring.profiles import matching_rules


@contextmanager
def reconciling(settings: Settings) -> Iterator[Reconcile]:
    """Reconciliation that queues its news for the destinations as configured."""
    destinations = build_destinations(settings)
    try:
        yield Reconcile(
            PublishStudy({**subscriptions(destinations), **forward_kinds(settings)}),
            matching_rules(settings).current,
            presents_orders=coerced_sources(settings),
        )
    finally:
        for each in destinations:
            each.close()


@contextmanager
def resolving_studies(settings: Settings, database: Database) -> Iterator[ResolveStudy]:
    """What persons do with studies, over a database that is open."""
    with reconciling(settings) as reconcile:
        yield ResolveStudy(store=SqlStore(database), reconcile=reconcile, clock=time.time)
