"""An archive that is asked over QIDO-RS (PS3.18 10.6 as user agent)."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
from pydicom.datadict import keyword_for_tag, tag_for_keyword

from bridge.domain.delivery import TransportError
from bridge.services.poll_archive import SERIES_KEYS, STUDY_KEYS, Texts

_PAGE = 100
_CONNECT = 5.0  # seconds: who takes longer to connect is not there
_NO_CONTENT, _NOT_FOUND = 204, 404


class QidoArchive:
    """One DICOMweb server (services.poll_archive). Times in seconds."""

    def __init__(self, url: str, *, token: str = "", timeout: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._http = httpx2.Client(
            headers={
                "Accept": "application/dicom+json",
                **({"Authorization": f"Bearer {token}"} if token else {}),
            },
            timeout=httpx2.Timeout(timeout, connect=min(timeout, _CONNECT)),
            verify=ssl.create_default_context(),
            # Patient data goes to the configured address and to no other.
            trust_env=False,
            follow_redirects=False,
        )

    def studies(self, study_date: str, modality: str) -> Iterator[Texts]:
        """Studies of a range of dates, of one modality or any. Raises TransportError."""
        keys = {"StudyDate": study_date, "ModalitiesInStudy": modality}
        return self._search("studies", STUDY_KEYS, keys, "StudyInstanceUID")

    def study(self, study_instance_uid: str) -> Texts | None:
        """One study; None when it is not there. Raises TransportError."""
        keys = {"StudyInstanceUID": study_instance_uid}
        found = list(self._search("studies", STUDY_KEYS, keys, "StudyInstanceUID"))
        of_uid = (each for each in found if each.get("StudyInstanceUID") == study_instance_uid)
        return next(of_uid, None)

    def series(self, study_instance_uid: str) -> list[Texts]:
        """The series of a study; who does not count instances is asked for each."""
        path = f"studies/{study_instance_uid}/series"
        found = list(self._search(path, SERIES_KEYS, {}, "SeriesInstanceUID"))
        return [self._counted(path, each) for each in found]

    def check(self) -> str:
        """Whether studies can be searched. Raises TransportError."""
        self._page("studies", {"limit": "1"})
        return f"QIDO-RS answers at {self._url}"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _counted(self, path: str, series: Texts) -> Texts:
        if series.get("NumberOfSeriesRelatedInstances"):
            return series
        of_series = f"{path}/{series['SeriesInstanceUID']}/instances"
        count = sum(1 for _ in self._search(of_series, (), {}, "SOPInstanceUID"))
        return {**series, "NumberOfSeriesRelatedInstances": str(count)}

    def _search(
        self, path: str, fields: tuple[str, ...], keys: Mapping[str, str], uid: str
    ) -> Iterator[Texts]:
        """Page by page until one brings nothing new: servers may give fewer than asked for."""
        seen: set[str] = set()
        asked: dict[str, str | list[str]] = {key: text for key, text in keys.items() if text}
        asked["limit"] = str(_PAGE)
        if fields:
            asked["includefield"] = [_tag(keyword) for keyword in fields]
        while True:
            page = self._page(path, {**asked, "offset": str(len(seen))})
            new = [each for each in map(_texts, page) if each.get(uid) and each[uid] not in seen]
            yield from new
            seen.update(each[uid] for each in new)
            if not new:
                return

    def _page(self, path: str, parameters: Mapping[str, str | list[str]]) -> list[Any]:
        try:
            response = self._http.get(f"{self._url}/{path}", params=dict(parameters))
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            raise TransportError(
                f"cannot be reached: {type(error).__name__}", permanent=False, unreachable=True
            ) from error
        except httpx2.RequestError as error:
            raise TransportError(f"no answer: {type(error).__name__}", permanent=False) from error
        if response.status_code in (_NO_CONTENT, _NOT_FOUND) and path != "studies":
            return []
        if response.status_code == _NO_CONTENT:
            return []
        if not response.is_success:
            raise TransportError(f"HTTP status {response.status_code}", permanent=False)
        try:
            found = response.json()
        except ValueError as error:
            raise TransportError("the answer is not DICOM JSON", permanent=False) from error
        if not isinstance(found, list):
            raise TransportError("the answer is not DICOM JSON", permanent=False)
        return found


def _tag(keyword: str) -> str:
    return f"{tag_for_keyword(keyword) or 0:08X}"


def _texts(item: Any) -> Texts:
    elements = item.items() if isinstance(item, dict) else ()
    return {_keyword(tag): _text(element) for tag, element in elements}


def _keyword(tag: str) -> str:
    try:
        return keyword_for_tag(int(tag, 16)) or tag
    except ValueError:
        return tag


def _text(element: Any) -> str:
    values = element.get("Value") if isinstance(element, dict) else None
    if not isinstance(values, list):
        return ""
    return "\\".join(_value(each) for each in values if each is not None)


def _value(value: Any) -> str:
    if isinstance(value, dict):  # a person name (PS3.18 F.2.2)
        groups = [str(value.get(name) or "") for name in _GROUPS]
        return "=".join(groups).rstrip("=")
    return str(value).strip()


_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
