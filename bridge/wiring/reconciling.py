"""Reconciliation and what persons do with studies, for the commands and for the console."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from bridge.dicom.worklist_codec import WorklistCodec
from bridge.domain.identifiers import Authority
from bridge.domain.subscription import Subscription
from bridge.mapping.order_control import load_order_control
from bridge.services.compare_study import CompareStudy
from bridge.services.complete_order import Mode
from bridge.services.event_handlers import event_handlers
from bridge.services.order_study import OrderStudy
from bridge.services.preview_study import PreviewStudy, StudyActs
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.publish_study import PublishStudy
from bridge.services.receive_message import ReceiveMessage
from bridge.services.reconcile import Reconcile
from bridge.services.resolve_study import ResolveStudy
from bridge.services.suggest_orders import SuggestOrders
from bridge.services.tell_of_orders import TellOfOrders
from bridge.services.transaction import Store
from bridge.settings import Settings
from bridge.store.database import Database
from bridge.store.repositories import SqlStore
from bridge.wiring.destinations import build_destinations, subscriptions
from bridge.wiring.forwarding import forward_kinds, forward_rules
from bridge.wiring.presentation import coerced_sources
from bridge.wiring.profiles import matching_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDesk:
    """What a person needs to decide of studies: to compare, to preview, to act.

    `acts_over` gives the acts over a store that adds something of its own, as an audit row.
    """

    suggest: SuggestOrders
    compare: CompareStudy
    preview: PreviewStudy
    acts: StudyActs
    acts_over: Callable[[Store], StudyActs]


def build_study_desk(
    settings: Settings,
    store: SqlStore,
    reconcile: Reconcile,
    destinations: Mapping[str, Subscription],
) -> StudyDesk:
    """The desk over a store; `destinations` are all that are told of studies."""
    acts_over = _acts_over(settings, reconcile)
    return StudyDesk(
        suggest=SuggestOrders(store=store, reconcile=reconcile, zone=settings.site.timezone),
        compare=CompareStudy(store=store, reconcile=reconcile),
        preview=PreviewStudy(
            store=store,
            acts_over=acts_over,
            reconcile=reconcile,
            destinations=destinations,
            archives=forward_rules(settings),
        ),
        acts=acts_over(store),
        acts_over=acts_over,
    )


@contextmanager
def study_desk(settings: Settings, database: Database) -> Iterator[StudyDesk]:
    """The desk over a database that is open; the running bridge delivers what follows."""
    told = _subscriptions(settings)
    store = SqlStore(database, orders_changed=TellOfOrders(told, time.time))
    with reconciling(settings) as reconcile:
        everybody = {**told, **forward_kinds(settings)}
        yield build_study_desk(settings, store, reconcile, everybody)


@contextmanager
def reconciling(settings: Settings) -> Iterator[Reconcile]:
    """Reconciliation that queues its news for the destinations as configured."""
    yield Reconcile(
        PublishStudy({**_subscriptions(settings), **forward_kinds(settings)}),
        matching_rules(settings).current,
        presents_orders=coerced_sources(settings),
    )


def _subscriptions(settings: Settings) -> Mapping[str, Subscription]:
    """What the destinations want to know, but those that images are forwarded to."""
    adapters = build_destinations(settings)
    told = subscriptions(settings, adapters)
    for each in adapters:
        each.close()
    return told


def _acts_over(settings: Settings, reconcile: Reconcile) -> Callable[[Store], StudyActs]:
    site = Authority(settings.site.assigning_authority)
    handlers = event_handlers(
        control=load_order_control(),
        worklist=ProjectWorklist(WorklistCodec()),
        reconcile=reconcile,
        site=site,
    )

    def over(store: Store) -> StudyActs:
        return StudyActs(
            resolve=ResolveStudy(store=store, reconcile=reconcile, clock=time.time),
            ordering=OrderStudy(
                store=store,
                # Of a study without a date nobody knows when it was made: its steps are over.
                messages=ReceiveMessage(
                    store=store, handlers=handlers, default_start=lambda _received_at: ""
                ),
                reconcile=reconcile,
                clock=time.time,
                site=site,
                mode=Mode(settings.site.mode),
            ),
        )

    return over
