"""DIMSE statuses (PS3.7 Annex C): for each service one table from errors to what peers are told."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from enum import IntEnum

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from bridge.domain.commitment import DuplicateTransaction, NobodyToTell
from bridge.domain.errors import (
    BridgeError,
    DataTypeError,
    RequiredFieldMissing,
    ResourceBusy,
    StorageFull,
    UnknownDestination,
    UnsupportedMessage,
    ValueMissing,
)
from bridge.domain.performed_step import (
    DuplicatePerformedStep,
    InvalidAttributeValue,
    MissingAttribute,
    MissingAttributeValue,
    NoSuchAttribute,
    NoSuchPerformedStep,
    PerformedStepFinal,
    UnfitAttributes,
)
from bridge.domain.study import DuplicateInstance, UnsupportedSopClass


class Status(IntEnum):
    """Status (0000,0900) values that the bridge answers."""

    SUCCESS = 0x0000
    OPTIONAL_ATTRIBUTES_UNSUPPORTED = 0x0001
    NO_SUCH_ATTRIBUTE = 0x0105
    INVALID_ATTRIBUTE_VALUE = 0x0106
    ATTRIBUTE_LIST_ERROR = 0x0107
    PROCESSING_FAILURE = 0x0110
    DUPLICATE_SOP_INSTANCE = 0x0111
    NO_SUCH_OBJECT_INSTANCE = 0x0112
    NO_SUCH_EVENT_TYPE = 0x0113
    INVALID_ARGUMENT_VALUE = 0x0115
    SOP_CLASS_NOT_SUPPORTED = 0x0122
    NO_SUCH_ACTION = 0x0123
    MISSING_ATTRIBUTE = 0x0120
    MISSING_ATTRIBUTE_VALUE = 0x0121
    DUPLICATE_TRANSACTION_UID = 0x0131
    UNRECOGNIZED_OPERATION = 0x0211
    MISTYPED_ARGUMENT = 0x0212
    RESOURCE_LIMITATION = 0x0213
    OUT_OF_RESOURCES = 0xA700
    UNABLE_TO_CALCULATE = 0xA701
    UNABLE_TO_PERFORM = 0xA702
    MOVE_DESTINATION_UNKNOWN = 0xA801
    DOES_NOT_MATCH_SOP_CLASS = 0xA900
    SUBOPERATIONS_FAILED = 0xB000
    CANNOT_UNDERSTAND = 0xC000
    UNABLE_TO_PROCESS = 0xC100
    CANCEL = 0xFE00
    PENDING = 0xFF00


# PS3.4 F.7.2.2.2: "Performed Procedure Step Object may no longer be updated".
NO_LONGER_UPDATABLE = 0xA710

Table = Mapping[type[BridgeError], Status]
"""Errors, most specific class first, and the status of each."""

STORAGE: Table = {
    UnsupportedSopClass: Status.SOP_CLASS_NOT_SUPPORTED,
    DuplicateInstance: Status.DUPLICATE_SOP_INSTANCE,
    StorageFull: Status.OUT_OF_RESOURCES,
    ResourceBusy: Status.OUT_OF_RESOURCES,
    RequiredFieldMissing: Status.DOES_NOT_MATCH_SOP_CLASS,
    DataTypeError: Status.DOES_NOT_MATCH_SOP_CLASS,
    BridgeError: Status.CANNOT_UNDERSTAND,
}
WORKLIST: Table = {
    StorageFull: Status.OUT_OF_RESOURCES,
    ResourceBusy: Status.OUT_OF_RESOURCES,
    DataTypeError: Status.DOES_NOT_MATCH_SOP_CLASS,
    UnsupportedMessage: Status.DOES_NOT_MATCH_SOP_CLASS,
    BridgeError: Status.UNABLE_TO_PROCESS,
}
QUERY: Table = {
    StorageFull: Status.OUT_OF_RESOURCES,
    ResourceBusy: Status.OUT_OF_RESOURCES,
    RequiredFieldMissing: Status.DOES_NOT_MATCH_SOP_CLASS,
    DataTypeError: Status.DOES_NOT_MATCH_SOP_CLASS,
    BridgeError: Status.CANNOT_UNDERSTAND,
}
RETRIEVAL: Table = {
    StorageFull: Status.UNABLE_TO_CALCULATE,
    ResourceBusy: Status.UNABLE_TO_CALCULATE,
    UnknownDestination: Status.MOVE_DESTINATION_UNKNOWN,
    RequiredFieldMissing: Status.DOES_NOT_MATCH_SOP_CLASS,
    DataTypeError: Status.DOES_NOT_MATCH_SOP_CLASS,
    BridgeError: Status.CANNOT_UNDERSTAND,
}
PERFORMED_STEP: Table = {
    DuplicatePerformedStep: Status.DUPLICATE_SOP_INSTANCE,
    NoSuchPerformedStep: Status.NO_SUCH_OBJECT_INSTANCE,
    PerformedStepFinal: Status.PROCESSING_FAILURE,
    InvalidAttributeValue: Status.INVALID_ATTRIBUTE_VALUE,
    MissingAttribute: Status.MISSING_ATTRIBUTE,
    MissingAttributeValue: Status.MISSING_ATTRIBUTE_VALUE,
    NoSuchAttribute: Status.NO_SUCH_ATTRIBUTE,
    RequiredFieldMissing: Status.MISSING_ATTRIBUTE,
    StorageFull: Status.RESOURCE_LIMITATION,
    ResourceBusy: Status.RESOURCE_LIMITATION,
    BridgeError: Status.PROCESSING_FAILURE,
}
COMMITMENT: Table = {
    DuplicateTransaction: Status.DUPLICATE_TRANSACTION_UID,
    NobodyToTell: Status.PROCESSING_FAILURE,
    RequiredFieldMissing: Status.MISSING_ATTRIBUTE,
    DataTypeError: Status.INVALID_ATTRIBUTE_VALUE,
    StorageFull: Status.RESOURCE_LIMITATION,
    ResourceBusy: Status.RESOURCE_LIMITATION,
    BridgeError: Status.PROCESSING_FAILURE,
}

AVAILABILITY: Table = {
    ValueMissing: Status.MISSING_ATTRIBUTE_VALUE,
    RequiredFieldMissing: Status.MISSING_ATTRIBUTE,
    DataTypeError: Status.INVALID_ATTRIBUTE_VALUE,
    StorageFull: Status.RESOURCE_LIMITATION,
    ResourceBusy: Status.RESOURCE_LIMITATION,
    BridgeError: Status.PROCESSING_FAILURE,
}

_LONGEST_COMMENT = 64  # Error Comment (0000,0902) is LO

_log = logging.getLogger(__name__)


def code_of(error: Exception, table: Table) -> Status:
    """The status of an error; one that nobody foresaw is the table's last."""
    found = (code for kind, code in table.items() if isinstance(error, kind))
    return next(found, table[BridgeError])


def failure(error: Exception, table: Table, peer: str) -> Dataset:
    """Say what went wrong: to the peer as a status with its comment, to the log with the reason.

    An error that nobody foresaw is answered with the table's last status and logged as a whole.
    """
    if not isinstance(error, BridgeError):
        _log.error("unforeseen error in a DIMSE service", exc_info=error, extra={"peer": peer})
        return status(table[BridgeError], "internal error")
    code = next(code for kind, code in table.items() if isinstance(error, kind))
    _log.warning("refused", extra={"peer": peer, "status": f"{code:04X}", "reason": error.message})
    answer = status(code, error.message)
    if isinstance(error, PerformedStepFinal):
        answer.ErrorID = NO_LONGER_UPDATABLE
        answer.ErrorComment = "Performed Procedure Step Object may no longer be updated"
    if isinstance(error, UnfitAttributes):
        return with_attributes(answer, error.attributes)
    return answer


def with_attributes(answer: Dataset, keywords: Iterable[str]) -> Dataset:
    """The status with Attribute Identifier List (0000,1005): which attributes it is about."""
    tags = [tag for keyword in keywords if (tag := tag_for_keyword(keyword)) is not None]
    if tags:
        answer.AttributeIdentifierList = tags
    return answer


def status(code: Status, comment: str = "") -> Dataset:
    """Make a status as pynetdicom takes it; the comment is cut to its 64 characters of ASCII."""
    answer = Dataset()
    answer.Status = int(code)
    if comment:
        plain = comment.encode("ascii", "ignore").decode("ascii").replace("\\", "/")
        answer.ErrorComment = " ".join(plain.split())[:_LONGEST_COMMENT]
    return answer
