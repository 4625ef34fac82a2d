"""EHR: Medplum's FHIR client, an application's way to a FHIR server (node/fhir_client.mjs)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.peers.fhir_client import Resource
from tests.peers.node import NodePeer


class MedplumClient:
    """Asks the FHIR server at `url`."""

    def __init__(self, directory: Path, url: str) -> None:
        self._node = NodePeer("fhir_client.mjs", directory)
        self.url = url

    def create(self, resource: Resource) -> Resource:
        return self._call("create", resource=resource)

    def create_if_none_exist(self, resource: Resource, query: str) -> Resource:
        return self._call("createIfNoneExist", resource=resource, query=query)

    def read(self, reference: str) -> Resource:
        kind, _, name = reference.partition("/")
        return self._call("read", type=kind, name=name)

    def update(self, resource: Resource) -> Resource:
        return self._call("update", resource=resource)

    def upsert(self, resource: Resource, query: str) -> Resource:
        """Conditional update."""
        return self._call("upsert", resource=resource, query=query)

    def patch(self, reference: str, operations: list[dict[str, Any]]) -> Resource:
        kind, _, name = reference.partition("/")
        return self._call("patch", type=kind, name=name, operations=operations)

    def delete(self, reference: str) -> None:
        kind, _, name = reference.partition("/")
        self._call("remove", type=kind, name=name)

    def search(self, kind: str, query: str = "") -> list[Resource]:
        """Give the resources that match."""
        entries = self.searchset(kind, query).get("entry", [])
        return [each["resource"] for each in entries if each["search"]["mode"] == "match"]

    def searchset(self, kind: str, query: str = "") -> Resource:
        return self._call("search", type=kind, query=query)

    def pages(self, kind: str, query: str) -> list[list[Resource]]:
        """Follow the links from page to page."""
        found: list[list[Resource]] = self._node.call("pages", url=self.url, type=kind, query=query)
        return found

    def bundle(self, bundle: Resource) -> list[Resource]:
        """Post a transaction or batch; give the resources of its answer."""
        answer = self._call("bundle", bundle=bundle)
        return [each.get("resource", {}) for each in answer["entry"]]

    def history(self, reference: str) -> Resource:
        kind, _, name = reference.partition("/")
        return self._call("history", type=kind, name=name)

    def outcome(self, reference: str) -> Resource | None:
        """Give the OperationOutcome of a read that fails; None when it does not."""
        kind, _, name = reference.partition("/")
        found: Resource | None = self._node.call("outcome", url=self.url, type=kind, name=name)
        return found

    def close(self) -> None:
        self._node.close()

    def _call(self, operation: str, **arguments: Any) -> Resource:
        found: Resource = self._node.call(operation, url=self.url, **arguments)
        return found
