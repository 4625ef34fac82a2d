"""Take what a server answered: each version of each resource once, in transactions of their own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.domain.errors import BridgeError
from bridge.domain.events import Event
from bridge.fhir.identifiers import Json
from bridge.fhir.reading import (
    EntryReading,
    FhirSender,
    Resolver,
    read_deletion,
    read_resources,
)
from bridge.fhir.source_server import matches
from bridge.services.receive_message import InboundMessage, Receipt, Reply
from bridge.services.transaction import Clock, Store


class Messages(Protocol):
    """The use case behind this edge (services.receive_message)."""

    def receive(self, message: InboundMessage, events: Sequence[Event], reply: Reply) -> bytes:
        """Apply the events, all or none, and return the reply once committed."""

    def refuse(self, message: InboundMessage, error: BridgeError, reply: Reply) -> bytes:
        """Journal what could not be read, and return the reply."""


@dataclass(frozen=True, slots=True)
class Sourced:
    """How resources of a source are read, and whose orders they are (`ris`, `his_only`)."""

    sender: FhirSender
    mode: str


class SourceIntake:
    """Applies the resources of one source."""

    def __init__(
        self,
        *,
        name: str,
        peer: str,
        sourced: Callable[[], Sourced],
        messages: Messages,
        store: Store,
        clock: Clock,
        ours: str = "",
    ) -> None:
        """Take what is known of the source; `peer` is its address, for the journal.

        `ours` is what `meta.source` begins with in what the bridge itself wrote there.
        """
        self._ours = ours
        self._name = name
        self._peer = peer
        self._sourced = sourced
        self._messages = messages
        self._store = store
        self._clock = clock

    def take(self, page: Json, resolver: Resolver) -> str:
        """Apply what is new on a page, and say when the newest of it changed (an instant).

        Raises:
            BridgeError: something could not be applied now, and may be later.
        """
        page = self._without_ours(page)
        resources = list(matches(page))
        known = self._known(resources)
        is_new = [version_of(each) != known.get(reference_of(each)) for each in resources]
        if any(is_new):
            self._read(page, known, resolver)
        return max((updated_at(each) for each in resources), default="")

    def _without_ours(self, page: Json) -> Json:
        """The page without what the bridge told the server: that is no news."""
        entries = page.get("entry")
        if not self._ours or not isinstance(entries, list):
            return page
        others = [
            each
            for each in entries
            if not (isinstance(each, dict) and _source(each.get("resource")).startswith(self._ours))
        ]
        return {**page, "entry": others}

    def _known(self, resources: Sequence[Json]) -> Mapping[str, str]:
        references = [reference_of(each) for each in resources]
        return self._store.read(lambda tx: tx.sources.versions(self._name, references))

    def _read(self, page: Json, known: Mapping[str, str], resolver: Resolver) -> None:
        sourced = self._sourced()
        reading = read_resources(_only_new(page, known), sourced.sender, resolver)
        if reading.error_of_whole is not None:
            raise reading.error_of_whole
        for entry in reading.entries:
            if entry.resource is not None and (entry.events or entry.error):
                self._apply(entry, sourced)
                self._remember(entry.resource)
        for resource in matches(page):
            if version_of(resource) != known.get(reference_of(resource)):
                self._remember(resource)

    def _apply(self, entry: EntryReading, sourced: Sourced) -> None:
        assert entry.resource is not None  # noqa: S101 - the caller chose it
        message = self._message(entry.resource, sourced, entry.warnings)
        failed: list[BridgeError] = []

        def reply(receipt: Receipt) -> bytes:
            if receipt.error is not None:
                failed.append(receipt.error)
            return receipt.disposition.value.encode()

        if entry.error is not None and not entry.error.permanent:
            raise entry.error
        if entry.error is not None:
            self._messages.refuse(message, entry.error, reply)
        else:
            self._messages.receive(message, entry.events, reply)
        passing = [each for each in failed if not each.permanent]
        if passing:
            raise passing[-1]

    def withdraw(self, kind: str, name: str) -> None:
        """A resource is no longer there. A request is cancelled by all that is left: its id."""
        if kind != "ServiceRequest":
            return
        sourced = self._sourced()
        gone = {"resourceType": kind, "id": name, "meta": {"versionId": "deleted"}}
        reading = read_deletion(gone, sourced.sender)
        for entry in reading.entries:
            if entry.events:
                self._apply(entry, sourced)

    def _message(
        self, resource: Json, sourced: Sourced, warnings: tuple[str, ...]
    ) -> InboundMessage:
        return InboundMessage(
            protocol="fhir",
            peer=self._peer,
            source=self._name,
            type=str(resource.get("resourceType")),
            control_id=f"{reference_of(resource)}/_history/{version_of(resource)}",
            raw=json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode(),
            received_at=self._clock(),
            warnings=warnings,
            mode=sourced.mode,
            options=sourced.sender.profile.options,
        )

    def _remember(self, resource: Json) -> None:
        said = (reference_of(resource), version_of(resource), updated_at(resource))
        self._store.transact(lambda tx: tx.sources.applied(self._name, *said))


def reference_of(resource: Json) -> str:
    """`Type/id`."""
    return f"{resource.get('resourceType')}/{resource.get('id', '')}"


def version_of(resource: Json) -> str:
    """The version, or what tells two versions apart where the server counts none."""
    version = _meta(resource).get("versionId")
    if isinstance(version, str) and version:
        return version
    return hashlib.sha256(json.dumps(resource, sort_keys=True).encode()).hexdigest()[:32]


def updated_at(resource: Json) -> str:
    """When this version came about by the server's clock; empty when it does not say."""
    found = _meta(resource).get("lastUpdated")
    return found if isinstance(found, str) else ""


def _source(resource: object) -> str:
    return str(_meta(resource).get("source") or "") if isinstance(resource, dict) else ""


def _meta(resource: Json) -> Json:
    meta = resource.get("meta")
    return meta if isinstance(meta, dict) else {}


def _only_new(page: Json, known: Mapping[str, str]) -> Json:
    """The page with what was applied before as mere reference data."""
    entries = page.get("entry")
    marked = []
    for entry in entries if isinstance(entries, list) else ():
        resource = entry.get("resource") if isinstance(entry, dict) else None
        is_known = isinstance(resource, dict) and (
            version_of(resource) == known.get(reference_of(resource))
        )
        marked.append({**entry, "search": {"mode": "include"}} if is_known else entry)
    return {**page, "entry": marked}
