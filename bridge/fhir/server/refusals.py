"""Refusals: every error as an OperationOutcome (FHIR R4 3.1.0.7.2) with its HTTP status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from bridge.domain.errors import (
    BridgeError,
    DataTypeError,
    DuplicateKey,
    InvalidTransition,
    RecordInUse,
    RequiredFieldMissing,
    ResourceBusy,
    StorageFull,
    TableValueNotFound,
    UnknownKey,
    UnsupportedMessage,
)
from bridge.fhir.identifiers import Json

RETRY_AFTER_SECONDS = 5

# HTTP status → the issue type (value set IssueType) of a refusal that has none of its own.
ISSUE_CODES: Mapping[int, str] = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    409: "conflict",
    410: "deleted",
    412: "conflict",
    413: "too-long",
    415: "not-supported",
    422: "processing",
    428: "required",
    500: "exception",
    501: "not-supported",
    503: "transient",
}

# What can go wrong → HTTP status. The first class that fits.
STATUSES: tuple[tuple[type[BridgeError], int], ...] = (
    (RequiredFieldMissing, 422),
    (DataTypeError, 422),
    (TableValueNotFound, 422),
    (UnsupportedMessage, 422),
    (UnknownKey, 422),
    (DuplicateKey, 409),
    (InvalidTransition, 409),
    (RecordInUse, 409),
    (ResourceBusy, 503),
    (StorageFull, 503),
)
_CODES: tuple[tuple[type[BridgeError], str], ...] = (
    (RequiredFieldMissing, "required"),
    (DataTypeError, "value"),
    (TableValueNotFound, "code-invalid"),
    (UnsupportedMessage, "not-supported"),
    (UnknownKey, "not-found"),
    (DuplicateKey, "duplicate"),
    (InvalidTransition, "conflict"),
    (RecordInUse, "conflict"),
    (ResourceBusy, "transient"),
    (StorageFull, "no-store"),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One issue of an OperationOutcome. `expression` is FHIRPath, or empty."""

    code: str
    text: str
    expression: str = ""
    severity: str = "error"


class FhirRefusal(BridgeError):
    """A request that is not done, with the HTTP status and all that is wrong with it."""

    def __init__(
        self,
        status: int,
        text: str,
        *,
        code: str = "",
        expression: str = "",
        problems: Sequence[Problem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            text,
            permanent=status < HTTPStatus.INTERNAL_SERVER_ERROR,
            location=expression or None,
        )
        self.status = status
        self.headers = dict(headers or {})
        own = Problem(code or ISSUE_CODES.get(status, "processing"), text, expression)
        self.problems = tuple(problems) or (own,)


def refusal_of(error: BridgeError, expression: str = "") -> FhirRefusal:
    """Any error of the bridge as a refusal; `expression` where its own location says nothing."""
    if isinstance(error, FhirRefusal):
        return error
    status = next((each for kind, each in STATUSES if isinstance(error, kind)), 0)
    status = status or (422 if error.permanent else 503)
    code = next((each for kind, each in _CODES if isinstance(error, kind)), "processing")
    headers = {} if error.permanent else {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return FhirRefusal(status, error.message, code=code, expression=expression, headers=headers)


def outcome(problems: Iterable[Problem]) -> Json:
    """The OperationOutcome that tells of these."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(each) for each in problems]}


def said(text: str) -> Json:
    """The OperationOutcome of something that went well."""
    return outcome([Problem("informational", text, severity="information")])


def _issue(problem: Problem) -> Json:
    place = {"expression": [problem.expression]} if problem.expression else {}
    return {
        "severity": problem.severity,
        "code": problem.code,
        "details": {"text": problem.text},
        "diagnostics": problem.text,
        **place,
    }
