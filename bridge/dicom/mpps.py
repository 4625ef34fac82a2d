"""The Modality Performed Procedure Step SCP (PS3.4 Annex F): what modalities say they did."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Protocol

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pynetdicom.events import Event

from bridge.dicom.connection import peer_of
from bridge.dicom.elements import DataSet, read
from bridge.dicom.header import accession_of, patient_id_of
from bridge.dicom.statuses import PERFORMED_STEP, Status, failure, status
from bridge.domain.performed_step import PerformedStepReport, ScheduledReference

Answer = tuple[int | Dataset, Dataset | None]

# Told on, as they stand, by keyword.
_TOLD_ON = (
    "PatientBirthDate",
    "PatientSex",
    "PerformedStationName",
    "PerformedLocation",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "PerformedProcedureStepEndDate",
    "PerformedProcedureStepEndTime",
    "PerformedProcedureStepDescription",
    "PerformedProcedureTypeDescription",
    "StudyID",
)


class PerformedStepRecorder(Protocol):
    """What keeps performed steps: `services.record_performed_step`."""

    def create(self, report: PerformedStepReport, peer: str) -> None:
        """Record a step that has begun."""

    def update(self, report: PerformedStepReport, peer: str) -> None:
        """Record how a step goes on, or that it ended."""


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise LookupError(keyword)
    return tag


class PerformedStepProvider:
    """Answers N-CREATE and N-SET requests of modalities.

    Attributes that are missing or may not be set are let pass (F.7.2.2.2 leaves it to the SCP to
    refuse them): what counts is which scheduled step was performed, and with what result.
    """

    def __init__(self, recorder: PerformedStepRecorder) -> None:
        self._recorder = recorder

    def handle_create(self, event: Event) -> Answer:
        """Record an N-CREATE. Without a SOP Instance UID one is assigned (PS3.7 10.1.5.1.4)."""
        request: Any = event.request
        given = str(request.AffectedSOPInstanceUID or "")
        uid = given or f"2.25.{uuid.uuid4().int}"
        outcome = _record(event, self._recorder.create, uid, request.AttributeList)
        return outcome, None if given else _assigned(uid)

    def handle_set(self, event: Event) -> Answer:
        """Record an N-SET."""
        request: Any = event.request
        uid = str(request.RequestedSOPInstanceUID)
        return _record(event, self._recorder.update, uid, request.ModificationList), None


def refuse_get(event: Event) -> Answer:
    """Answer N-GET: the Retrieve SOP Class is another one, and not offered."""
    del event
    return status(Status.UNRECOGNIZED_OPERATION, "N-GET is not offered"), None


def read_report(
    data: bytes, transfer_syntax_uid: str, sop_instance_uid: str
) -> PerformedStepReport:
    """Read an Attribute List or Modification List.

    Raises:
        DataTypeError: it is not a data set in that transfer syntax.
    """
    found = read(data, transfer_syntax_uid)
    reasons = found.items(_tag("PerformedProcedureStepDiscontinuationReasonCodeSequence"))
    told_on = {keyword: found.text(_tag(keyword)) for keyword in _TOLD_ON}
    scheduled = found.items(_tag("ScheduledStepAttributesSequence"))
    return PerformedStepReport(
        sop_instance_uid=sop_instance_uid,
        status=found.text(_tag("PerformedProcedureStepStatus")).upper(),
        scheduled=tuple(_reference(item) for item in scheduled),
        patient_id=patient_id_of(found),
        patient_name=found.text(_tag("PatientName")),
        modality=found.text(_tag("Modality")),
        station_ae_title=found.text(_tag("PerformedStationAETitle")),
        pps_id=found.text(_tag("PerformedProcedureStepID")),
        discontinuation_reason=reasons[0].text(_tag("CodeValue")) if reasons else "",
        instances=_instances(found),
        attributes={keyword: text for keyword, text in told_on.items() if text},
        encoded=data,
    )


def _record(
    event: Event, record: Callable[[PerformedStepReport, str], None], uid: str, attributes: Any
) -> int | Dataset:
    try:
        data = bytes(attributes.getvalue()) if attributes is not None else b""
        record(read_report(data, str(event.context.transfer_syntax), uid), peer_of(event))
    except Exception as error:  # whatever it is, the peer must hear of it
        return failure(error, PERFORMED_STEP, peer_of(event))
    return Status.SUCCESS


def _assigned(uid: str) -> Dataset:
    answer = Dataset()
    answer.AffectedSOPInstanceUID = uid
    return answer


def _reference(item: DataSet) -> ScheduledReference:
    return ScheduledReference(
        study_instance_uid=item.text(_tag("StudyInstanceUID")),
        accession=accession_of(item),
        rp_id=item.text(_tag("RequestedProcedureID")),
        sps_id=item.text(_tag("ScheduledProcedureStepID")),
    )


def _instances(found: DataSet) -> dict[str, str]:
    """Map each SOP Instance UID of the Performed Series Sequence to its Series Instance UID."""
    return {
        item.text(_tag("ReferencedSOPInstanceUID")): series.text(_tag("SeriesInstanceUID"))
        for series in found.items(_tag("PerformedSeriesSequence"))
        for keyword in ("ReferencedImageSequence", "ReferencedNonImageCompositeSOPInstanceSequence")
        for item in series.items(_tag(keyword))
    }
