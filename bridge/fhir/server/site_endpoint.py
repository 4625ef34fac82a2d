"""Our own Endpoint, kept like any other resource so that searches and references find it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from bridge.fhir.endpoint import Access, endpoint_resource
from bridge.fhir.identifiers import Json
from bridge.fhir.releases import Release, in_release
from bridge.fhir.server.library import dump
from bridge.fhir.server.order_resources import Site
from bridge.fhir.server.terms import terms_of
from bridge.services.keep_resources import Resource, Version
from bridge.services.transaction import Store, Transaction


def endpoint_id(access: Access) -> str:
    """The id of the Endpoint of an access: one of each connection type."""
    return access.connection


def keep_endpoints(
    store: Store, accesses: Iterable[Access], *, base: str, site: Site, release: Release, now: float
) -> None:
    """Write down the Endpoints of the ways to our images, where they are not so already."""
    resources = [
        in_release(endpoint_resource(access), release) | {"id": endpoint_id(access)}
        for access in accesses
    ]

    def work(tx: Transaction) -> None:
        for resource in resources:
            _keep(tx, resource, base=base, site=site, release=release, now=now)

    store.transact(work)


def _keep(
    tx: Transaction, resource: Json, *, base: str, site: Site, release: Release, now: float
) -> None:
    held = tx.resources.get("Endpoint", resource["id"])
    content = json.dumps(resource, ensure_ascii=False).encode()
    if held is not None and held.content == content and not held.deleted:
        return
    kept = Resource(
        pk=held.pk if held else 0,
        type="Endpoint",
        id=resource["id"],
        release=release.value,
        version=held.version + 1 if held else 1,
        content=content,
        deleted=False,
        created_at=held.created_at if held else now,
        updated_at=now,
    )
    pk = tx.resources.put(kept, terms_of(resource, base, site.zone))
    version = Version(
        version=kept.version,
        tag=f"{kept.version}",
        method="PUT",
        release=release.value,
        content=dump(resource),
        at=now,
    )
    tx.resources.add_version(pk, version)
