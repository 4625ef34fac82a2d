"""How HL7 listeners answer, from their settings: policy, TLS, and connections of our own."""

from __future__ import annotations

import ssl
from pathlib import Path

from bridge.delivery.worker import Pace
from bridge.hl7.acknowledgement import AcknowledgementCode
from bridge.hl7.answering import AnswerPolicy
from bridge.hl7.modes import Refusal
from bridge.hl7.return_connection import ReturnConnection
from bridge.settings import Hl7Listener, Origin, Problem, Settings, Source
from bridge.settings.hl7 import ORIGINAL, RETURN_CONNECTION

RETURN_PREFIX = "acknowledgements/"
_USUAL_LEASE = 60.0


def answer_policy(listener: Hl7Listener) -> AnswerPolicy:
    """How a listener answers."""
    codes = listener.error_codes
    unsupported = AcknowledgementCode(codes.unsupported)
    returns = listener.acknowledgements == RETURN_CONNECTION
    return AnswerPolicy(
        enhanced=listener.acknowledgements != ORIGINAL,
        returns_to=RETURN_PREFIX + listener.name if returns else "",
        asks_accept=listener.return_connection.accept_acknowledgement,
        order_responses=listener.responses == "order_response",
        batch_responses=listener.batch_responses == "batch",
        processing_ids=frozenset(listener.processing_ids),
        refuses_unknown_versions=listener.unknown_versions == "refuse",
        codes={
            Refusal.PERMANENT: AcknowledgementCode(codes.permanent),
            Refusal.TRANSIENT: AcknowledgementCode(codes.transient),
            Refusal.UNSUPPORTED: unsupported,
            Refusal.UNREADABLE: unsupported,
        },
    )


def build_return_connections(settings: Settings) -> tuple[ReturnConnection, ...]:
    """A destination of application acknowledgements for each listener that has one."""
    return tuple(
        ReturnConnection(
            name=RETURN_PREFIX + listener.name,
            host=address.host or "",
            port=address.port or 0,
            timeout=address.timeout_seconds,
            waits=address.accept_acknowledgement,
        )
        for listener in settings.hl7.listeners
        if listener.acknowledgements == RETURN_CONNECTION
        for address in (listener.return_connection,)
    )


def return_pace(settings: Settings) -> Pace:
    """One at a time: a sender is told of its messages one by one, on one connection.

    A claim outlasts the longest send: a connection found dead, and another one tried.
    """
    longest = max(
        (each.return_connection.timeout_seconds for each in settings.hl7.listeners), default=0.0
    )
    return Pace(lanes=1, lease=max(_USUAL_LEASE, 4 * longest))


def tls_context(listener: Hl7Listener) -> ssl.SSLContext | None:
    """What a listener shows to its peers and asks of them; None for a plain port.

    Raises OSError or ssl.SSLError (which is one) when a file is not there or not what it should be.
    """
    files = listener.tls
    if files.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.certificate, files.key)
    if files.client_ca is not None:
        context.load_verify_locations(files.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def tls_problems(settings: Settings) -> tuple[Problem, ...]:
    """Why listeners cannot be opened with the certificates they are given."""
    found = []
    for index, listener in enumerate(settings.hl7.listeners):
        try:
            tls_context(listener)
        except OSError as error:
            path = f"hl7.listeners[{index}].tls.certificate"
            origin = settings.provenance.get(path, Origin(Source.DEFAULT))
            what = f"TLS cannot be opened with {_names(listener)}: {error.strerror or error}"
            fix = "name PEM files that can be read: a certificate, and the key that belongs to it"
            found.append(Problem(origin, path, what, fix))
    return tuple(found)


def _names(listener: Hl7Listener) -> str:
    files: tuple[Path | None, ...] = (
        listener.tls.certificate,
        listener.tls.key,
        listener.tls.client_ca,
    )
    return ", ".join(str(file) for file in files if file)
