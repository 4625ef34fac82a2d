"""What reading a message yields, and what readers know of the site and the sender."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.events import Event
from bridge.mapping.profiles import Profile
from bridge.mapping.source import Site


@dataclass(frozen=True, slots=True)
class Reading:
    """The events of a message in its order.

    `warnings` tell the sender which values could not be used, each as `LOCATION: text`; `remarks`
    are for the journal only.
    """

    events: tuple[Event, ...]
    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sender:
    """How messages of one link are read: its profile, and the site as that profile knows it."""

    profile: Profile
    site: Site

    @staticmethod
    def of(profile: Profile, site: Site) -> Sender:
        """Bring a profile and a site together."""
        return Sender(profile, profile.localize(site))
