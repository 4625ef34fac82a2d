"""SOP classes: those that the bridge gives a service of its own (PS3.4), and storage."""

from __future__ import annotations

from functools import lru_cache

from pydicom._uid_dict import UID_dictionary
from pynetdicom.presentation import AllStoragePresentationContexts
from pynetdicom.sop_class import _NON_PATIENT_OBJECT_CLASSES

VERIFICATION = "1.2.840.10008.1.1"
MODALITY_WORKLIST = "1.2.840.10008.5.1.4.31"
PERFORMED_STEP = "1.2.840.10008.3.1.2.3.3"
PERFORMED_STEP_RETRIEVE = "1.2.840.10008.3.1.2.3.4"
INSTANCE_AVAILABILITY = "1.2.840.10008.5.1.4.33"  # notification (PS3.4 Annex R)
STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
STORAGE_COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"  # the one well-known instance

# Query/Retrieve (PS3.4 C.3): two information models, three services each.
PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
PATIENT_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.1.2"
PATIENT_ROOT_GET = "1.2.840.10008.5.1.4.1.2.1.3"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"

FIND = frozenset({PATIENT_ROOT_FIND, STUDY_ROOT_FIND})
MOVE = frozenset({PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE})
GET = frozenset({PATIENT_ROOT_GET, STUDY_ROOT_GET})
PATIENT_ROOT = frozenset({PATIENT_ROOT_FIND, PATIENT_ROOT_MOVE, PATIENT_ROOT_GET})

_SOP_CLASS = "SOP Class"
# Called storage, but not of what belongs to a patient's study.
_NO_STORAGE = frozenset(
    {
        "1.2.840.10008.1.3.10",  # a directory of media
        "1.2.840.10008.1.20.1",  # commitment, push and pull
        "1.2.840.10008.1.20.2",
        *map(str, _NON_PATIENT_OBJECT_CLASSES.values()),
    }
)
_KNOWN_STORAGE = frozenset(str(each.abstract_syntax) for each in AllStoragePresentationContexts)


@lru_cache(maxsize=4096)
def is_storage(uid: str, *, standard_only: bool = False) -> bool:
    """Whether a UID names a SOP class of storage (PS3.4 Annex B), also one that is retired.

    What PS3.6 registers as something else is none. Of what it does not register, private classes
    and those that are newer than our copy, nobody can tell: they pass unless `standard_only`.
    """
    if uid in _KNOWN_STORAGE:
        return True
    if uid in UID_dictionary:
        name, kind, *_ = UID_dictionary[uid]
        return kind == _SOP_CLASS and "Storage" in name and uid not in _NO_STORAGE
    return not standard_only and uid not in _NO_STORAGE


_STORAGE = "1.2.840.10008.5.1.4.1.1."

# What makes images of a class, where just one modality does: who names a class names no modality.
MODALITY_OF_CLASS = {
    _STORAGE + number: modality
    for modality, numbers in {
        "CR": ("1",),
        "DX": ("1.1", "1.1.1"),
        "MG": ("1.2", "1.2.1", "13.1.3"),
        "IO": ("1.3", "1.3.1"),
        "CT": ("2", "2.1", "2.2"),
        "US": ("3.1", "6.1", "6.2"),
        "MR": ("4", "4.1", "4.2", "4.3", "4.4"),
        "XA": ("12.1", "12.1.1", "13.1.1"),
        "RF": ("12.2", "12.2.1"),
        "NM": ("20",),
        "PT": ("128", "128.1", "130"),
        "ES": ("77.1.1", "77.1.1.1"),
        "SM": ("77.1.3", "77.1.6"),
        "XC": ("77.1.4", "77.1.4.1"),
        "OP": ("77.1.5.1", "77.1.5.2"),
        "OPT": ("77.1.5.4",),
        "SR": ("88.11", "88.22", "88.33", "88.34", "88.67"),
        "KO": ("88.59",),
        "PR": ("11.1", "11.2", "11.3", "11.4"),
        "SEG": ("66.4",),
        "ECG": ("9.1.1", "9.1.2", "9.1.3"),
        "RTIMAGE": ("481.1",),
        "RTDOSE": ("481.2",),
        "RTSTRUCT": ("481.3",),
        "RTPLAN": ("481.5",),
    }.items()
    for number in numbers
}
