"""What can go wrong, in one tree: each error says if trying again can help, and where it arose."""

from __future__ import annotations

from collections.abc import Sequence


class BridgeError(Exception):
    """The root of every error the bridge raises on purpose.

    `permanent` is true when the same input can never succeed (HL7: AE, FHIR: 4xx); false when
    trying again may help (HL7: AR, FHIR: 5xx). `location` names the place in the input in the
    sender's own terms, for HL7 `SEG^sequence^field^repetition^component`. `further` are
    errors that stand beside this one in the same input. No patient data belongs in the text.
    """

    permanent = True
    code = "207"
    further: tuple[BridgeError, ...] = ()

    def __init__(
        self, message: str, *, permanent: bool | None = None, location: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        if permanent is not None:
            self.permanent = permanent


class RequiredFieldMissing(BridgeError):
    """A value that the request cannot do without is absent (HL7 table 0357: 101)."""

    code = "101"


class ValueMissing(RequiredFieldMissing):
    """A value that the request cannot do without is there and empty (DICOM: 0121H)."""


class DataTypeError(BridgeError):
    """A value has the wrong type or length (HL7 table 0357: 102)."""

    code = "102"


class TableValueNotFound(BridgeError):
    """A coded value is not in the table it must come from (HL7 table 0357: 103)."""

    code = "103"


class UnsupportedMessage(BridgeError):
    """Message type, event or processing ID is not one we act on (HL7 table 0357: 200)."""

    code = "200"


class UnsupportedEvent(UnsupportedMessage):
    """The type is one we act on, the event or request is not (HL7 table 0357: 201)."""

    code = "201"


class UnknownKey(BridgeError):
    """The request names an order, step or patient that does not exist (HL7 table 0357: 204)."""

    code = "204"


class UnknownDestination(BridgeError):
    """Something is to be sent to somebody whose address nobody knows (DICOM: A801H)."""


class DuplicateKey(BridgeError):
    """An identifier already belongs to something else (HL7 table 0357: 205)."""

    code = "205"


class InvalidTransition(BridgeError):
    """The state machine has no way from the present state to the requested one."""

    code = "199"


class ResourceBusy(BridgeError):
    """The record is locked or the store is out of reach just now (HL7 table 0357: 206)."""

    permanent = False
    code = "206"


class RecordInUse(BridgeError):
    """What was to be dropped has something hanging on it (HL7 table 0357: 206)."""

    code = "206"


class StorageFull(BridgeError):
    """No room to keep what arrived: DICOM A700, HTTP 503, HL7 AR."""

    permanent = False
    code = "207"


def together(errors: Sequence[BridgeError]) -> BridgeError:
    """The first of several errors, with the others beside it."""
    first, *others = errors
    first.further = (*first.further, *others)
    return first
