"""Entity tags (RFC 9110 section 8.8.3): clients need not fetch again what has not changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version

from fastapi import Request, Response

# Another version of ours may write or render the same otherwise.
_MADE_BY = version("bridge")
# Asked for again each time, for an order may change what images say; and kept by nobody else.
_CACHING = "private, no-cache"


@dataclass(frozen=True, slots=True)
class State:
    """What a resource is now. `is_known` says that the client has just that."""

    entity_tag: str
    is_known: bool

    def unchanged(self) -> Response:
        """Tell the client so."""
        return self.over(Response(status_code=304))

    def over(self, response: Response) -> Response:
        """The response with the tag."""
        response.headers["ETag"] = self.entity_tag
        response.headers["Cache-Control"] = _CACHING
        response.headers["Vary"] = "Accept"
        return response


def state_of(request: Request, versions: Iterable[str]) -> State:
    """The state of what is made of these versions of instances, as the request wants it made."""
    asked = (request.url.path, request.url.query, request.headers.get("accept", ""))
    made_of = "\n".join((_MADE_BY, str(request.base_url), *asked, *versions))
    tag = f'W/"{hashlib.sha256(made_of.encode()).hexdigest()[:32]}"'
    known = request.headers.get("if-none-match", "")
    held = {each.strip().removeprefix("W/") for each in known.split(",")}
    return State(tag, known.strip() == "*" or tag.removeprefix("W/") in held)
