"""The ways by which messages of the journal come in again: as their listeners take them now."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bridge.domain.errors import BridgeError
from bridge.domain.events import Event
from bridge.fhir.server.exchange import Request
from bridge.hl7.intake import Messages
from bridge.hl7.links import Peer
from bridge.services.audited import AuditedStore
from bridge.services.receive_message import InboundMessage, Reply, Then
from bridge.services.replay_message import Door, Replay, ReplayMessage, ReplayRefused
from bridge.settings import Hl7Listener
from bridge.wiring.core import Core
from bridge.wiring.edges import hl7_intake
from bridge.wiring.fhir_server import fhir_server
from bridge.wiring.hl7_answers import answer_policy

_EDITED = "UNICODE UTF-8"
"""What is edited in a browser is in UTF-8, whatever MSH-18 says of the bytes it once was."""
_FHIR_USER = "console"
_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def build_replay(core: Core) -> ReplayMessage:
    """Replays of HL7 and FHIR messages."""
    doors: Mapping[str, Door] = {"hl7": _Hl7Door(core), "fhir": _FhirDoor(core)}
    return ReplayMessage(core.store, doors, time.time)


class _Marked:
    """The use case behind an edge, told that a message is a repetition and whose."""

    def __init__(self, messages: Messages, mark: Replay) -> None:
        self._messages = messages
        self._mark = mark

    def receive(
        self,
        message: InboundMessage,
        events: Sequence[Event],
        reply: Reply,
        then: Then | None = None,
    ) -> bytes:
        return self._messages.receive(self._marked(message), events, reply, then)

    def refuse(
        self,
        message: InboundMessage,
        error: BridgeError,
        reply: Reply,
        events: Sequence[Event] = (),
        then: Then | None = None,
    ) -> bytes:
        return self._messages.refuse(self._marked(message), error, reply, events, then)

    def _marked(self, message: InboundMessage) -> InboundMessage:
        mark = self._mark
        warnings = (mark.note, *message.warnings)
        return replace(message, peer=mark.peer, repeat=mark.peer, warnings=warnings)


class _Hl7Door:
    """MLLP: by the profile and with the answers of the listener it came in by."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def apply(self, replay: Replay) -> bytes:
        listener = self._listener(replay.of.listed.peer.partition(" ")[0])
        raw = replay.of.raw
        if replay.text is not None:
            raw = (replay.text.rstrip().replace("\r\n", "\r").replace("\n", "\r") + "\r").encode()
            listener = replace(listener, character_set=_EDITED)
        messages = self._core.messages.over(AuditedStore(self._core.store, replay.event))
        # The answer is for the person who asked, and not for the sender.
        policy = replace(answer_policy(listener), returns_to="")
        intake = hl7_intake(self._core, listener, _Marked(messages, replay), policy)
        return b"".join(intake.handle(raw, Peer(listener.name, "console", 0)))

    def _listener(self, name: str) -> Hl7Listener:
        for each in self._core.settings.hl7.listeners:
            if each.name == name:
                return each
        raise ReplayRefused(f"there is no HL7 listener {name} any more")


class _FhirDoor:
    """The FHIR server: the request as it was written down, without its credentials."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def apply(self, replay: Replay) -> bytes:
        raw = replay.of.raw if replay.text is None else replay.text.encode()
        request = replace(_request(raw), client=replay.peer, user=_FHIR_USER)
        store = AuditedStore(self._core.store, replay.event)
        server = fhir_server(self._core, store, self._core.messages.over(store))
        return server.answer_known(request).raw


def _request(raw: bytes) -> Request:
    """The inverse of `Request.raw`. Browsers send line ends of their own."""
    head, found, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    first, *lines = head.decode("utf-8", "replace").split("\n")
    method, _, target = first.partition(" ")
    if not found or method not in _METHODS:
        raise ReplayRefused("what was polled comes again when it changes at its server")
    path, _, query = target.partition("?")
    headers = (line.partition(":") for line in lines)
    return Request(
        method=method,
        path=path,
        query=query,
        headers={name.strip().lower(): value.strip() for name, _, value in headers},
        body=body,
    )
