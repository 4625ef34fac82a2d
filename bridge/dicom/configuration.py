"""What the DICOM edge is told at start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """An application entity that is known. No character set: it takes whatever a text needs."""

    ae_title: str
    host: str = ""
    port: int = 0
    specific_character_set: str = ""


@dataclass(frozen=True, kw_only=True)
class DicomConfiguration:
    """The bridge's own application entity. Times in seconds, sizes in bytes.

    Port 0 takes any free port. `worklist_limit` is the most items that one query gets.
    `idle_timeout` ends associations on which nothing moves; it also bounds how long a peer may
    leave a PDU half sent or a response unread. `maximum_pdu` is the longest P-DATA PDU that peers
    may send.
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

    @cached_property
    def peers_by_title(self) -> Mapping[str, Peer]:
        """The known peers by AE title."""
        return {peer.ae_title: peer for peer in self.peers}
