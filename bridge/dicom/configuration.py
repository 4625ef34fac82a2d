"""What the DICOM edge is told at start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """An application entity that is known. No character set: it takes whatever a text needs.

    `aliases` are the titles of others that share its worklist and everything else said here.
    """

    ae_title: str
    host: str = ""
    port: int = 0
    specific_character_set: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def titles(self) -> tuple[str, ...]:
        """Every title it is known by."""
        return (self.ae_title, *self.aliases)


@dataclass(frozen=True, kw_only=True)
class DicomConfiguration:
    """The bridge's own application entity. Times in seconds, sizes in bytes.

    Port 0 takes any free port. `worklist_limit` is the most items that one query gets.
    `idle_timeout` ends associations on which nothing moves; it also bounds how long a peer may
    leave a PDU half sent or a response unread. `maximum_pdu` is the longest P-DATA PDU that peers
    may send, `maximum_message` the longest data set, which is held in memory as it arrives.
    """

    ae_title: str = "BRIDGE"
    host: str = "127.0.0.1"
    port: int = 11112
    accepts_unknown_peers: bool = True
    peers: tuple[Peer, ...] = field(default_factory=tuple)
    max_associations: int = 100
    worklist_limit: int = 500
    idle_timeout: float = 60.0
    maximum_pdu: int = 131_072
    maximum_message: int = 2 << 30

    @cached_property
    def peers_by_title(self) -> Mapping[str, Peer]:
        """The known peers by every AE title they have."""
        return {title: peer for peer in self.peers for title in peer.titles}

    def sharing(self, ae_titles: tuple[str, ...]) -> tuple[str, ...]:
        """These AE titles, and those of whoever shares a worklist with one of them."""
        known = self.peers_by_title
        shared = (known[title].titles if title in known else () for title in ae_titles)
        return tuple(dict.fromkeys((*ae_titles, *(each for titles in shared for each in titles))))
