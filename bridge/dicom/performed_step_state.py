"""The performed step as a whole: what was created and what was set since, as one data set.

PS3.4 F.7.2.2.3: a sequence that is set stands in the place of the old one; the Specific Character
Set of an N-SET is that of its own texts and does not change that of others.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.dsutils import decode, encode

from bridge.dicom.performed_step_report import sniffed
from bridge.domain.errors import DataTypeError
from bridge.domain.performed_step import Operation, PerformedStepMessage, PerformedStepStatus
from bridge.domain.performed_step_attributes import NOT_SETTABLE

_UNICODE = "ISO_IR 192"


def state_of(messages: Iterable[PerformedStepMessage]) -> Dataset:
    """What all messages of a performed step make of it.

    Raises:
        DataTypeError: one cannot be read.
    """
    state = Dataset()
    declared = set()
    for message in messages:
        said = parsed(message.encoded, message.transfer_syntax_uid)
        declared.add(str(said.get("SpecificCharacterSet", "")))
        kept = NOT_SETTABLE if message.operation is Operation.SET else frozenset()
        for element in said:
            if element.keyword not in kept:
                state.add(element)
    if len(declared) > 1:
        state.SpecificCharacterSet = _UNICODE
    return state


def as_creation(data: bytes, transfer_syntax_uid: str) -> bytes:
    """An N-SET's data set as that of an N-CREATE: the same, and in progress.

    Raises:
        DataTypeError: it cannot be read.
    """
    said = parsed(data, transfer_syntax_uid)
    said.PerformedProcedureStepStatus = PerformedStepStatus.IN_PROGRESS.value
    return written(said, transfer_syntax_uid)


def parsed(data: bytes, transfer_syntax_uid: str) -> Dataset:
    """A data set with its texts decoded.

    Raises:
        DataTypeError: it cannot be read.
    """
    syntax = UID(transfer_syntax_uid or sniffed(data))
    try:
        found = decode(
            BytesIO(data), syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated
        )
        found.decode()
    except Exception as error:  # the library raises what it happens to meet
        raise DataTypeError(f"the data set cannot be read: {type(error).__name__}") from error
    return found


def written(dataset: Dataset, transfer_syntax_uid: str) -> bytes:
    """A data set in a transfer syntax.

    Raises:
        DataTypeError: it cannot be written so.
    """
    syntax = UID(transfer_syntax_uid)
    data = encode(dataset, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    if data is None:
        raise DataTypeError("the data set cannot be written")
    return data
