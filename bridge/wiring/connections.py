"""The connections of a configuration, for the console: listed as written, tested as doctor does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge.domain.link import Link, LinkKind
from bridge.services.check_connections import Certificate, Connection, Part
from bridge.settings import (
    DicomStoreDestination,
    FhirDestination,
    FhirSource,
    Hl7Destination,
    IanDestination,
    MppsDestination,
    Settings,
    StowDestination,
    WebhookDestination,
)
from bridge.settings.dicom import Peer
from bridge.settings.hl7 import RETURN_CONNECTION
from bridge.settings.sources import DicomQuerySource, QidoSource
from bridge.wiring.certificates import certificates_of, shown_by
from bridge.wiring.hl7_answers import RETURN_PREFIX
from bridge.wiring.neighbours import PATIENCE_SECONDS, neighbours
from bridge.wiring.settings_rows import without_secrets

_C_ECHO, _CAPABILITIES, _CONNECT = "C-ECHO", "CapabilityStatement", "connect"
_MLLP, _QIDO = "MLLP", "QIDO-RS"
_TESTS: Mapping[str, str] = {
    FhirDestination.kind: _CAPABILITIES,
    FhirSource.kind: _CAPABILITIES,
    Hl7Destination.kind: _MLLP,
    DicomStoreDestination.kind: _C_ECHO,
    IanDestination.kind: _C_ECHO,
    MppsDestination.kind: _C_ECHO,
    DicomQuerySource.kind: _C_ECHO,
    QidoSource.kind: _QIDO,
    StowDestination.kind: _QIDO,
    WebhookDestination.kind: _CONNECT,
}
"""What is asked of each kind; of others whether they take a connection."""


class ConfiguredConnections:
    """Implements `services.check_connections.Neighbourhood` for a configuration."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def every(self) -> Sequence[Connection]:
        """Listeners, devices, destinations, sources."""
        settings = self._settings
        return (
            *_listeners(settings),
            *(_device(each) for each in settings.dicom.peers),
            *(_called(each, Part.DESTINATION) for each in settings.destinations),
            *(_called(each, Part.SOURCE) for each in settings.sources),
        )

    def test(self, key: str) -> tuple[bool, str, Sequence[Certificate]]:
        """Examine the neighbour of this key, as `bridge doctor` does."""
        found = next((each for each in neighbours(self._settings) if each.key == key), None)
        if found is None:
            return False, "there is nothing to ask", ()
        finding = found.examine()
        url = next((each.address for each in self.every() if each.key == key), "")
        return finding.is_well, finding.words, shown_by(url, PATIENCE_SECONDS)


def _listeners(settings: Settings) -> Iterator[Connection]:
    dicom, http = settings.dicom, settings.http
    for each in settings.hl7.listeners:
        back = each.return_connection
        returns = each.acknowledgements == RETURN_CONNECTION
        yield Connection(
            key=f"{RETURN_PREFIX}{each.name}" if returns else f"listener {each.name}",
            part=Part.LISTENER,
            kind=_MLLP,
            name=each.name,
            address=f"{each.host}:{each.port}",
            test=_MLLP if returns else "",
            says=(
                ("profile", each.profile),
                ("tls", "on" if each.tls.certificate else "off"),
                *((("return_connection", f"{back.host}:{back.port}"),) if returns else ()),
            ),
            certificates=tuple(certificates_of(each)),
            link=Link(LinkKind.HL7, each.name),
        )
    yield Connection(
        key="listener dicom",
        part=Part.LISTENER,
        kind="DICOM",
        name=dicom.ae_title,
        address=f"{dicom.host}:{dicom.port}",
        says=(("unknown_peers", dicom.unknown_peers),),
    )
    yield Connection(
        key="listener http",
        part=Part.LISTENER,
        kind="HTTP",
        name="http",
        address=f"{http.host}:{http.port}",
        says=(("public_url", http.public_url),),
        certificates=tuple(certificates_of(http)),
    )


def _device(peer: Peer) -> Connection:
    is_known = bool(peer.host and peer.port)
    told = (
        ("modalities", ", ".join(peer.modalities)),
        ("specific_character_set", peer.specific_character_set or ""),
        ("aliases", ", ".join(peer.aliases)),
        ("pools", ", ".join(peer.pools)),
    )
    return Connection(
        key=f"peer {peer.ae_title}",
        part=Part.DEVICE,
        kind="DICOM",
        name=peer.ae_title,
        address=f"{peer.host}:{peer.port}" if is_known else "",
        test=_C_ECHO if is_known else "",
        says=tuple(pair for pair in told if pair[1]),
        certificates=tuple(certificates_of(peer)),
        link=Link(LinkKind.DICOM, peer.ae_title),
    )


def _called(each: Any, part: Part) -> Connection:
    """A destination or source of any kind: by its URL, or by host and port."""
    url = without_secrets(str(getattr(each, "url", "")))
    host, port = getattr(each, "host", ""), getattr(each, "port", "")
    told = [(name, getattr(each, name, "")) for name in ("ae_title", "version", "profile")]
    return Connection(
        key=f"{part.value} {each.name}",
        part=part,
        kind=each.kind,
        name=each.name,
        address=url or f"{host}:{port}",
        test=_TESTS.get(each.kind, _CONNECT) if each.enabled else "",
        enabled=each.enabled,
        says=tuple((name, str(value)) for name, value in told if value),
        certificates=tuple(certificates_of(each)),
        link=Link(LinkKind.DESTINATION, each.name) if part is Part.DESTINATION else None,
    )
