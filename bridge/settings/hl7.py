"""What can be configured of HL7 v2 over MLLP: the listeners, and how they answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bridge.settings.addresses import HOST, LISTEN_PORT, PORT
from bridge.settings.destination import LOOPBACK
from bridge.settings.schema import Items, Section, Value, Values, described
from bridge.settings.standard_terms import HL7_CHARACTER_SET
from bridge.settings.terms import BOOLEAN, NAME, PATH, TEXT, choice, integer, number

MODE = choice("ris", "his_only")
SAME_CONNECTION, RETURN_CONNECTION, ORIGINAL = "same_connection", "return_connection", "original"
_TIMEOUT = number(0.1, 86_400, "seconds")
_ERROR_CODE = choice("AE", "AR")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnConnection:
    """Where application acknowledgements are sent (`acknowledgements: return_connection`).

    They are kept until the sender has them: retried, and not lost by a restart.
    """

    host: str | None = field(
        default=None,
        metadata=described(
            Value(HOST, optional=True), "Address that the sender takes them at.", example=LOOPBACK
        ),
    )
    port: int | None = field(
        default=None, metadata=described(Value(PORT, optional=True), "Port there.", example="2577")
    )
    timeout_seconds: float = field(
        default=30.0, metadata=described(_TIMEOUT, "Longest wait for the accept acknowledgement.")
    )
    accept_acknowledgement: bool = field(
        default=True,
        metadata=described(
            BOOLEAN,
            "Ask for an accept acknowledgement (MSH-15 `AL`) and send again until it comes."
            " `false`: written is delivered, for senders that never answer there.",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCodes:
    """MSA-1 of what is not accepted, for senders that do the wrong thing with one of the codes.

    Some engines repeat for ever what gets AR, and drop what gets AE. In the accept stage of
    enhanced mode the codes are CE and CR, as the standard has it.
    """

    permanent: str = field(
        default="AE",
        metadata=described(_ERROR_CODE, "The same message can never succeed: it must be mended."),
    )
    transient: str = field(
        default="AR", metadata=described(_ERROR_CODE, "The same message may succeed later.")
    )
    unsupported: str = field(
        default="AR",
        metadata=described(
            _ERROR_CODE,
            "Message type, event, processing ID or version is not taken, or nothing can be read.",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """MLLP over TLS (IHE ITI-19). Without a certificate the port is a plain one."""

    certificate: Path | None = field(
        default=None,
        metadata=described(
            Value(PATH, optional=True), "PEM file with the certificate of the port and its chain."
        ),
    )
    key: Path | None = field(
        default=None,
        metadata=described(
            Value(PATH, optional=True), "PEM file with its private key.", derived="`certificate`"
        ),
    )
    client_ca: Path | None = field(
        default=None,
        metadata=described(
            Value(PATH, optional=True),
            "PEM file with the authorities of clients: who has no certificate of theirs is turned"
            " away.",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hl7Listener:
    """One MLLP port on which HL7 v2 messages arrive."""

    name: str = field(metadata=described(NAME, "Name of the sender or of the link.", example="his"))
    host: str = field(default=LOOPBACK, metadata=described(HOST, "Address to listen on."))
    port: int = field(default=2575, metadata=described(LISTEN_PORT, "Port to listen on."))
    profile: str = field(
        default="ihe-swf",
        metadata=described(NAME, "Mapping profile that says which field means what."),
    )
    mode: str = field(
        default="",
        metadata=described(
            MODE,
            "As `site.mode`, for orders from this sender.",
            derived="the profile's, else `site.mode`",
        ),
    )
    assigning_authority: str = field(
        default="",
        metadata=described(
            TEXT,
            "As `site.assigning_authority`, for messages from this sender.",
            derived="`site.assigning_authority`",
        ),
    )
    character_set: str | None = field(
        default=None,
        metadata=described(
            Value(HL7_CHARACTER_SET, optional=True),
            "Character set to decode with, whatever MSH-18 says; for senders that say it wrong.",
        ),
    )
    default_character_set: str | None = field(
        default=None,
        metadata=described(
            Value(HL7_CHARACTER_SET, optional=True),
            "Character set to try first for text beyond ASCII that is not UTF-8, where MSH-18 says"
            " nothing of it.",
        ),
    )
    acknowledgements: str = field(
        default=SAME_CONNECTION,
        metadata=described(
            choice(SAME_CONNECTION, RETURN_CONNECTION, ORIGINAL),
            "Enhanced mode, which a sender asks for by MSH-15 and MSH-16: where the application"
            " acknowledgement goes, after the accept acknowledgement on the same connection, or on"
            " a connection of our own. `original`: one acknowledgement for every message, whatever"
            " MSH-15 and MSH-16 say.",
        ),
    )
    return_connection: ReturnConnection = field(
        default_factory=ReturnConnection,
        metadata=described(Section(ReturnConnection), "The address for them."),
    )
    responses: str = field(
        default="ack",
        metadata=described(
            choice("ack", "order_response"),
            "What orders are answered with: a general acknowledgement (ACK), or the response of"
            " their type (ORR, ORG, ORI) with the numbers and the outcome of each order.",
        ),
    )
    batch_responses: str = field(
        default="single",
        metadata=described(
            choice("single", "batch"),
            "The messages of a batch are acknowledged each in a frame of its own, or together in a"
            " batch.",
        ),
    )
    processing_ids: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(choice("P", "T", "D")),
            "Processing IDs (MSH-11) that are taken; without any, all are.",
        ),
    )
    unknown_versions: str = field(
        default="accept",
        metadata=described(
            choice("accept", "refuse"), "What to do with a version (MSH-12) that does not exist."
        ),
    )
    error_codes: ErrorCodes = field(
        default_factory=ErrorCodes,
        metadata=described(Section(ErrorCodes), "How refusals are coded."),
    )
    tls: Tls = field(default_factory=Tls, metadata=described(Section(Tls), "TLS."))
    idle_seconds: float = field(
        default=900.0,
        metadata=described(_TIMEOUT, "A connection without traffic for so long is closed."),
    )
    frame_seconds: float = field(
        default=60.0,
        metadata=described(_TIMEOUT, "A message begun must be complete after so long."),
    )
    max_frame_bytes: int = field(
        default=16 * 1024 * 1024,
        metadata=described(integer(1024, 1024**3, "bytes"), "Longest message accepted."),
    )
    max_connections: int = field(
        default=200, metadata=described(integer(1, 100_000), "Connections open at one time.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hl7:
    """HL7 v2 over MLLP."""

    listeners: tuple[Hl7Listener, ...] = field(
        default_factory=lambda: (Hl7Listener(name="hl7"),),
        metadata=described(
            Items({"": Hl7Listener}, named_by="name"),
            "Ports on which messages arrive. An empty list closes HL7.",
        ),
    )
