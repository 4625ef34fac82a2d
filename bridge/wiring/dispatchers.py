"""Every dispatcher: one for each kind of thing that is delivered."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from bridge.delivery.dispatcher import Dispatcher
from bridge.domain.subscription import Subscription
from bridge.fhir.subscriptions.channel import SubscriptionChannel
from bridge.hl7.return_connection import ReturnConnection
from bridge.services.deliver_acknowledgement import AcknowledgementOutbox
from bridge.wiring.commitment import build_commitment_dispatcher
from bridge.wiring.core import Core
from bridge.wiring.destinations import Adapter, limits_of
from bridge.wiring.forwarding import build_forwarding
from bridge.wiring.hl7_answers import return_pace
from bridge.wiring.hl7_out import build_hl7_dispatcher, told_otherwise
from bridge.wiring.performed_steps import build_performed_step_forwarding
from bridge.wiring.subscriptions import build_subscription_dispatcher


def build_dispatchers(
    core: Core,
    destinations: Sequence[Adapter],
    returns: Sequence[ReturnConnection],
    told: Mapping[str, Subscription],
    channel: SubscriptionChannel,
    owner: str,
) -> tuple[Dispatcher, ...]:
    """`told` is what destinations want to know, `owner` names this node in claims."""
    limits = limits_of(core.settings)
    news = told_otherwise(destinations)
    acknowledgements, pace = AcknowledgementOutbox(core.store), return_pace(core.settings)
    return (
        Dispatcher(core.outbox, news, time.time, owner, limits=limits, tally=core.tally),
        build_hl7_dispatcher(core, destinations, told, owner, limits),
        Dispatcher(acknowledgements, returns, time.time, owner, pace=pace, tally=core.tally),
        build_commitment_dispatcher(core, owner),
        build_forwarding(core, owner),
        build_performed_step_forwarding(core, owner),
        build_subscription_dispatcher(core, channel, owner),
    )
