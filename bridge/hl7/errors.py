"""Why HL7 v2 bytes could not be read, taken or carried."""

from __future__ import annotations

from bridge.domain.errors import BridgeError, UnsupportedMessage


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


class MessageTooLarge(BridgeError):
    """The frame was longer than the listener takes (HL7 table 0357: 104)."""

    code = "104"


class UnsupportedProcessingId(UnsupportedMessage):
    """The listener does not take messages of this processing ID (HL7 table 0357: 202)."""

    code = "202"


class UnsupportedVersion(UnsupportedMessage):
    """The version does not exist, and the listener is set to mind (HL7 table 0357: 203)."""

    code = "203"


class LinkError(BridgeError):
    """An MLLP peer was out of reach, fell silent, or hung up before it answered.

    `unreachable`: there was no connection at all. `silent`: the peer is there, and says nothing.
    """

    permanent = False
    code = "207"

    def __init__(self, message: str, *, unreachable: bool = False, silent: bool = False) -> None:
        super().__init__(message)
        self.unreachable = unreachable
        self.silent = silent
