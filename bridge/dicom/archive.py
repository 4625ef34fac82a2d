"""An archive that is asked by C-FIND (PS3.4 C.4.1 as SCU), Study Root."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pynetdicom.presentation import build_context

from bridge.dicom.scu import Remote, RequestFailed, associated, echo
from bridge.dicom.sop_classes import STUDY_ROOT_FIND
from bridge.services.poll_archive import SERIES_KEYS, STUDY_KEYS, Texts

_PENDING = frozenset({0xFF00, 0xFF01})
_SUCCESS = 0x0000


@dataclass(frozen=True, slots=True)
class QueriedArchive:
    """One application entity (services.poll_archive)."""

    remote: Remote

    def studies(self, study_date: str, modality: str) -> Iterator[Texts]:
        """Studies of a range of dates, of one modality or any. Raises BridgeError."""
        matching = {"StudyDate": study_date, "ModalitiesInStudy": modality}
        return self._find("STUDY", STUDY_KEYS, matching)

    def study(self, study_instance_uid: str) -> Texts | None:
        """One study; None when it is not there. Raises BridgeError."""
        matching = {"StudyInstanceUID": study_instance_uid}
        found = list(self._find("STUDY", STUDY_KEYS, matching))
        of_uid = (each for each in found if each.get("StudyInstanceUID") == study_instance_uid)
        return next(of_uid, None)

    def series(self, study_instance_uid: str) -> list[Texts]:
        """The series of a study; who does not count instances is asked for each. BridgeError."""
        matching = {"StudyInstanceUID": study_instance_uid}
        found = list(self._find("SERIES", SERIES_KEYS, matching))
        return [self._counted(each, matching) for each in found]

    def check(self) -> str:
        """Verify that the peer answers (C-ECHO). Raises BridgeError."""
        echo(self.remote)
        return f"C-ECHO succeeded at {self.remote.host}:{self.remote.port}"

    def close(self) -> None:
        """Nothing is held open."""

    def _counted(self, series: Texts, of_study: dict[str, str]) -> Texts:
        if series.get("NumberOfSeriesRelatedInstances"):
            return series
        matching = {**of_study, "SeriesInstanceUID": series["SeriesInstanceUID"]}
        count = sum(1 for _ in self._find("IMAGE", ("SOPInstanceUID",), matching))
        return {**series, "NumberOfSeriesRelatedInstances": str(count)}

    def _find(
        self, level: str, keywords: tuple[str, ...], matching: dict[str, str]
    ) -> Iterator[Texts]:
        asked = {**dict.fromkeys(keywords, ""), **matching, "QueryRetrieveLevel": level}
        with associated(self.remote, [build_context(STUDY_ROOT_FIND)]) as association:
            for status, item in association.send_c_find(_identifier(asked), STUDY_ROOT_FIND):
                if "Status" not in status:
                    raise RequestFailed("the archive did not answer", permanent=False)
                if status.Status in _PENDING and item is not None:
                    yield _texts(item)
                elif status.Status != _SUCCESS:
                    said = f"{status.Status:04X} {status.get('ErrorComment', '')}".strip()
                    raise RequestFailed(f"the query failed with status {said}", permanent=False)


def _identifier(asked: dict[str, str]) -> Dataset:
    identifier = Dataset()
    for keyword, text in asked.items():
        tag = tag_for_keyword(keyword)
        if tag is None:
            raise LookupError(keyword)
        # Keys may hold ranges that values may not.
        vr = dictionary_VR(tag)
        identifier.add(DataElement(tag, vr, text or None, validation_mode=IGNORE))
    return identifier


def _texts(item: Dataset) -> Texts:
    item.decode()
    return {each.keyword: _text(each.value) for each in item if each.keyword and each.VR != "SQ"}


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, MultiValue):
        return "\\".join(_text(each) for each in value)
    return str(value).strip(" \0")
