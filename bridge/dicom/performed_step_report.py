"""Reading what a modality says of a performed step: Attribute List and Modification List."""

from __future__ import annotations

from datetime import datetime

from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset
from pynetdicom.dsutils import encode

from bridge.dicom.elements import DataSet, read
from bridge.dicom.encoding import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from bridge.dicom.header import accession_of, patient_id_of
from bridge.domain.attribute_tree import AttributeTree, items_of, text_of
from bridge.domain.errors import DataTypeError
from bridge.domain.performed_series import PerformedSeries, read_series
from bridge.domain.performed_step import (
    PerformedStepReport,
    PerformedStepStatus,
    ScheduledReference,
)
from bridge.domain.radiation_dose import read_dose

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
    "CommentsOnThePerformedProcedureStep",
    "StudyID",
)
_REASON = "PerformedProcedureStepDiscontinuationReasonCodeSequence"
_LONGEST_COMMENT = 1024  # ST
_MOST_DEEP = 16
_EXPLICIT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SQ ST TM UI UL US".split())


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise LookupError(keyword)
    return tag


_SCHEDULED = _tag("ScheduledStepAttributesSequence")
_STUDY_UID = _tag("StudyInstanceUID")
_RP_ID, _SPS_ID = _tag("RequestedProcedureID"), _tag("ScheduledProcedureStepID")


def read_report(
    data: bytes, transfer_syntax_uid: str, sop_instance_uid: str
) -> PerformedStepReport:
    """Read an Attribute List or Modification List.

    Raises:
        DataTypeError: it is not a data set in that transfer syntax.
    """
    found = read(data, transfer_syntax_uid)
    said = tree_of(found)
    reasons = items_of(said, _REASON)
    series = read_series(said)
    told_on = {keyword: text_of(said, keyword) for keyword in _TOLD_ON}
    return PerformedStepReport(
        sop_instance_uid=sop_instance_uid,
        status=text_of(said, "PerformedProcedureStepStatus").upper(),
        scheduled=tuple(_reference(item) for item in found.items(_SCHEDULED)),
        patient_id=patient_id_of(found),
        patient_name=text_of(said, "PatientName"),
        modality=text_of(said, "Modality"),
        station_ae_title=text_of(said, "PerformedStationAETitle"),
        pps_id=text_of(said, "PerformedProcedureStepID"),
        discontinuation_reason=text_of(reasons[0], "CodeValue") if reasons else "",
        discontinuation_scheme=text_of(reasons[0], "CodingSchemeDesignator") if reasons else "",
        instances=_instances(series or ()),
        series=series,
        dose=read_dose(said),
        attributes={keyword: text for keyword, text in told_on.items() if text},
        content=said,
        encoded=data,
        transfer_syntax_uid=transfer_syntax_uid,
    )


def write_end(
    sop_instance_uid: str, status: PerformedStepStatus, at: datetime, comment: str
) -> PerformedStepReport:
    """Write the N-SET by which somebody other than the modality ends a step."""
    change = Dataset()
    if not comment.isascii():
        change.SpecificCharacterSet = "ISO_IR 192"
    change.PerformedProcedureStepStatus = status.value
    change.PerformedProcedureStepEndDate = at.strftime("%Y%m%d")
    change.PerformedProcedureStepEndTime = at.strftime("%H%M%S")
    change.CommentsOnThePerformedProcedureStep = comment[:_LONGEST_COMMENT]
    data = encode(change, False, True)
    if data is None:
        raise DataTypeError("the comment cannot be written")
    return read_report(data, EXPLICIT_LITTLE, sop_instance_uid)


def tree_of(level: DataSet, depth: int = 0) -> AttributeTree:
    """A whole data set as a plain tree; sequences that are nested without end are cut off.

    Raises:
        DataTypeError: the items of a sequence are not where their lengths say.
    """
    return {_name(tag): _value(level, tag, depth) for tag in level}


def sniffed(data: bytes) -> str:
    """The transfer syntax of a data set of which it was not kept, explicit or implicit."""
    return EXPLICIT_LITTLE if data[4:6] in _EXPLICIT_VRS else IMPLICIT_LITTLE


def _name(tag: int) -> str:
    return keyword_for_tag(tag) or f"{tag:08X}"


def _value(level: DataSet, tag: int, depth: int) -> str | tuple[AttributeTree, ...]:
    if level.vr(tag) == "SQ":
        items = level.items(tag) if depth < _MOST_DEEP else ()
        return tuple(tree_of(item, depth + 1) for item in items)
    numbers = level.numbers(tag)
    if numbers:
        return "\\".join(map(str, numbers))
    return level.text(tag).replace("\0", "")  # which no database keeps in a text


def _reference(item: DataSet) -> ScheduledReference:
    return ScheduledReference(
        study_instance_uid=item.text(_STUDY_UID),
        accession=accession_of(item),
        rp_id=item.text(_RP_ID),
        sps_id=item.text(_SPS_ID),
    )


def _instances(series: tuple[PerformedSeries, ...]) -> dict[str, str]:
    """Map each SOP Instance UID of the Performed Series Sequence to its Series Instance UID."""
    return {
        instance.sop_instance_uid: each.series_instance_uid
        for each in series
        for instance in each.instances
    }
