"""Subscriptions that others hold at the FHIR server."""

from __future__ import annotations

import time

from bridge.delivery.dispatcher import Dispatcher
from bridge.domain.delivery import RetryPolicy
from bridge.fhir.subscriptions.channel import SubscriptionChannel, SubscriptionOutbox
from bridge.fhir.subscriptions.desk import SubscriptionDesk, Terms
from bridge.services.offer_subscriptions import LONGEST_AGE
from bridge.wiring.core import Core
from bridge.wiring.fhir_server import house_of

_RETRY = RetryPolicy(base=1.0, ceiling=300.0)


def build_desk(core: Core) -> SubscriptionDesk:
    """Where subscriptions are made."""
    settings = core.settings
    alone = settings.processes == 1 and core.database.is_sqlite
    terms = Terms(
        endpoints=settings.fhir.subscription_endpoints,
        # Whoever else writes events learns of it before the subscriber is told that it is active.
        wait=0.0 if alone else LONGEST_AGE,
    )
    return SubscriptionDesk(house_of(core), terms, core.subscribers)


def build_channel(core: Core) -> SubscriptionChannel:
    """How subscribers are told."""
    return SubscriptionChannel(
        core.store,
        house_of(core),
        time.time,
        attempts=core.settings.fhir.subscription_attempts,
        retry=_RETRY,
    )


def build_subscription_dispatcher(
    core: Core, channel: SubscriptionChannel, owner: str
) -> Dispatcher:
    """What drives the channel; `owner` names this node in claims."""
    return Dispatcher(SubscriptionOutbox(core.store), [channel], time.time, owner)
