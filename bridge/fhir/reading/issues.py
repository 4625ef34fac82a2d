"""What is wrong with a resource, as OperationOutcome tells it (FHIR R4 2.28)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.domain.errors import (
    BridgeError,
    DataTypeError,
    DuplicateKey,
    InvalidTransition,
    RequiredFieldMissing,
    ResourceBusy,
    StorageFull,
    TableValueNotFound,
    UnknownKey,
    UnsupportedMessage,
)


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong with a resource's form.

    `code` is of OperationOutcome.issue.code, `expression` the FHIRPath of the element. The text
    never holds a value: it may be a patient's.
    """

    code: str
    expression: str
    text: str
    severity: str = "error"

    @property
    def is_error(self) -> bool:
        """Whether the resource cannot be taken because of it."""
        return self.severity == "error"

    def __str__(self) -> str:
        return f"{self.expression}: {self.text}"


_ERRORS: Mapping[str, type[BridgeError]] = {
    "required": RequiredFieldMissing,
    "code-invalid": TableValueNotFound,
    "not-supported": UnsupportedMessage,
    "not-found": UnknownKey,
    "multiple-matches": DuplicateKey,
    "duplicate": DuplicateKey,
}

# The first kind that an error is of decides.
_CODES: tuple[tuple[type[BridgeError], str], ...] = (
    (RequiredFieldMissing, "required"),
    (DataTypeError, "value"),
    (TableValueNotFound, "code-invalid"),
    (UnsupportedMessage, "not-supported"),
    (UnknownKey, "not-found"),
    (DuplicateKey, "duplicate"),
    (InvalidTransition, "business-rule"),
    (ResourceBusy, "lock-error"),
    (StorageFull, "no-store"),
)


def error_of(issue: Issue) -> BridgeError:
    """The issue as an error, for who has to refuse because of it."""
    kind = _ERRORS.get(issue.code, DataTypeError)
    return kind(issue.text, location=issue.expression)


def issue_code(error: BridgeError) -> str:
    """OperationOutcome.issue.code for an error."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return "processing" if error.permanent else "transient"
