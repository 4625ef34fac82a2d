"""A worklist query made here, and its answers as texts: for whoever looks over an AE's shoulder."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from bridge.dicom.encoding import EXPLICIT_LITTLE
from bridge.dicom.scu import worklist_keys
from bridge.dicom.worklist import Asked, ask
from bridge.dicom.worklist_caller import Caller


def ask_as(caller: Caller, matching: Mapping[str, str]) -> Asked:
    """The query that the caller would send with these keys, by keyword, as it is understood.

    Raises:
        RequestFailed: a keyword is none.
        DataTypeError: a value is none of its VR.
    """
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, worklist_keys(matching))
    return ask(caller, bytes(buffer.getvalue()), EXPLICIT_LITTLE)


def fields_of(answer: bytes, *keywords: str) -> list[str]:
    """These attributes of an answer, those of the step and of the root alike."""
    item = _decoded(answer)
    step = next(iter(item.get("ScheduledProcedureStepSequence") or ()), Dataset())
    return [str(step.get(keyword, item.get(keyword, ""))) for keyword in keywords]


def text_of(answer: bytes) -> str:
    """All of an answer, element by element."""
    return str(_decoded(answer))


def _decoded(answer: bytes) -> Dataset:
    return dcmread(BytesIO(answer), force=True)
