"""One round of the closed loop: an order, a worklist entry, a scan, an ImagingStudy at the EHR."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from threading import Event
from time import monotonic
from urllib.parse import quote, urlsplit

from pydicom.dataset import Dataset

from bridge.simulate.his import His
from bridge.simulate.hops import Hops
from bridge.simulate.hospital import EXAMS, PEOPLE, OrderRequest, new_uid
from bridge.simulate.images import ct_series
from bridge.simulate.modality import Modality
from bridge.simulate.orders import order_message
from bridge.simulate.resources import Resource

_PATIENCE = 60.0  # seconds until a study that does not appear counts as a failure
_POLL = 0.01


class RoundFailed(Exception):
    """A hop did not happen; the text says which and how."""


class Interrupted(Exception):
    """The demo is to end before this round has."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is special about a round."""

    title: str
    form: str = "ORM^O01"
    identifiers: bool = True
    performed_step: bool = True
    late_image: bool = False


SCENARIOS = (
    Scenario("the order brings its accession number, the scanner reports its step (MPPS)"),
    Scenario(
        "the HIS gives no accession number, the scanner has no MPPS: the quiet time ends the study",
        identifiers=False,
        performed_step=False,
    ),
    Scenario(
        "a RIS's imaging order with every identifier; one image comes late",
        form="OMI^O23",
        late_image=True,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the bridge and the EHR are reached. Every host is 127.0.0.1."""

    hl7_port: int
    dicom_port: int
    ehr_url: str


class Round:
    """One order on its way through the bridge. `stopping` ends its waits early."""

    def __init__(self, addresses: Addresses, hops: Hops, stopping: Event) -> None:
        self._addresses = addresses
        self._hops = hops
        self._stopping = stopping
        self._modality = Modality("127.0.0.1", addresses.dicom_port)

    def run(self, number: int, scenario: Scenario) -> None:
        """Close the loop once; raises `RoundFailed`, `Interrupted`, or what the wire raises."""
        order = make_order(number, scenario)
        self._order(order, scenario.form)
        item = self._worklist(order)
        images = list(ct_series(item, 4, _now()))
        late = [images.pop()] if scenario.late_image else []
        if scenario.performed_step:
            images = self._perform(item, images)
        else:
            self._store(images)
        self._published(item, len(images), counts=scenario.performed_step)
        if late:
            self._store(late)
            self._published(item, len(images) + 1)

    def _order(self, order: OrderRequest, form: str) -> None:
        message = order_message(order, form)
        with self._hops.hop("HIS") as hop, His("127.0.0.1", self._addresses.hl7_port) as his:
            answer = his.send(message)
            what = order.accession_number or f"no. {order.placer_number}"
            name = f"{order.exam.description} of {order.person.display}"
            hop.say(f"{form} {what}, {name} → {answer.code}")
        if answer.code != "AA":
            raise RoundFailed(f"the order was answered {answer.code}: {answer.text}")

    def _worklist(self, order: OrderRequest) -> Dataset:
        with self._hops.hop("Modality") as hop:
            found = self._modality.worklist(PatientID=order.person.patient_id)
            item = next((one for one in found if _placer_number(one) == order.placer_number), None)
            if item is None:
                hop.say(f"C-FIND worklist → {len(found)} entries, not this order")
            else:
                hop.say(f"C-FIND worklist → {item.PatientName}, accession {item.AccessionNumber}")
        if item is None:
            raise RoundFailed("the order was acknowledged, but is not on the worklist")
        return item

    def _perform(self, item: Dataset, images: list[Dataset]) -> list[Dataset]:
        with self._hops.hop("Modality") as hop:
            hop.say("MPPS N-CREATE, step IN PROGRESS → 0000H")
            scanned = self._modality.start(item, _now())
        self._store(images)
        with self._hops.hop("Modality") as hop:
            hop.say("MPPS N-SET, step COMPLETED → 0000H")
            self._modality.complete(scanned, images, _now())
        return images

    def _store(self, images: list[Dataset]) -> None:
        with self._hops.hop("Modality") as hop:
            hop.say(f"C-STORE, {len(images)} CT image{'s' * (len(images) > 1)} → 0000H")
            self._modality.store(images)

    def _published(self, item: Dataset, instances: int, *, counts: bool = False) -> None:
        with self._hops.hop("EHR", publishes=counts) as hop:
            study = self._await_study(str(item.StudyInstanceUID), instances)
            accession = _accession(study)
            hop.say(
                f"GET ImagingStudy/{study['id']} → {study['status']},"
                f" {study['numberOfInstances']} instances, accession {accession}"
            )
        if accession != item.AccessionNumber:
            raise RoundFailed(f"the ImagingStudy is not based on order {item.AccessionNumber}")

    def _await_study(self, uid: str, instances: int) -> Resource:
        deadline = monotonic() + _PATIENCE
        found: list[Resource] = []
        with _connection(self._addresses.ehr_url) as connection:
            while monotonic() < deadline:
                found = _studies(connection, self._addresses.ehr_url, uid)
                if len(found) == 1 and found[0].get("numberOfInstances") == instances:
                    return found[0]
                if self._stopping.wait(_POLL):
                    raise Interrupted
        counts = [study.get("numberOfInstances") for study in found]
        raise RoundFailed(
            f"after {_PATIENCE:.0f} s the EHR holds {counts or 'no ImagingStudy'}"
            f" where one with {instances} instances was expected"
        )


def make_order(number: int, scenario: Scenario) -> OrderRequest:
    """The order that the hospital places as its `number`th."""
    known = scenario.identifiers
    return OrderRequest(
        placer_number=f"P{number:06d}",
        control_id=f"HIS{number:06d}",
        person=PEOPLE[(number - 1) % len(PEOPLE)],
        exam=EXAMS[(number - 1) % len(EXAMS)],
        accession_number=f"ACC{number:04d}" if known else "",
        rp_id=f"RP{number:04d}" if known else "",
        sps_id=f"SPS{number:04d}" if known else "",
        study_instance_uid=new_uid() if scenario.form == "OMI^O23" else "",
        start=_now() + timedelta(minutes=5),
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _placer_number(item: Dataset) -> str:
    return str(item.get("PlacerOrderNumberImagingServiceRequest", ""))


def _accession(study: Resource) -> str:
    based_on = study.get("basedOn", [])
    return next((str(r["identifier"]["value"]) for r in based_on if "identifier" in r), "none")


@contextmanager
def _connection(url: str) -> Iterator[HTTPConnection]:
    address = urlsplit(url)
    connection = HTTPConnection(str(address.hostname), address.port, timeout=10)
    try:
        yield connection
    finally:
        connection.close()


def _studies(connection: HTTPConnection, url: str, uid: str) -> list[Resource]:
    path = urlsplit(url).path
    identifier = quote(f"urn:dicom:uid|urn:oid:{uid}")
    connection.request("GET", f"{path}/ImagingStudy?identifier={identifier}")
    bundle = json.loads(connection.getresponse().read())
    return [entry["resource"] for entry in bundle.get("entry", [])]
