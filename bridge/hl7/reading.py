"""What reading a message yields, and what readers know of the site and the sender."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.order import Event
from bridge.mapping.profiles import Profile
from bridge.mapping.source import Site


@dataclass(frozen=True, slots=True)
class Reading:
    """The events of a message in its order, and what its reader tolerated."""

    events: tuple[Event, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sender:
    """How messages of one link are read: its profile, and the site as that profile knows it."""

    profile: Profile
    site: Site

    @staticmethod
    def of(profile: Profile, site: Site) -> Sender:
        """Bring a profile and a site together."""
        return Sender(profile, profile.localize(site))
