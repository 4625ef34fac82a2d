"""What the DICOM edge is told at start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from bridge.domain.performed_step_policy import USUAL, PerformedStepPolicy
from bridge.domain.worklist import OpenSteps, Stations
from bridge.domain.worklist_policy import EVERYTHING_SHOWN, NO_QUIRKS, Quirks, WorklistPolicy
from bridge.services.room import ENDLESS, Room


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """An application entity that is known. No character set: it takes whatever a text needs.

    `aliases` are the titles of others that share its worklist and everything else said here;
    members of the same of the `pools` share their worklists alone, and steps scheduled for the name
    of the pool. `modalities`, `locations` and `worklist_labels` say what is done there.
    `max_associations` are those open at one time, under any of its titles.
    """

    ae_title: str
    host: str = ""
    port: int = 0
    specific_character_set: str = ""
    aliases: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    worklist_labels: tuple[str, ...] = ()
    worklist: WorklistPolicy = EVERYTHING_SHOWN
    quirks: Quirks = NO_QUIRKS
    performed_steps: PerformedStepPolicy | None = None
    max_associations: int | None = None

    @property
    def titles(self) -> tuple[str, ...]:
        """Every title it is known by."""
        return (self.ae_title, *self.aliases)


@dataclass(frozen=True, kw_only=True)
class DicomConfiguration:
    """The bridge's own application entity. Times in seconds, sizes in bytes.

    `called_ae_titles` are those it answers to beside its own; with none it answers to any. Without
    `stores_any` only storage SOP classes that the standard registers are taken.
    Port 0 takes any free port; with `shares_port` other processes listen on it, too.
    `worklist_limit` is the most items that one query gets.
    `idle_timeout` ends associations on which nothing moves; it also bounds how long a peer may
    leave a PDU half sent or a response unread. `maximum_pdu` is the longest P-DATA PDU that peers
    may send, `maximum_message` the longest data set; what is long is held in the folder `spool` as
    it arrives (the system's own when None) while there is `room`.
    `worklist` is what peers are shown that nothing is said of, `performed_steps` how theirs are
    taken; `zone` is that of the site.
    """

    ae_title: str = "BRIDGE"
    host: str = "127.0.0.1"
    port: int = 11112
    called_ae_titles: tuple[str, ...] = ()
    accepts_unknown_peers: bool = True
    stores_any: bool = True
    peers: tuple[Peer, ...] = field(default_factory=tuple)
    max_associations: int = 100
    shares_port: bool = False
    worklist_limit: int = 500
    idle_timeout: float = 60.0
    maximum_pdu: int = 131_072
    maximum_message: int = 8 << 30
    spool: Path | None = None
    room: Room = ENDLESS
    worklist: WorklistPolicy = EVERYTHING_SHOWN
    performed_steps: PerformedStepPolicy = USUAL
    zone: tzinfo = UTC

    @cached_property
    def peers_by_title(self) -> Mapping[str, Peer]:
        """The known peers by every AE title they have."""
        return {title: peer for peer in self.peers for title in peer.titles}

    def peer(self, ae_title: str) -> Peer:
        """The peer of this title; one that nothing is said of when it is not known."""
        known = self.peers_by_title.get(ae_title)
        return known or Peer(ae_title=ae_title, worklist=self.worklist)

    def performed_steps_of(self, ae_title: str) -> PerformedStepPolicy:
        """How performed steps of the peer of this title are taken."""
        return self.peer(ae_title).performed_steps or self.performed_steps

    def sharing(self, ae_titles: tuple[str, ...]) -> tuple[str, ...]:
        """These AE titles, and those of whoever shares a worklist with one of them."""
        shared = dict.fromkeys(ae_titles)
        for title in ae_titles:
            for each in self._members(title):
                shared.update(dict.fromkeys((*each.titles, *self._pools_of(each, title))))
        return tuple(shared)

    def stations(self, ae_titles: tuple[str, ...]) -> Stations:
        """The stations that are meant by titles, which may hold wildcards, and what they take."""
        takes: dict[OpenSteps, None] = {}
        for title in ae_titles:
            for each in self._members(title) or (Peer(ae_title=title),):
                takes[OpenSteps(each.modalities, each.locations)] = None
        bounded = all(each.modalities or each.locations for each in takes)
        return Stations(self.sharing(ae_titles), tuple(takes) if bounded else ())

    def _members(self, title: str) -> tuple[Peer, ...]:
        """Who is meant by a title, a pattern or the name of a pool, and the members of its pools.

        A pattern means those whose own title it is like.
        """
        if "*" in title or "?" in title:
            pattern = title.replace("[", "[[]")
            return tuple(
                peer
                for peer in self.peers
                if any(fnmatchcase(each, pattern) for each in peer.titles)
            )
        known = self.peers_by_title.get(title)
        pools = {title, *(known.pools if known else ())}
        return tuple(
            peer for peer in self.peers if peer is known or not pools.isdisjoint(peer.pools)
        )

    def _pools_of(self, peer: Peer, title: str) -> tuple[str, ...]:
        """The pools that a member shares with whom `title` names."""
        known = self.peers_by_title.get(title)
        mine = {title, *(known.pools if known else peer.pools)}
        return tuple(pool for pool in peer.pools if pool in mine)
