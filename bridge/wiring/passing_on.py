"""Which accepted messages are passed on, from the settings."""

from __future__ import annotations

from bridge.services.pass_on_messages import PassOnRule
from bridge.settings import Hl7Destination, Settings


def pass_on_rules(settings: Settings) -> dict[str, PassOnRule]:
    """Which accepted messages go to which receivers."""
    return {
        each.name: PassOnRule(
            types=frozenset(each.pass_on.messages),
            sources=frozenset(each.pass_on.sources),
            receiver=each.receiving_application,
        )
        for each in settings.destinations
        if isinstance(each, Hl7Destination) and each.pass_on.messages
    }
