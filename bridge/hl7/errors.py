"""Why HL7 v2 bytes could not be read or carried."""

from __future__ import annotations

from bridge.domain.errors import BridgeError


class Er7Error(BridgeError):
    """The bytes are no HL7 v2 message in ER7 encoding."""

    code = "102"


class HeaderMissing(Er7Error):
    """The message does not begin with an MSH segment (HL7 table 0357: 100)."""

    code = "100"


class HeaderUnreadable(Er7Error):
    """MSH is there, but its delimiters are not (HL7 table 0357: 102)."""


class CharacterSetRefused(Er7Error):
    """The message is in UTF-16 or UTF-32, which MLLP cannot carry (HL7 table 0357: 102)."""


class LinkError(BridgeError):
    """An MLLP peer was out of reach, fell silent, or hung up before it answered."""

    permanent = False
    code = "207"
