"""Instance Availability Notification as SCU (PS3.4 Annex R; IHE RAD-49): tell a RIS of images.

One notification for each study and each change: all its instances held here and that they are
online, or unavailable once they are rejected or the study is nobody's. No patient data are said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from pydicom.dataset import Dataset
from pynetdicom.presentation import build_context

from bridge.dicom.destination import DicomDestination, as_transport_errors
from bridge.dicom.scu import Remote, associated
from bridge.dicom.sop_classes import INSTANCE_AVAILABILITY, PERFORMED_STEP
from bridge.domain.delivery import Delivery, EventKind, RetryPolicy, Sent, TransportError
from bridge.domain.publication import WITHDRAWN, News, PublishedStudy, WithdrawnStudy
from bridge.domain.study import Instance, Series, Study

KINDS: Final = frozenset(
    {EventKind.STUDY_AVAILABLE, EventKind.STUDY_CHANGED, EventKind.STUDY_WITHDRAWN}
)
ONLINE: Final = "ONLINE"
UNAVAILABLE: Final = "UNAVAILABLE"
_SUCCESS: Final = 0x0000
_DUPLICATE: Final = 0x0111
_WARNINGS: Final = frozenset({0x0107, 0x0116})
# Processing failure and resource limitation pass; everything else is what we sent, or who we are.
_PASSING: Final = frozenset({0x0110, 0x0213})


class AvailabilityDestination(DicomDestination):
    """One application entity that is notified of instances."""

    def __init__(
        self,
        *,
        name: str,
        remote: Remote,
        retry: RetryPolicy,
        retrieve_ae_title: str,
        kinds: frozenset[EventKind] = KINDS,
    ) -> None:
        """`retrieve_ae_title` is where the instances can be retrieved from: the bridge itself."""
        super().__init__(name=name, remote=remote, retry=retry)
        self._retrieve = retrieve_ae_title
        self._kinds = kinds & KINDS

    def accepts(self, kind: EventKind) -> bool:
        """Studies that are available, changed, or withdrawn."""
        return kind in self._kinds

    def send(self, _delivery: Delivery, news: News, /) -> Sent:
        """Notify of a study's instances as they are now, unless exactly that was confirmed last.

        Raises:
            TransportError: the peer did not confirm.
        """
        notification, digest = self._write(news)
        if notification is None or digest == news.last_content_hash:
            return Sent(content_hash=digest, unchanged=True)
        # The same notification has the same UID: a peer that has it already says so.
        uid = f"2.25.{UUID(digest[:32]).int}"
        said = notification.to_json().encode()
        status, comment = self._notify(notification, uid, said)
        answer = f"{status:04X} {comment}".strip().encode()
        if status not in {_SUCCESS, _DUPLICATE} | _WARNINGS:
            raise TransportError(
                f"the notification was answered with {answer.decode()}",
                permanent=status not in _PASSING,
                request=said,
                response=answer,
            )
        kept = WITHDRAWN if isinstance(news, WithdrawnStudy) else digest
        return Sent(request=said, response=answer, content_hash=kept)

    def _write(self, news: News) -> tuple[Dataset | None, str]:
        if isinstance(news, PublishedStudy):
            rejected = news.rejected.series if news.rejected else ()
            told = [*_told(news.study.series, ONLINE), *_told(rejected, UNAVAILABLE)]
            notification = availability(news.study, told, self._retrieve)
        elif isinstance(news, WithdrawnStudy) and news.study is not None:
            told = [*_told(news.study.series, UNAVAILABLE)]
            notification = availability(news.study, told, self._retrieve)
        elif isinstance(news, WithdrawnStudy):
            return None, WITHDRAWN
        else:
            raise TypeError(f"{type(news).__name__} is no news of instances")
        said = f"{self._remote.ae_title} {notification.to_json()}"
        digest = hashlib.sha256(said.encode()).hexdigest()
        return (notification if notification.ReferencedSeriesSequence else None), digest

    def _notify(self, notification: Dataset, uid: str, said: bytes) -> tuple[int, str]:
        contexts = [build_context(INSTANCE_AVAILABILITY)]
        with as_transport_errors(said), associated(self._remote, contexts) as association:
            status, _ = association.send_n_create(notification, INSTANCE_AVAILABILITY, uid)
        if "Status" not in status:
            raise TransportError("the peer did not answer", permanent=False, request=said)
        return int(status.Status), str(status.get("ErrorComment", ""))


@dataclass(frozen=True, slots=True)
class _Told:
    """One instance, and whether it can be had."""

    series_instance_uid: str
    instance: Instance
    availability: str


def _told(series: Iterable[Series], availability: str) -> Iterator[_Told]:
    """The instances held here: what others hold, they tell of."""
    for each in series:
        for instance in each.instances:
            if instance.path:
                yield _Told(each.series_instance_uid, instance, availability)


def availability(study: Study, told: Iterable[_Told], retrieve_ae_title: str) -> Dataset:
    """The attributes of a notification (PS3.4 Table R.3.2-1)."""
    notification = Dataset()
    notification.ReferencedPerformedProcedureStepSequence = [
        _performed_step(uid) for uid in sorted(study.performed_step_uids)
    ]
    notification.StudyInstanceUID = study.study_instance_uid
    by_series: dict[str, list[_Told]] = {}
    for each in told:
        by_series.setdefault(each.series_instance_uid, []).append(each)
    notification.ReferencedSeriesSequence = [
        _series(uid, by_series[uid], retrieve_ae_title) for uid in sorted(by_series)
    ]
    return notification


def _performed_step(uid: str) -> Dataset:
    step = Dataset()
    step.ReferencedSOPClassUID = PERFORMED_STEP
    step.ReferencedSOPInstanceUID = uid
    step.PerformedWorkitemCodeSequence = []
    return step


def _series(uid: str, told: Iterable[_Told], retrieve_ae_title: str) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = uid
    series.ReferencedSOPSequence = []
    for each in sorted(told, key=lambda one: one.instance.sop_instance_uid):
        reference = Dataset()
        reference.ReferencedSOPClassUID = each.instance.sop_class_uid
        reference.ReferencedSOPInstanceUID = each.instance.sop_instance_uid
        reference.InstanceAvailability = each.availability
        reference.RetrieveAETitle = retrieve_ae_title
        series.ReferencedSOPSequence.append(reference)
    return series
