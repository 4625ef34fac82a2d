"""A CT scanner: asks for its worklist, reports its performed step, stores its images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ModalityPerformedProcedureStep,
    ModalityWorklistInformationFind,
    Verification,
)

from bridge.simulate.hospital import STATION, new_uid

SUCCESS = 0x0000
_PENDING = (0xFF00, 0xFF01)


class ModalityError(Exception):
    """The peer refused the association or answered with a failure; the text says which."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """A performed step under way: its SOP Instance UID and the worklist item it fulfils."""

    uid: str
    item: Dataset


class Modality:
    """A modality with one AE title that opens one association per task, as most do."""

    def __init__(
        self, host: str, port: int, *, ae_title: str = STATION, called_ae_title: str = "BRIDGE"
    ) -> None:
        self._address = (host, port)
        self.ae_title = ae_title
        self._called = called_ae_title

    def echo(self) -> None:
        """C-ECHO; raises `ModalityError` unless it succeeds."""
        with self._association(Verification) as association:
            _check(association.send_c_echo(), "C-ECHO")

    def worklist(self, **keys: str) -> list[Dataset]:
        """The worklist entries of this station, of its modality, that match `keys` (keywords)."""
        query = worklist_query(self.ae_title, **keys)
        found = []
        with self._association(ModalityWorklistInformationFind) as association:
            for status, item in association.send_c_find(query, ModalityWorklistInformationFind):
                if status.get("Status") not in _PENDING:
                    _check(status, "C-FIND")
                elif item is not None:
                    found.append(item)
        return found

    def start(self, item: Dataset, now: datetime) -> Scanned:
        """N-CREATE a performed step IN PROGRESS for a worklist item."""
        scanned = Scanned(new_uid(), item)
        report = _step_begun(item, self.ae_title, now)
        with self._association(ModalityPerformedProcedureStep) as association:
            status, _ = association.send_n_create(
                report, ModalityPerformedProcedureStep, scanned.uid
            )
            _check(status, "N-CREATE")
        return scanned

    def store(self, images: Iterable[Dataset]) -> int:
        """C-STORE every image on one association; returns how many were taken."""
        count = 0
        with self._association(CTImageStorage) as association:
            for image in images:
                _check(association.send_c_store(image), "C-STORE")
                count += 1
        return count

    def complete(self, scanned: Scanned, images: Iterable[Dataset], now: datetime) -> None:
        """N-SET the performed step COMPLETED, with every image it made."""
        report = _step_ended(scanned.item, list(images), now)
        with self._association(ModalityPerformedProcedureStep) as association:
            status, _ = association.send_n_set(report, ModalityPerformedProcedureStep, scanned.uid)
            _check(status, "N-SET")

    @contextmanager
    def _association(self, sop_class: str) -> Iterator[Association]:
        entity = AE(ae_title=self.ae_title)
        entity.add_requested_context(sop_class, ExplicitVRLittleEndian)
        entity.connection_timeout = 10
        host, port = self._address
        association = entity.associate(host, port, ae_title=self._called)
        if not association.is_established:
            raise ModalityError(f"{self._called} at {host}:{port} gave no association")
        try:
            yield association
        finally:
            association.release()


def worklist_query(ae_title: str, **keys: str) -> Dataset:
    """A worklist identifier that asks for what a scanner shows and copies into its images."""
    query = Dataset()
    query.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _RETURNED:
        setattr(query, keyword, None)
    step = Dataset()
    for keyword in _RETURNED_OF_STEP:
        setattr(step, keyword, None)
    step.ScheduledStationAETitle = ae_title
    step.Modality = "CT"
    query.ScheduledProcedureStepSequence = [step]
    for keyword, value in keys.items():
        setattr(query, keyword, value)
    return query


_RETURNED = (
    "AccessionNumber",
    "ReferringPhysicianName",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientWeight",
    "StudyInstanceUID",
    "RequestingPhysician",
    "RequestedProcedureDescription",
    "RequestedProcedureID",
    "RequestedProcedurePriority",
    "PlacerOrderNumberImagingServiceRequest",
)
_RETURNED_OF_STEP = (
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "ScheduledPerformingPhysicianName",
    "ScheduledProcedureStepDescription",
    "ScheduledProcedureStepID",
)


def _check(status: Dataset, operation: str) -> None:
    """Anything but success is an error; an empty status means that no answer came."""
    code = status.get("Status")
    if code is None:
        raise ModalityError(f"{operation}: no answer")
    if code != SUCCESS:
        comment = status.get("ErrorComment", "")
        raise ModalityError(f"{operation}: status {code:04X}H {comment}".rstrip())


def _step_begun(item: Dataset, ae_title: str, now: datetime) -> Dataset:
    step = item.ScheduledProcedureStepSequence[0]
    scheduled = Dataset()
    for keyword in ("StudyInstanceUID", "AccessionNumber", "RequestedProcedureID"):
        scheduled[keyword] = item[keyword]
    scheduled.ReferencedStudySequence = []
    scheduled.RequestedProcedureDescription = item.get("RequestedProcedureDescription", "")
    scheduled.ScheduledProcedureStepID = step.ScheduledProcedureStepID
    scheduled.ScheduledProcedureStepDescription = step.get("ScheduledProcedureStepDescription", "")
    scheduled.ScheduledProtocolCodeSequence = []
    report = Dataset()
    for keyword in ("SpecificCharacterSet", "PatientName", "PatientID"):
        if keyword in item:
            report[keyword] = item[keyword]
    values: dict[str, Any] = {
        "ScheduledStepAttributesSequence": [scheduled],
        "PatientBirthDate": item.get("PatientBirthDate", ""),
        "PatientSex": item.get("PatientSex", ""),
        "ReferencedPatientSequence": [],
        "PerformedProcedureStepID": f"PPS{now:%H%M%S%f}",
        "PerformedStationAETitle": ae_title,
        "PerformedStationName": "",
        "PerformedLocation": "",
        "PerformedProcedureStepStartDate": now.strftime("%Y%m%d"),
        "PerformedProcedureStepStartTime": now.strftime("%H%M%S"),
        "PerformedProcedureStepStatus": "IN PROGRESS",
        "PerformedProcedureStepDescription": "",
        "PerformedProcedureTypeDescription": "",
        "ProcedureCodeSequence": [],
        "PerformedProcedureStepEndDate": "",
        "PerformedProcedureStepEndTime": "",
        "Modality": "CT",
        "StudyID": item.RequestedProcedureID,
        "PerformedProtocolCodeSequence": [],
        "PerformedSeriesSequence": [],
    }
    for keyword, value in values.items():
        setattr(report, keyword, value)
    return report


def _step_ended(item: Dataset, images: list[Dataset], now: datetime) -> Dataset:
    report = Dataset()
    if "SpecificCharacterSet" in item:
        report.SpecificCharacterSet = item.SpecificCharacterSet
    report.PerformedProcedureStepStatus = "COMPLETED"
    report.PerformedProcedureStepEndDate = now.strftime("%Y%m%d")
    report.PerformedProcedureStepEndTime = now.strftime("%H%M%S")
    report.PerformedSeriesSequence = [_performed_series(images)]
    return report


def _performed_series(images: list[Dataset]) -> Dataset:
    series = Dataset()
    series.PerformingPhysicianName = ""
    series.ProtocolName = images[0].get("SeriesDescription", "") or "CT"
    series.OperatorsName = ""
    series.SeriesInstanceUID = images[0].SeriesInstanceUID
    series.SeriesDescription = images[0].get("SeriesDescription", "")
    series.RetrieveAETitle = ""
    series.ReferencedImageSequence = [_referenced(image) for image in images]
    series.ReferencedNonImageCompositeSOPInstanceSequence = []
    return series


def _referenced(image: Dataset) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = image.SOPClassUID
    reference.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return reference
