"""Ask an archive which studies it holds: what is new, changed or gone is announced.

Queries know no time of change, so they go by study date: from where the last one ended, some days
back for what came late, and once in a while the whole time of interest again. What was told of a
study is remembered, so that one that did not change is no news.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Protocol

from bridge.domain.announced_study import AnnouncedSeries, AnnouncedStatus, StudyAnnounced
from bridge.domain.errors import BridgeError
from bridge.domain.events import Event
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.patient import PatientDetails
from bridge.domain.source_cursor import SourceCursor
from bridge.services.receive_message import InboundMessage, Receipt, Reply
from bridge.services.transaction import Clock, FiredTimer, Store

Texts = Mapping[str, str]
"""What an archive answers of a study or series: DICOM keyword → text of the value."""

HOLD_SECONDS = 300.0
"""How long a claimed timer is held at least: longer than any one page may take."""

_STUDY, _RECHECK = "study", "recheck"
_END_OF_TIME = "99999999"
_OF_STUDY = (
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "StudyID",
    "ReferringPhysicianName",
    "TimezoneOffsetFromUTC",
)
_OF_PATIENT = ("PatientName", "PatientBirthDate", "PatientSex")
_OF_SERIES = (
    "SeriesDate",
    "SeriesTime",
    "SeriesDescription",
    "BodyPartExamined",
    "Laterality",
    "StationName",
)
STUDY_KEYS = (
    *_OF_PATIENT,
    *_OF_STUDY,
    "StudyInstanceUID",
    "PatientID",
    "IssuerOfPatientID",
    "AccessionNumber",
    "ModalitiesInStudy",
    "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
    "RetrieveAETitle",
    "InstanceAvailability",
)
"""What is asked of a study."""

SERIES_KEYS = (
    *_OF_SERIES,
    "SeriesInstanceUID",
    "Modality",
    "SeriesNumber",
    "NumberOfSeriesRelatedInstances",
)
"""What is asked of a series."""


class Archive(Protocol):
    """An archive that can be asked. All of these raise BridgeError when it does not answer."""

    def studies(self, study_date: str, modality: str) -> Iterable[Texts]:
        """Studies of a range of dates (`20260101-20260102`), of one modality or (empty) any."""

    def study(self, study_instance_uid: str) -> Texts | None:
        """One study; None when it is not there."""

    def series(self, study_instance_uid: str) -> Iterable[Texts]:
        """The series of a study, each with its number of instances."""

    def check(self) -> str:
        """Who is there, in words."""

    def close(self) -> None:
        """Close the connections."""


class Messages(Protocol):
    """The use case that applies what was found (services.receive_message)."""

    def receive(self, message: InboundMessage, events: Sequence[Event], reply: Reply) -> bytes:
        """Apply the events, all or none, and return the reply once committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePlan:
    """What an archive is asked for, and how it is told of.

    `interval` and `recheck` are seconds; `overlap` and `lookback` days. No modalities: all.
    """

    name: str
    peer: str
    archive: str = ""
    retrieve_url: str = ""
    retrieve_ae_title: str = ""
    modalities: tuple[str, ...] = ()
    interval: float = 60.0
    overlap: int = 1
    lookback: int = 7
    recheck: float = 86_400.0


class PolledArchive:
    """One archive, asked by the clock. `today` gives the date at the site."""

    def __init__(
        self,
        plan: ArchivePlan,
        archive: Archive,
        messages: Messages,
        *,
        store: Store,
        clock: Clock,
        today: Callable[[], date],
    ) -> None:
        self._plan = plan
        self._archive = archive
        self._messages = messages
        self._store = store
        self._clock = clock
        self._today = today
        self._stopping = False

    @property
    def name(self) -> str:
        """The name that its messages carry."""
        return self._plan.name

    @property
    def interval(self) -> float:
        """Seconds between two questions."""
        return self._plan.interval

    def poll(self, hold: FiredTimer | None = None) -> None:
        """Ask for every day that is due; each that was answered is kept. Raises BridgeError."""
        cursor = self._cursor(_STUDY)
        recheck = self._cursor(_RECHECK)
        is_recheck = self._clock() - recheck.answered_at >= self._plan.recheck
        try:
            for begin, end in self._pages(cursor, is_recheck=is_recheck):
                if self._stopping:
                    return
                if hold is not None:
                    self.hold(hold)
                self._take_page(begin, end)
                cursor = self._answered(cursor, begin)
        except BridgeError as error:
            failures, problem = cursor.failures + 1, error.message[:500]
            self._move(replace(cursor, failures=failures, problem=problem))
            raise
        if is_recheck:
            self._move(replace(recheck, answered_at=self._clock()))

    def hold(self, fired: FiredTimer) -> None:
        """Keep a claimed timer for as long as a page may take."""
        until = self._clock() + HOLD_SECONDS
        self._store.transact(lambda tx: tx.timers.hold(fired, until))

    def stop(self) -> None:
        """Ask for no further page."""
        self._stopping = True

    def check(self) -> str:
        """Who is there, in words. Raises BridgeError when nobody is."""
        return self._archive.check()

    def close(self) -> None:
        """Close the connections."""
        self._archive.close()

    def _cursor(self, kind: str) -> SourceCursor:
        found = self._store.read(lambda tx: tx.sources.cursor(self.name, kind))
        return replace(found, asked_at=self._clock())

    def _answered(self, cursor: SourceCursor, day: str) -> SourceCursor:
        done = replace(
            cursor,
            since=max(cursor.since, day),
            answered_at=self._clock(),
            failures=0,
            problem="",
        )
        self._move(done)
        return done

    def _move(self, cursor: SourceCursor) -> None:
        self._store.transact(lambda tx: tx.sources.move(cursor))

    def _pages(self, cursor: SourceCursor, *, is_recheck: bool) -> Iterator[tuple[str, str]]:
        """Days as (begin, end); the last is open, for a modality whose clock is ahead."""
        today = self._today()
        first = today - timedelta(days=self._plan.lookback)
        if cursor.since:
            reached = date.fromisoformat(cursor.since) - timedelta(days=self._plan.overlap)
            first = min(first, reached) if is_recheck else reached
        day = min(first, today)
        while day < today:
            yield _text(day), _text(day)
            day += timedelta(days=1)
        yield _text(today), ""

    def _take_page(self, begin: str, end: str) -> None:
        asked = begin if begin == end else f"{begin}-{end}"
        found = {
            study["StudyInstanceUID"]: study
            for modality in self._plan.modalities or ("",)
            for study in self._archive.studies(asked, modality)
            if study.get("StudyInstanceUID") and self._is_wanted(study)
        }
        for study in found.values():
            self._take(study)
        last = end or _END_OF_TIME
        known = self._store.read(lambda tx: tx.sources.between(self.name, begin, last))
        for uid in known:
            if uid not in found:
                self._look_for(uid)

    def _is_wanted(self, study: Texts) -> bool:
        """Whether it is of a modality that is asked for: servers may not match by that key."""
        said = {each.strip() for each in study.get("ModalitiesInStudy", "").split("\\")} - {""}
        return not (self._plan.modalities and said) or bool(said & set(self._plan.modalities))

    def _look_for(self, uid: str) -> None:
        """A study that was there: it has another date now, or is gone."""
        study = self._archive.study(uid)
        if study is not None:
            self._take(study)
            return
        gone = {"StudyInstanceUID": uid, "InstanceAvailability": "UNAVAILABLE"}
        self._apply(gone, (), AnnouncedStatus.CANCELLED)
        self._store.transact(lambda tx: tx.sources.drop(self.name, uid))

    def _take(self, study: Texts) -> None:
        uid = study["StudyInstanceUID"]
        known = self._store.read(lambda tx: tx.sources.versions(self.name, [uid])).get(uid, "")
        version = _digest(study)
        series: tuple[Texts, ...] = ()
        counts = bool(study.get("NumberOfStudyRelatedInstances"))
        if not counts or version != known:
            series = tuple(self._archive.series(uid))
            version = version if counts else _digest(study, *series)
        if version == known:
            return
        is_gone = study.get("InstanceAvailability", "") == "UNAVAILABLE"
        status = AnnouncedStatus.CANCELLED if is_gone else AnnouncedStatus.AVAILABLE
        self._apply(study, series, status)
        day = study.get("StudyDate", "")
        self._store.transact(lambda tx: tx.sources.applied(self.name, uid, version, day))

    def _apply(self, study: Texts, series: Sequence[Texts], status: AnnouncedStatus) -> None:
        now, plan = self._clock(), self._plan
        said = {"study": dict(study), "series": [dict(each) for each in series]}
        message = InboundMessage(
            protocol="dicom",
            peer=plan.peer,
            source=plan.name,
            type="query",
            control_id=f"{study['StudyInstanceUID']}@{now:.3f}",
            raw=json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode(),
            received_at=now,
        )
        failed: list[BridgeError] = []

        def reply(receipt: Receipt) -> bytes:
            if receipt.error is not None and not receipt.error.permanent:
                failed.append(receipt.error)
            return receipt.disposition.value.encode()

        self._messages.receive(message, [announced(study, series, status, plan)], reply)
        if failed:
            raise failed[-1]


def announced(
    study: Texts, series: Sequence[Texts], status: AnnouncedStatus, plan: ArchivePlan
) -> StudyAnnounced:
    """What an archive answered, as an announcement."""
    patient_id, accession = study.get("PatientID", ""), study.get("AccessionNumber", "")
    issuer = Authority(study.get("IssuerOfPatientID", ""))
    titles = study.get("RetrieveAETitle", "").split("\\")
    return StudyAnnounced(
        study_instance_uid=study["StudyInstanceUID"],
        status=status,
        patient=PatientDetails(
            identifiers=(Identifier(patient_id, issuer),) if patient_id else (),
            attributes=_said(study, _OF_PATIENT),
        ),
        accession=Identifier(accession) if accession else None,
        attributes=_said(study, _OF_STUDY),
        series=tuple(_series(each) for each in series if each.get("SeriesInstanceUID")),
        retrieve_url=plan.retrieve_url,
        retrieve_ae_title=plan.retrieve_ae_title or titles[0].strip(),
        archive=plan.archive,
        may_grow=status is AnnouncedStatus.AVAILABLE,
        location="StudyInstanceUID",
    )


def _series(series: Texts) -> AnnouncedSeries:
    return AnnouncedSeries(
        series_instance_uid=series["SeriesInstanceUID"],
        modality=series.get("Modality", ""),
        number=_number(series.get("SeriesNumber", "")),
        attributes=_said(series, _OF_SERIES),
        number_of_instances=_number(series.get("NumberOfSeriesRelatedInstances", "")) or 0,
    )


def _said(level: Texts, keywords: Iterable[str]) -> dict[str, str]:
    return {keyword: level[keyword] for keyword in keywords if level.get(keyword)}


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _text(day: date) -> str:
    return day.strftime("%Y%m%d")


def _digest(*levels: Texts) -> str:
    said = json.dumps([sorted(each.items()) for each in levels], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()[:32]
