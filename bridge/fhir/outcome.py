"""What a server's answer means: HTTP status and OperationOutcome → may it be tried again?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from http import HTTPStatus
from typing import Any

from bridge.domain.delivery import TransportError
from bridge.fhir.identifiers import Json


class Blame(Enum):
    """Whose fault a failure is, and so what becomes of the delivery."""

    MESSAGE = "the message can never succeed: dead"
    MOMENT = "another time may do: try again, then park for a hand"
    LINK = "the destination as a whole: pause it, burn no attempt"


class Refusal(TransportError):
    """An answer other than success; `status` is HTTP's."""

    status = 0


# Statuses that blame neither the message nor the link are the moment's (see `blame`).
STATUSES: Mapping[int, Blame] = {
    # The server read it and says no. It will say so each time.
    400: Blame.MESSAGE,
    406: Blame.MESSAGE,
    410: Blame.MESSAGE,
    413: Blame.MESSAGE,
    414: Blame.MESSAGE,
    415: Blame.MESSAGE,
    422: Blame.MESSAGE,
    # Nobody's message gets through: our credentials, the server's load, the proxy before it. To
    # burn attempts would make a dead letter of a whole night's studies.
    401: Blame.LINK,
    407: Blame.LINK,
    429: Blame.LINK,
    502: Blame.LINK,
    503: Blame.LINK,
    504: Blame.LINK,
    # The moment's, though some are 4xx: 403 may be one patient's compartment, and is mended by
    # hand at the server; 404 and 405 are a server that starts up, or a wrong address; 409 and 412
    # a race; 500 anything; 501 a server of another kind; 3xx a moved server, which we do not
    # follow with patient data in hand.
}

# OperationOutcome.issue.code, which is more exact than the status it comes with.
_PASSING = frozenset({"transient", "lock-error", "no-store", "timeout", "throttled", "conflict"})
_PASSING_WITH_4XX = _PASSING | {"duplicate"}  # two creates at once: the next try updates
_MULTIPLE = re.compile(r"multiple|more than one|match(ed|es) \d+ resources", re.IGNORECASE)


def blame(status: int, outcome: Json | None) -> Blame:
    """Whose fault an answer other than success is."""
    issues = list(_issues(outcome))
    codes = {str(issue.get("code")) for issue in issues}
    if "multiple-matches" in codes or (
        status == HTTPStatus.PRECONDITION_FAILED and any(map(_tells_multiple, issues))
    ):
        return Blame.MESSAGE  # two resources with one identifier: somebody must clean up
    known = STATUSES.get(status, Blame.MOMENT)
    if known is Blame.MESSAGE and codes & _PASSING_WITH_4XX:
        return Blame.MOMENT
    return known


def failure(
    status: int,
    body: bytes,
    *,
    request: bytes = b"",
    retry_after: float | None = None,
    where: str = "",
) -> Refusal:
    """An answer other than success as an error.

    Its message holds the status and the outcome's codes and places; the outcome's texts may name
    patients, and stay in `response`.
    """
    outcome = read_object(body)
    fault = blame(status, outcome)
    told = ", ".join(_tell(issue) for issue in _issues(outcome))
    refusal = Refusal(
        f"HTTP {status}{where}{f' ({told})' if told else ''}",
        permanent=fault is Blame.MESSAGE,
        unreachable=fault is Blame.LINK,
        request=request,
        response=body or str(status).encode(),
        retry_after=retry_after,
        answered=str(status),
        doubtful=status >= HTTPStatus.INTERNAL_SERVER_ERROR,
    )
    refusal.status = status
    return refusal


def read_object(body: bytes) -> Json | None:
    """The JSON object in a body; None when it is none."""
    try:
        value: Any = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _issues(outcome: Json | None) -> Iterator[Json]:
    if outcome is not None and outcome.get("resourceType") == "OperationOutcome":
        issues = outcome.get("issue")
        yield from (i for i in issues if isinstance(i, dict)) if isinstance(issues, list) else ()


def _tell(issue: Json) -> str:
    places = issue.get("expression")
    place = str(places[0]) if isinstance(places, list) and places else ""
    return f"{issue.get('code', 'unknown')}{f' at {place}' if place else ''}"


def _tells_multiple(issue: Json) -> bool:
    details = issue.get("details")
    text = details.get("text", "") if isinstance(details, dict) else ""
    return bool(_MULTIPLE.search(f"{issue.get('diagnostics', '')} {text}"))
