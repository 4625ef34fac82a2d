"""RIS that performed steps are passed on to."""

from __future__ import annotations

import time

from bridge.delivery.dispatcher import Dispatcher
from bridge.delivery.worker import Pace
from bridge.dicom.performed_step_forwarding import PerformedStepDestination
from bridge.services.forward_performed_steps import PerformedStepOutbox, PerformedStepRule
from bridge.settings import MppsDestination
from bridge.wiring.core import Core
from bridge.wiring.destinations import limits_of, remote, retry_policy
from bridge.wiring.performed_step_policy import performed_step_destinations

# A RIS that thinks for half a minute about each of many messages still has only one sender.
_PACE = Pace(lanes=4)


def build_performed_step_forwarding(core: Core, owner: str) -> Dispatcher:
    """Pass performed steps on to each destination of this kind that is enabled."""
    destinations = performed_step_destinations(core.settings)
    outbox = PerformedStepOutbox(core.store, {each.name: _rule(each) for each in destinations})
    return Dispatcher(
        outbox,
        [
            PerformedStepDestination(
                name=each.name,
                remote=remote(core.settings, each),
                retry=retry_policy(each),
                progress=outbox,
            )
            for each in destinations
            if each.enabled
        ],
        time.time,
        owner,
        pace=_PACE,
        limits=limits_of(core.settings),
        tally=core.tally,
    )


def _rule(settings: MppsDestination) -> PerformedStepRule:
    return PerformedStepRule(
        modalities=frozenset(settings.modalities), sources=frozenset(settings.sources)
    )
