"""Key Object Selection documents that reject what they select (PS3.16 TID 2010, IHE RAD IOCM)."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.dicom.elements import DataSet, read
from bridge.dicom.encoding import Encoded
from bridge.domain.rejection import REJECTIONS, RejectionNote

_CONCEPT_NAME, _CODE_VALUE, _SCHEME = 0x0040A043, 0x00080100, 0x00080102
_CURRENT_EVIDENCE, _OTHER_EVIDENCE = 0x0040A375, 0x0040A385
_STUDY, _SERIES_SEQUENCE = 0x0020000D, 0x00081115
_SOP_SEQUENCE, _SOP_INSTANCE = 0x00081199, 0x00081155
_WANTED = frozenset({_CONCEPT_NAME, _CURRENT_EVIDENCE, _OTHER_EVIDENCE})


def read_rejection(data: Encoded, transfer_syntax_uid: str, start: int = 0) -> RejectionNote | None:
    """What a Key Object Selection document rejects; None for one that selects for other reasons."""
    found = read(data, transfer_syntax_uid, _WANTED, start)
    titles = found.items(_CONCEPT_NAME)
    code = titles[0].text(_CODE_VALUE) if titles else ""
    if code not in REJECTIONS or titles[0].text(_SCHEME) != "DCM":
        return None
    return RejectionNote(code, frozenset(_references(found)))


def _references(found: DataSet) -> Iterator[tuple[str, str]]:
    """Every instance that the document refers to, study by study and series by series."""
    for sequence in (_CURRENT_EVIDENCE, _OTHER_EVIDENCE):
        for study in found.items(sequence):
            for series in study.items(_SERIES_SEQUENCE):
                for each in series.items(_SOP_SEQUENCE):
                    yield study.text(_STUDY), each.text(_SOP_INSTANCE)
