"""What reading a message yields, and what readers know of the site and the sender."""

from __future__ import annotations

from collections.abc import Callable
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
    """How messages of one link are read: its profile, the site as that profile knows it, its mode.

    `mode` is who owns the identifiers (`ris`, `his_only`; STANDARDS.md section 1).
    """

    profile: Profile
    site: Site
    mode: str = "his_only"

    @staticmethod
    def of(profile: Profile, site: Site, mode: str = "his_only") -> Sender:
        """Bring a profile and a site together."""
        return Sender(profile, profile.localize(site), mode)


class CurrentSender:
    """The sender of a link by the newest version of its profile; asked once for each message."""

    def __init__(
        self, profile: Callable[[], Profile], site: Site, *, mode: str, default_mode: str
    ) -> None:
        """`mode` is what the link says and "" when it leaves that to its profile, then the site."""
        self._profile = profile
        self._site = site
        self._mode = mode
        self._default_mode = default_mode
        self._known = self._make(profile())

    def __call__(self) -> Sender:
        """The sender as it is now."""
        profile = self._profile()
        if self._known.profile is not profile:
            self._known = self._make(profile)
        return self._known

    def _make(self, profile: Profile) -> Sender:
        mode = self._mode or profile.options.mode or self._default_mode
        return Sender.of(profile, self._site, mode)
