"""Messages of the journal taken apart, each by the room that knows its protocol."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bridge.dicom.parsed import parsed_data_set
from bridge.domain.errors import BridgeError
from bridge.domain.parsed import Node
from bridge.hl7.er7 import Er7Error, read
from bridge.hl7.parsed import parsed, text_of
from bridge.settings import Settings
from bridge.wiring.sources import fhir_sources

_FRAME = b"\x0b\x1c\r\n"
_MOST_NODES = 5000
_DEEPEST = 40
"""Levels of a tree that are shown; what nests deeper was made to do harm."""


@dataclass(frozen=True, slots=True)
class MessageReader:
    """Takes messages apart; whatever cannot be read is nothing, and is shown raw."""

    settings: Settings

    def parsed(self, protocol: str, peer: str, content: bytes) -> tuple[Node, ...]:
        """A message, or an answer, as a tree; empty when it is none of the protocol."""
        try:
            return _pruned(self._readers()[_kind(protocol, content)](peer, content), _DEEPEST)
        except (BridgeError, ValueError, RecursionError):
            return ()

    def text(self, protocol: str, peer: str, content: bytes) -> str:
        """A message in Unicode as one may edit it."""
        if _kind(protocol, content) == "hl7":
            try:
                return text_of(read(content.strip(_FRAME), encoding_override=self._override(peer)))
            except Er7Error:
                pass
        return content.decode("utf-8", "replace")

    def profile_of(self, protocol: str, peer: str) -> str:
        """The mapping profile that reads such messages now; empty when none does."""
        if protocol == "fhir":
            polled = {each.url: each.profile for each in fhir_sources(self.settings)}
            return polled.get(peer, self.settings.fhir.profile)
        names = {each.name: each.profile for each in self.settings.hl7.listeners}
        return names.get(peer.partition(" ")[0], "") if protocol == "hl7" else ""

    def _readers(self) -> Mapping[str, Callable[[str, bytes], tuple[Node, ...]]]:
        return {
            "hl7": lambda peer, content: parsed(
                read(content.strip(_FRAME), encoding_override=self._override(peer))
            ),
            "json": lambda _peer, content: _json_message(content),
            "dicom": lambda _peer, content: parsed_data_set(content),
            "": lambda _peer, _content: (),
        }

    def _override(self, peer: str) -> str | None:
        name = peer.partition(" ")[0]
        listeners = self.settings.hl7.listeners
        return next((each.character_set for each in listeners if each.name == name), None)


def _pruned(nodes: tuple[Node, ...], levels: int) -> tuple[Node, ...]:
    if levels == 0:
        return (Node("…"),) if nodes else ()
    return tuple(replace(each, children=_pruned(each.children, levels - 1)) for each in nodes)


def _kind(protocol: str, content: bytes) -> str:
    """How to read it, by what it is: the outbox carries every protocol."""
    start = content.lstrip(_FRAME + b" \t")[:4]
    if start[:3] in (b"MSH", b"FHS", b"BHS"):
        return "hl7"
    if start[:1] in (b"{", b"[") or protocol == "fhir":
        return "json"
    if protocol == "dicom" and content:
        return "dicom"
    head, found, body = content.partition(b"\r\n\r\n")
    is_http = found and body.lstrip()[:1] in (b"{", b"[") and b"\x00" not in head
    return "json" if is_http else ""


def _json_message(content: bytes) -> tuple[Node, ...]:
    """JSON, with whatever lines stand before it: a request's head, or an answer's status."""
    text = content.decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    nodes: list[Node] = []
    if not text.lstrip().startswith(("{", "[")):
        head, _, text = text.partition("\r\n\r\n")
        nodes += [Node(str(n), "", line) for n, line in enumerate(head.split("\r\n"), 1)]
    text = text.strip()
    while text:
        document, end = decoder.raw_decode(text)
        nodes += _json_nodes("", document)
        text = text[end:].strip()
    return tuple(nodes)


def _json_nodes(above: str, document: object) -> list[Node]:
    if isinstance(document, dict):
        return [_json_node(_join(above, name), value) for name, value in document.items()]
    if isinstance(document, list):
        some = document[:_MOST_NODES]
        return [_json_node(f"{above}[{number}]", value) for number, value in enumerate(some)]
    return [Node(above, "", _scalar(document))]


def _json_node(place: str, value: object) -> Node:
    if isinstance(value, dict | list):
        return Node(place, "", "", tuple(_json_nodes(place, value)))
    return Node(place, "", _scalar(value))


def _join(above: str, name: str) -> str:
    return f"{above}.{name}" if above else name


def _scalar(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
