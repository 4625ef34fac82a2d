"""Instance Availability Notification as SCU, to an SCP of pynetdicom's over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import Event

from bridge.dicom.notification import AvailabilityDestination
from bridge.dicom.scu import Remote
from bridge.domain.delivery import Delivery, EventKind, RetryPolicy, TransportError
from bridge.domain.publication import WITHDRAWN, PublishedStudy, Rejected, Request, WithdrawnStudy
from tests.peers.process import choose_port
from tests.unit.broadcast.test_events import ORDER, PATIENT, PROCEDURE, STUDY

DELIVERY = Delivery(
    pk=1,
    destination="ris",
    subject="study:1.2.1",
    kind=EventKind.STUDY_AVAILABLE,
    attempts=0,
    correlation="1.2.1",
)
NEWS = PublishedStudy(
    study=STUDY, patient=PATIENT, requests=(Request(order=ORDER, procedure=PROCEDURE),)
)


@dataclass
class Ris:
    """Takes notifications and answers as told."""

    port: int
    status: int = 0x0000
    told: list[tuple[str, Dataset]] = field(default_factory=list)

    def create(self, event: Event) -> tuple[int, Dataset | None]:
        request: Any = event.request
        self.told.append((request.AffectedSOPInstanceUID, event.attribute_list))
        return self.status, None


@pytest.fixture
def ris() -> Iterator[Ris]:
    peer = Ris(choose_port())
    entity = AE("RIS")
    entity.add_supported_context("1.2.840.10008.5.1.4.33")
    server = entity.start_server(
        ("127.0.0.1", peer.port), block=False, evt_handlers=[(evt.EVT_N_CREATE, peer.create)]
    )
    assert server is not None
    yield peer
    server.shutdown()


def destination(port: int) -> AvailabilityDestination:
    return AvailabilityDestination(
        name="ris",
        remote=Remote(ae_title="RIS", host="127.0.0.1", port=port),
        retry=RetryPolicy(),
        retrieve_ae_title="BRIDGE",
    )


def test_given_an_available_study_then_every_instance_is_told_to_be_online(ris: Ris) -> None:
    sent = destination(ris.port).send(DELIVERY, NEWS)
    assert sent.content_hash
    ((_, told),) = ris.told
    assert told.StudyInstanceUID == "1.2.1"
    (reference,) = told.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert reference.ReferencedSOPInstanceUID == "1.2.1.1.1"
    assert (reference.InstanceAvailability, reference.RetrieveAETitle) == ("ONLINE", "BRIDGE")
    assert "PatientID" not in told


def test_given_it_is_sent_again_then_it_has_the_same_uid(ris: Ris) -> None:
    destination(ris.port).send(DELIVERY, NEWS)
    ris.status = 0x0111
    destination(ris.port).send(DELIVERY, NEWS)
    first, second = (uid for uid, _ in ris.told)
    assert first == second


def test_given_exactly_that_was_confirmed_then_nothing_is_sent(ris: Ris) -> None:
    sent = destination(ris.port).send(DELIVERY, NEWS)
    again = destination(ris.port).send(DELIVERY, replace(NEWS, last_content_hash=sent.content_hash))
    assert again.unchanged
    assert len(ris.told) == 1


def test_given_a_withdrawn_study_then_its_instances_are_unavailable(ris: Ris) -> None:
    news = WithdrawnStudy(study_instance_uid="1.2.1", study=STUDY, last_content_hash="x")
    assert destination(ris.port).send(DELIVERY, news).content_hash == WITHDRAWN
    ((_, told),) = ris.told
    (reference,) = told.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert reference.InstanceAvailability == "UNAVAILABLE"


def test_given_some_of_its_instances_are_rejected_then_those_are_unavailable(ris: Ris) -> None:
    (series,) = STUDY.series
    (kept,) = series.instances
    rejected = replace(kept, sop_instance_uid="1.2.1.1.2")
    more = replace(series, series_instance_uid="1.2.1.2", instances=(replace(kept, path="y"),))
    news = replace(
        NEWS,
        rejected=Rejected(
            instances={"113001": 2}, series=(replace(series, instances=(rejected,)), more)
        ),
    )
    destination(ris.port).send(DELIVERY, news)
    ((_, told),) = ris.told
    said = {
        each.SeriesInstanceUID: [
            (one.ReferencedSOPInstanceUID, one.InstanceAvailability)
            for one in each.ReferencedSOPSequence
        ]
        for each in told.ReferencedSeriesSequence
    }
    assert said == {
        "1.2.1.1": [("1.2.1.1.1", "ONLINE"), ("1.2.1.1.2", "UNAVAILABLE")],
        "1.2.1.2": [("1.2.1.1.1", "UNAVAILABLE")],
    }


@pytest.mark.parametrize(("status", "for_good"), [(0x0110, False), (0x0106, True)])
def test_given_a_failure_then_it_is_tried_again_unless_what_was_sent_is_refused(
    ris: Ris, status: int, for_good: bool
) -> None:
    ris.status = status
    with pytest.raises(TransportError) as failed:
        destination(ris.port).send(DELIVERY, NEWS)
    assert failed.value.permanent is for_good


# The library leaves a socket unclosed when a connection is refused.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_given_nobody_is_there_then_no_attempt_is_burnt() -> None:
    with pytest.raises(TransportError) as failed:
        destination(choose_port()).send(DELIVERY, NEWS)
    assert failed.value.unreachable
