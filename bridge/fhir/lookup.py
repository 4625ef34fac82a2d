"""Finding at the server what the server owns: orders and patients."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus

from bridge.domain.delivery import TransportError
from bridge.fhir.bundle import token_criteria
from bridge.fhir.client import FhirClient
from bridge.fhir.identifiers import Json
from bridge.fhir.outcome import Refusal

_log = logging.getLogger(__name__)


def find(client: FhirClient, kind: str, identifier: Json) -> list[Json]:
    """The resources that carry an identifier.

    What the server sends is compared again: a server that does not know a search parameter may
    ignore it, and answer with everybody.

    Raises:
        TransportError: the search failed.
    """
    found = client.search(kind, token_criteria(identifier))
    return [resource for resource in found if carries(resource, identifier)]


def find_one(client: FhirClient, kind: str, identifier: Json) -> Json | None:
    """The one resource that carries an identifier; None when there is none.

    Raises:
        TransportError: the search failed; or there are several, which a hand must clean up.
    """
    found = find(client, kind, identifier)
    if len(found) > 1:
        raise TransportError(
            f"the server holds {len(found)} {kind} resources with one identifier", permanent=True
        )
    return found[0] if found else None


def find_best(
    client: FhirClient, kind: str, identifiers: Sequence[Json], *, tolerant: bool
) -> Json | None:
    """The one resource known by any of these identifiers, the best of them first.

    None when there is none, or several; and, `tolerant`, when the server does not let us search:
    the number beside the reference says the same, and a study is worth more than its link.

    Raises:
        TransportError: the search failed in a way that may pass.
    """
    tokens = ",".join(token_criteria(each).partition("=")[2] for each in identifiers)
    try:
        found = client.search(kind, f"identifier={tokens}")
    except Refusal as refusal:
        failed = refusal.unreachable or refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        if failed or not tolerant:
            raise
        _log.info("fhir.search_refused", extra={"type": kind, "reason": refusal.message})
        return None
    for identifier in identifiers:
        mine = [each for each in found if carries(each, identifier)]
        if len(mine) == 1:
            return mine[0]
    return None


def reference(resource: Json) -> str:
    """The literal reference to a resource, relative to the server's base."""
    return f"{resource['resourceType']}/{resource['id']}"


def carries(resource: Json, identifier: Json) -> bool:
    """Whether a resource has an identifier of the same system and value."""
    wanted = identifier.get("system", ""), identifier["value"]
    held = resource.get("identifier", [])
    return any((i.get("system", ""), i.get("value")) == wanted for i in held if isinstance(i, dict))
