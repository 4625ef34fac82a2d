"""Reconciliation as commands use it: the running bridge delivers what follows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bridge.dicom.worklist_codec import WorklistCodec
from bridge.domain.identifiers import Authority
from bridge.mapping.order_control import load_order_control
from bridge.services.complete_order import Mode
from bridge.services.event_handlers import event_handlers
from bridge.services.order_study import OrderStudy
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.publish_study import PublishStudy
from bridge.services.receive_message import ReceiveMessage
from bridge.services.reconcile import Reconcile
from bridge.services.resolve_study import ResolveStudy
from bridge.services.tell_of_orders import TellOfOrders
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


@contextmanager
def ordering_studies(settings: Settings, database: Database) -> Iterator[OrderStudy]:
    """Orders of studies that came without one, over a database that is open."""
    site = Authority(settings.site.assigning_authority)
    destinations = build_destinations(settings)
    told = TellOfOrders(subscriptions(destinations), time.time)
    for each in destinations:
        each.close()
    store = SqlStore(database, orders_changed=told)
    with reconciling(settings) as reconcile:
        handlers = event_handlers(
            control=load_order_control(),
            worklist=ProjectWorklist(WorklistCodec()),
            reconcile=reconcile,
            site=site,
        )
        yield OrderStudy(
            store=store,
            # Of a study without a date nobody knows when it was made: its steps are over anyway.
            messages=ReceiveMessage(
                store=store, handlers=handlers, default_start=lambda _received_at: ""
            ),
            reconcile=reconcile,
            clock=time.time,
            site=site,
            mode=Mode(settings.site.mode),
        )
