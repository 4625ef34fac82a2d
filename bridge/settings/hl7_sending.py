"""What can be configured of how HL7 v2 messages are sent, beside their address."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from bridge.settings.problems import quoted
from bridge.settings.schema import Value, Values, described
from bridge.settings.terms import (
    BOOLEAN,
    PATH,
    TEXT,
    Term,
    UnfitValueError,
    choice,
    parse_text,
)

_FATE = choice("retry", "dead")
_MESSAGE_TYPE = re.compile(r"[A-Z]{3}(\^[A-Z][0-9]{2})?")


def _parse_message_type(text: str) -> str:
    kind = parse_text(text).strip().upper()
    if _MESSAGE_TYPE.fullmatch(kind):
        return kind
    fix = "write a type, or a type and an event, such as ADT or ADT^A40"
    raise UnfitValueError(f"{quoted(text)} is no message type", fix)


MESSAGE_TYPE = Term("message type, with or without event", _parse_message_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTls:
    """MLLP over TLS (IHE ITI-19) to a receiver."""

    enabled: bool = field(
        default=False, metadata=described(BOOLEAN, "Encrypt, and check who the receiver is.")
    )
    ca: Path | None = field(
        default=None,
        metadata=described(
            Value(PATH, optional=True),
            "PEM file with the authorities of the receiver's certificate.",
            derived="those of the system",
        ),
    )
    certificate: Path | None = field(
        default=None,
        metadata=described(
            Value(PATH, optional=True),
            "PEM file with our own certificate and its chain, for receivers that ask for one.",
        ),
    )
    key: Path | None = field(
        default=None,
        metadata=described(
            Value(PATH, optional=True), "PEM file with its private key.", derived="`certificate`"
        ),
    )
    server_name: str = field(
        default="",
        metadata=described(
            TEXT, "Name that the receiver's certificate must be for.", derived="`host`"
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What becomes of a message that the receiver does not accept."""

    error: str = field(
        default="retry",
        metadata=described(
            _FATE,
            "After AE or CE: sent again, as often as `retry` says, or a dead letter at once.",
        ),
    )
    reject: str = field(
        default="dead",
        metadata=described(
            _FATE,
            "After AR or CR: a dead letter at once, or sent again, for receivers that answer AR"
            " while they are busy.",
        ),
    )
    without_control_id: str = field(
        default="ignore",
        metadata=described(
            choice("ignore", "accept"),
            "Answers that leave MSA-2 empty, which nobody can tell to which message they belong.",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PassOn:
    """Accepted messages that are passed on: each once, in the order in which they came."""

    messages: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(MESSAGE_TYPE),
            "Types, with or without event: `ADT`, `ADT^A40`, `MDM^T02`. None given: nothing is.",
        ),
    )
    sources: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(TEXT),
            "Only what these applications sent (MSH-3, or MSH-3 and MSH-4 with a vertical bar"
            " between); none given: all but the receiver itself.",
        ),
    )
    form: str = field(
        default="unchanged",
        metadata=described(
            choice("unchanged", "rewritten"),
            "`unchanged`: byte by byte. `rewritten`: with the sender, receiver, character set and"
            " delimiters of this destination, and a control ID of its own.",
        ),
    )
