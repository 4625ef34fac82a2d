"""Given a PACS that notifies of studies (PS3.4 Annex R), then it is heard, or corrected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom.presentation import build_context

from bridge.dicom.availability import Archive, AvailabilityProvider
from bridge.dicom.scu import associated
from bridge.dicom.sop_classes import INSTANCE_AVAILABILITY
from bridge.domain.announced_study import StudyAnnounced
from bridge.domain.errors import BridgeError, ResourceBusy
from bridge.domain.events import Event
from bridge.domain.journal import Disposition
from bridge.services.receive_message import InboundMessage, Receipt, Reply
from tests.adapters.dicom.services import RunningBridge, running

CT = "1.2.840.10008.5.1.4.1.1.2"


@dataclass
class Messages:
    """Keeps what is received, unless it is to fail."""

    error: BridgeError | None = None
    received: list[tuple[InboundMessage, tuple[Event, ...]]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def receive(self, message: InboundMessage, events: Sequence[Event], reply: Reply) -> bytes:
        if self.error is not None:
            return reply(Receipt(disposition=Disposition.REFUSED, error=self.error))
        self.received.append((message, tuple(events)))
        return reply(Receipt(disposition=Disposition.APPLIED))

    def refuse(self, message: InboundMessage, error: BridgeError, reply: Reply) -> bytes:
        self.refused.append(error.message)
        return reply(Receipt(disposition=Disposition.REFUSED, error=error))


@pytest.fixture(scope="module")
def service() -> Messages:
    return Messages()


@pytest.fixture(scope="module")
def listener(service: Messages) -> Iterator[RunningBridge]:
    archives = {"PACS": Archive(name="pacs", retrieve_url="http://pacs/dicom-web")}
    with running(availability=AvailabilityProvider(service, archives, lambda: 1.0)) as started:
        yield started


@pytest.fixture
def pacs(listener: RunningBridge, service: Messages) -> RunningBridge:
    service.error = None
    service.received.clear()
    service.refused.clear()
    return listener


def instance(uid: str, availability: str = "ONLINE", **elements: Any) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = CT
    item.ReferencedSOPInstanceUID = uid
    item.InstanceAvailability = availability
    item.RetrieveAETitle = "PACS"
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def notification(*instances: Dataset) -> Dataset:
    step, series, told = Dataset(), Dataset(), Dataset()
    step.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.3"
    step.ReferencedSOPInstanceUID = "1.9.1"
    step.PerformedWorkitemCodeSequence = []
    series.SeriesInstanceUID = "1.2.1.1"
    series.ReferencedSOPSequence = list(instances)
    told.ReferencedPerformedProcedureStepSequence = [step]
    told.StudyInstanceUID = "1.2.1"
    told.ReferencedSeriesSequence = [series]
    return told


def notify(bridge: RunningBridge, told: Dataset | None, uid: str | None = "1.3.1") -> Dataset:
    contexts = [build_context(INSTANCE_AVAILABILITY)]
    with associated(bridge.called_by("PACS"), contexts) as association:
        answer, _ = association.send_n_create(told, INSTANCE_AVAILABILITY, uid)
    return answer


def announced(service: Messages) -> StudyAnnounced:
    ((_, (event,)),) = service.received
    assert isinstance(event, StudyAnnounced)
    return event


def test_given_a_notification_then_it_tells_what_is_there_and_what_is_not(
    pacs: RunningBridge, service: Messages
) -> None:
    told = notification(
        instance("1.1"), instance("1.2", "NEARLINE"), instance("1.3", "UNAVAILABLE")
    )
    assert notify(pacs, told).Status == 0x0000
    event = announced(service)
    (series,) = event.series
    assert (event.study_instance_uid, event.performed_step_uids) == ("1.2.1", ("1.9.1",))
    assert (series.instances, series.unavailable) == ((("1.1", CT), ("1.2", CT)), ("1.3",))
    assert series.modality == "CT"
    assert (event.archive, event.retrieve_url) == ("pacs", "http://pacs/dicom-web")
    assert (event.is_whole, event.may_grow, event.patient.identifiers) == (False, True, ())


def test_given_an_archive_nobody_configured_then_it_says_itself_where_images_are(
    pacs: RunningBridge, service: Messages
) -> None:
    url = "https://deep.example/web/studies/1.2.1/series/1.2.1.1"
    other = instance("1.1", RetrieveAETitle="DEEP", RetrieveURL=url)
    with associated(pacs.called_by("OTHER"), [build_context(INSTANCE_AVAILABILITY)]) as link:
        answer, _ = link.send_n_create(notification(other), INSTANCE_AVAILABILITY, "1.3.1")
    assert answer.Status == 0x0000
    event = announced(service)
    assert (event.retrieve_ae_title, event.retrieve_url) == ("DEEP", "https://deep.example/web")


def test_given_no_uid_then_one_is_assigned(pacs: RunningBridge, service: Messages) -> None:
    assert notify(pacs, notification(instance("1.1")), uid=None).Status == 0x0000
    ((message, _),) = service.received
    assert message.control_id.startswith("2.25.")


def without(keyword: str) -> Dataset:
    told = notification(instance("1.1"))
    for level in (told, told.ReferencedSeriesSequence[0]):
        if keyword in level:
            delattr(level, keyword)
            return told
    delattr(told.ReferencedSeriesSequence[0].ReferencedSOPSequence[0], keyword)
    return told


@pytest.mark.parametrize(
    "keyword",
    [
        "StudyInstanceUID",
        "ReferencedSeriesSequence",
        "SeriesInstanceUID",
        "ReferencedSOPSequence",
        "ReferencedSOPClassUID",
        "ReferencedSOPInstanceUID",
        "InstanceAvailability",
        "RetrieveAETitle",
    ],
)
def test_given_a_type_1_attribute_is_missing_then_it_is_named(
    pacs: RunningBridge, service: Messages, keyword: str
) -> None:
    answer = notify(pacs, without(keyword))
    assert answer.Status == 0x0120
    assert keyword in answer.ErrorComment
    assert len(service.refused) == 1


def change(edit: Callable[[Dataset], None]) -> Dataset:
    told = notification(instance("1.1"))
    edit(told)
    return told


def _empty_uid(told: Dataset) -> None:
    told.StudyInstanceUID = ""


def _no_series(told: Dataset) -> None:
    told.ReferencedSeriesSequence = []


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (change(_empty_uid), 0x0121),
        (change(_no_series), 0x0121),
        (notification(instance("1.1", "SOMEWHERE")), 0x0106),
        (notification(instance("1.1", RetrieveAETitle="")), 0x0121),
    ],
)
def test_given_a_value_is_empty_or_none_of_its_values_then_it_is_refused(
    pacs: RunningBridge, service: Messages, told: Dataset, expected: int
) -> None:
    assert notify(pacs, told).Status == expected
    assert service.received == []


def test_given_the_database_is_busy_then_it_may_be_told_again(
    pacs: RunningBridge, service: Messages
) -> None:
    service.error = ResourceBusy("locked")
    assert notify(pacs, notification(instance("1.1"))).Status == 0x0213
