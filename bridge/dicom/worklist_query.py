"""The Identifier of a worklist query (PS3.4 C.2.2.2, K.4.1.3): what must match, what to return."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.dicom.elements import DataSet
from bridge.dicom.matching_keys import (
    Key,
    codes_of,
    date_range,
    interval,
    name_of,
    read_keys,
    value_of,
    values_of,
)
from bridge.domain.worklist import WorklistQuery

STEPS = 0x00400100
MODALITY = 0x00080060
STATION_AE_TITLE = 0x00400001
_START_DATE, _START_TIME = 0x00400002, 0x00400003
_PERFORMING_PHYSICIAN = 0x00400006
_SPS_ID, _SPS_STATUS = 0x00400009, 0x00400020
_STATION_NAME, _SPS_LOCATION = 0x00400010, 0x00400011
_PATIENT_NAME, _PATIENT_ID, _ISSUER_OF_PATIENT_ID = 0x00100010, 0x00100020, 0x00100021
_BIRTH_DATE, _SEX = 0x00100030, 0x00100040
_ACCESSION_NUMBER, _RP_ID = 0x00080050, 0x00401001
_STUDY_UID, _ADMISSION_ID = 0x0020000D, 0x00380010

# Keys of the step that many consoles send beside the sequence instead of inside it.
_STEP_LEVEL = frozenset({MODALITY, 0x00321070, _SPS_STATUS, *range(STATION_AE_TITLE, 0x00400013)})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A query as read: what must match, and the attributes to return in order of their tags."""

    query: WorklistQuery
    keys: Mapping[int, Key]


def read_identifier(identifier: DataSet) -> Identifier:
    """Read an Identifier. Step keys at the root count as if they stood inside the sequence.

    Raises:
        DataTypeError: a date or time is not one, or the sequence cannot be read.
    """
    keys = read_keys(identifier)
    items = identifier.items(STEPS) if STEPS in identifier else ()
    step = items[0] if items else DataSet({})
    misplaced = {tag: key for tag, key in keys.items() if tag in _STEP_LEVEL}
    if misplaced:
        _log.info("worklist query with step keys at the root", extra={"keys": len(misplaced)})
        keys = _moved(keys, misplaced)
    return Identifier(query=_query(identifier, step), keys=keys)


def _moved(keys: dict[int, Key], misplaced: dict[int, Key]) -> dict[int, Key]:
    sequence = keys.get(STEPS)
    kept = {tag: key for tag, key in keys.items() if tag not in misplaced}
    if sequence is None or sequence.items:
        inside = {**misplaced, **(sequence.items if sequence else {})}
        kept[STEPS] = Key(STEPS, "SQ", dict(sorted(inside.items())))
    return dict(sorted(kept.items()))


def _query(root: DataSet, step: DataSet) -> WorklistQuery:
    def of_step(tag: int) -> DataSet:
        return step if tag in step else root

    dates, times, start = interval(
        of_step(_START_DATE).text(_START_DATE), of_step(_START_TIME).text(_START_TIME)
    )
    birth_date = date_range(root.text(_BIRTH_DATE))
    ranges = (dates, times, start, birth_date)
    return WorklistQuery(
        station_ae_titles=values_of(of_step(STATION_AE_TITLE), STATION_AE_TITLE),
        modalities=codes_of(of_step(MODALITY), MODALITY),
        start=start,
        dates=dates,
        times=times,
        performing_physician=name_of(of_step(_PERFORMING_PHYSICIAN), _PERFORMING_PHYSICIAN),
        patient_name=name_of(root, _PATIENT_NAME),
        patient_id=value_of(root, _PATIENT_ID),
        issuer_of_patient_id=value_of(root, _ISSUER_OF_PATIENT_ID),
        patient_birth_date=birth_date,
        patient_sex=value_of(root, _SEX).upper(),
        accession_number=value_of(root, _ACCESSION_NUMBER),
        requested_procedure_id=value_of(root, _RP_ID),
        study_instance_uids=_uids(root),
        sps_id=value_of(of_step(_SPS_ID), _SPS_ID),
        sps_statuses=codes_of(of_step(_SPS_STATUS), _SPS_STATUS),
        station_name=value_of(of_step(_STATION_NAME), _STATION_NAME),
        sps_location=value_of(of_step(_SPS_LOCATION), _SPS_LOCATION),
        admission_id=value_of(root, _ADMISSION_ID),
        impossible=any(bounds.last and bounds.first > bounds.last for bounds in ranges),
    )


def _uids(root: DataSet) -> tuple[str, ...]:
    uids = values_of(root, _STUDY_UID)
    if any("*" in uid or "?" in uid for uid in uids):
        _log.info("worklist query with a wildcard in a UID, matched universally")
        return ()
    return uids
