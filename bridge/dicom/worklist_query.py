"""The Identifier of a worklist query (PS3.4 C.2.2.2, K.4.1.3): what must match, what to return."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.dicom.elements import DataSet, dictionary_vr
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
from bridge.dicom.worklist_keys import BY_TAG, STEP_TAGS, STEPS, tag_of
from bridge.dicom.worklist_matching import read_terms
from bridge.domain.attribute_matching import is_wildcard
from bridge.domain.worklist import WorklistQuery
from bridge.domain.worklist_policy import NO_QUIRKS, Quirks

MODALITY = 0x00080060
STATION_AE_TITLE = 0x00400001
_START_DATE, _START_TIME = 0x00400002, 0x00400003
_PERFORMING_PHYSICIAN = 0x00400006
_SPS_ID, _SPS_STATUS = 0x00400009, 0x00400020
_STATION_NAME, _SPS_LOCATION = 0x00400010, 0x00400011
_PATIENT_NAME, _PATIENT_ID, _ISSUER_OF_PATIENT_ID = 0x00100010, 0x00100020, 0x00100021
_BIRTH_DATE, _SEX = 0x00100030, 0x00100040
_ACCESSION_NUMBER, _RP_ID = 0x00080050, 0x00401001
_STUDY_UID, _ADMISSION_ID, _LABEL = 0x0020000D, 0x00380010, 0x00741202

# Keys of the step that many consoles send beside the sequence instead of inside it.
_STEP_LEVEL = STEP_TAGS
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A query as read: what must match, and the attributes to return in order of their tags.

    `unsupported` says that a key is neither matched nor ever returned (FF01). `mirrored` are the
    keys of the step that stand at the root and want an answer there.
    """

    query: WorklistQuery
    keys: Mapping[int, Key]
    unsupported: bool = False
    mirrored: tuple[int, ...] = ()


def read_identifier(identifier: DataSet, quirks: Quirks = NO_QUIRKS) -> Identifier:
    """Read an Identifier. Step keys at the root count as if they stood inside the sequence.

    Raises:
        DataTypeError: a date or time is not one, or the sequence cannot be read.
    """
    keys = read_keys(identifier)
    items = identifier.items(STEPS) if STEPS in identifier else ()
    step = items[0] if items else identifier.only(())
    misplaced = {tag: key for tag, key in keys.items() if tag in _STEP_LEVEL}
    taken = bool(misplaced) and quirks.root_sps_keys != "ignore"
    unsupported = _is_unsupported(keys)
    if taken:
        _log.info("worklist query with step keys at the root", extra={"keys": len(misplaced)})
        keys = _moved(keys, misplaced)
    ignored = frozenset(map(tag_of, quirks.ignore_keys))
    outside = identifier.only(misplaced if taken else ())
    if ignored:
        identifier, step, outside = (each.without(ignored) for each in (identifier, step, outside))
    return Identifier(
        query=_query(identifier, step, outside, ignored, pn_prefix=quirks.pn_prefix),
        keys=shaped(keys, quirks),
        unsupported=unsupported,
        mirrored=tuple(misplaced) if quirks.root_sps_keys == "mirror" else (),
    )


def shaped(keys: Mapping[int, Key], quirks: Quirks) -> Mapping[int, Key]:
    """The attributes to return to a device with these quirks."""
    if not (quirks.return_extra or quirks.leave_out or quirks.only_sequences is not None):
        return keys
    asked = dict(keys)
    for tag in map(tag_of, quirks.return_extra):
        _add(asked, tag)
    left_out = frozenset(map(tag_of, quirks.leave_out))
    readable = quirks.only_sequences
    allowed = None if readable is None else frozenset(map(tag_of, readable))
    return _reduced(asked, left_out, allowed)


def _add(keys: dict[int, Key], tag: int) -> None:
    """Ask for one more attribute, at the level where it belongs."""
    key = Key(tag, dictionary_vr(tag))
    if tag not in STEP_TAGS:
        keys.setdefault(tag, key)
    elif STEPS not in keys:
        keys[STEPS] = Key(STEPS, "SQ", {tag: key})
    elif keys[STEPS].items:  # else all of the step is asked for
        items = dict(sorted({tag: key, **keys[STEPS].items}.items()))
        keys[STEPS] = Key(STEPS, "SQ", items)


def _reduced(
    keys: Mapping[int, Key], left_out: frozenset[int], sequences: frozenset[int] | None
) -> dict[int, Key]:
    return {
        tag: Key(tag, key.vr, _reduced(key.items, left_out, sequences)) if key.items else key
        for tag, key in sorted(keys.items())
        if tag not in left_out and (key.vr != "SQ" or sequences is None or tag in sequences)
    }


def _is_unsupported(keys: Mapping[int, Key]) -> bool:
    """Whether a key is none of the model's, so that it cannot be returned (STANDARDS 4.2)."""
    step = keys[STEPS].items if STEPS in keys else {}
    return any(tag != STEPS and tag not in BY_TAG for tag in (*keys, *step))


def _moved(keys: dict[int, Key], misplaced: dict[int, Key]) -> dict[int, Key]:
    sequence = keys.get(STEPS)
    kept = {tag: key for tag, key in keys.items() if tag not in misplaced}
    if sequence is None or sequence.items:
        inside = {**misplaced, **(sequence.items if sequence else {})}
        kept[STEPS] = Key(STEPS, "SQ", dict(sorted(inside.items())))
    return dict(sorted(kept.items()))


def _query(
    root: DataSet, step: DataSet, outside: DataSet, ignored: frozenset[int], *, pn_prefix: bool
) -> WorklistQuery:
    def of_step(tag: int) -> DataSet:
        return step if tag in step else outside

    def name(level: DataSet, tag: int) -> str:
        text = name_of(level, tag)
        return f"{text}*" if text and pn_prefix and not is_wildcard(text) else text

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
        performing_physician=name(of_step(_PERFORMING_PHYSICIAN), _PERFORMING_PHYSICIAN),
        patient_name=name(root, _PATIENT_NAME),
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
        worklist_label=value_of(root, _LABEL),
        further=read_terms(root, step.over(outside), ignored) or None,
        impossible=any(bounds.last and bounds.first > bounds.last for bounds in ranges),
    )


def _uids(root: DataSet) -> tuple[str, ...]:
    uids = values_of(root, _STUDY_UID)
    if any("*" in uid or "?" in uid for uid in uids):
        _log.info("worklist query with a wildcard in a UID, matched universally")
        return ()
    return uids
