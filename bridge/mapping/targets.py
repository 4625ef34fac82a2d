"""What a row can fill: values of the domain by the names DICOM gives them (PS3.6), and their form.

Identifying values are checked and never cut; texts are made to fit their VR (PS3.5 6.2).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from bridge.domain.errors import DataTypeError
from bridge.domain.identifiers import Identifier, is_placeholder
from bridge.domain.scheduling import DURATION
from bridge.mapping.source import Place, Run, Segment


class Level(StrEnum):
    """What a message tells: of an order from whom it is about to what is done; of other things."""

    PATIENT = "patient"
    VISIT = "visit"
    ORDER = "order"
    PROCEDURE = "procedure"
    STEP = "step"
    APPOINTMENT = "appointment"
    RESULT = "result"


class Kind(StrEnum):
    """What sort of value a transform makes and a target takes."""

    TEXT = "text"
    NAME = "name"
    DATE = "date"
    IDENTIFIER = "identifier"
    IDENTIFIERS = "identifiers"
    CODE = "code"
    START = "date and time"
    MOMENT = "moment"


Shape = Callable[[Any, Segment, Place, Run], Any]


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to fill. `joined` is how several values become one; None takes the first."""

    keyword: str
    level: Level
    kind: Kind
    shape: Shape | None = None
    joined: Callable[[list[Any]], Any] | None = None
    attribute: bool = True


_LINE_ENDS = re.compile(r"[\r\n\t]+")
_CODE_STRING = re.compile(r"[A-Z0-9 _]{1,16}")
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_LONGEST_UID = 64
_LONGEST_ORIGINAL = 250  # what indexes of both databases hold
_DECIMAL = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def cut_to(longest: int) -> Shape:
    """LO, SH: one line without backslashes, cut at `longest` characters with a warning."""

    def shape(value: str, segment: Segment, place: Place, run: Run) -> str | None:
        if "\n" in value or "\r" in value or "\t" in value:
            value = _LINE_ENDS.sub(" ", value)
        if "\\" in value:
            value = value.replace("\\", "/")
        value = value.strip()
        if len(value) > longest:
            run.warn(place.location(segment), f"longer than {longest} characters and was cut")
            value = value[:longest].rstrip()
        return value or None

    return shape


def cut_text(longest: int) -> Shape:
    """LT, ST: lines are kept, cut at `longest` characters with a warning."""

    def shape(value: str, segment: Segment, place: Place, run: Run) -> str | None:
        if len(value) > longest:
            run.warn(place.location(segment), f"longer than {longest} characters and was cut")
            value = value[:longest]
        return value.strip() or None

    return shape


def check_code(value: str, segment: Segment, place: Place, run: Run) -> str | None:
    """CS."""
    value = value.strip()
    if _CODE_STRING.fullmatch(value):
        return value
    run.leave_out(place.location(segment), "not a code string")
    return None


def check_decimal(value: str, segment: Segment, place: Place, run: Run) -> str | None:
    """DS."""
    value = value.strip()
    if _DECIMAL.fullmatch(value):
        return value[:16]
    run.leave_out(place.location(segment), "not a number")
    return None


def check_minutes(value: str, segment: Segment, place: Place, run: Run) -> str | None:
    """How long a step takes, in whole minutes."""
    value = value.strip()
    if value.isdecimal() and value.isascii() and int(value):
        return value.lstrip("0")
    run.leave_out(place.location(segment), "not a number of minutes")
    return None


def cut_identifier(value: str, segment: Segment, place: Place, run: Run) -> str | None:
    """An identifier that nothing is found by: one line of LO; a placeholder is absent."""
    return None if is_placeholder(value) else _LONG(value, segment, place, run)


def check_uid(value: str, segment: Segment, place: Place, run: Run) -> str | None:
    """UI: what is no UID refuses the message, since nothing may stand in for it."""
    value = value.strip().removeprefix("urn:oid:")  # as FHIR writes it
    if len(value) <= _LONGEST_UID and _UID.fullmatch(value):
        return value
    if is_placeholder(value):
        return None
    run.refuse(DataTypeError("not a DICOM UID", location=place.location(segment)))
    return None


def check_id(longest: int) -> Shape:
    """An identifier as plain text: a placeholder is absent, one that is too long refuses."""

    def shape(value: str, segment: Segment, place: Place, run: Run) -> str | None:
        value = value.strip()
        limit = allowed_length(longest, run)
        return value if is_usable(value, limit, place.location(segment), run) else None

    return shape


def check_ae_titles(value: str, segment: Segment, place: Place, run: Run) -> tuple[str, ...] | None:
    """AE, one or several: DICOM's own delimiter may stand between them."""
    titles = [title.strip() for title in value.split("\\")]
    location = place.location(segment)
    usable = tuple(title for title in titles if title and is_usable(title, 16, location, run))
    return usable or None


def check_identifier(longest: int, *, surrogate: bool = False) -> Shape:
    """An identifier with its authority; modalities may be shown a `surrogate` of a long one."""

    def shape(value: Identifier, segment: Segment, place: Place, run: Run) -> Identifier | None:
        limit = allowed_length(longest, run) if surrogate else longest
        usable = is_usable(value.value, limit, place.location(segment), run)
        return value if usable else None

    return shape


def allowed_length(longest: int, run: Run) -> int:
    """How long an identifier may be for which modalities can be shown a surrogate."""
    return _LONGEST_ORIGINAL if run.site.keeps_overlong else longest


def is_usable(value: str, longest: int, location: str, run: Run) -> bool:
    """Whether a text can be an identifier of at most `longest` characters (STANDARDS 2.3, 10.13).

    Raises:
        DataTypeError: it is too long or holds what no identifier can, unless the pass is lenient.
    """
    if is_placeholder(value):
        run.warn(location, "a placeholder instead of an identifier, taken as absent")
        return False
    if len(value) > longest:
        run.refuse(DataTypeError(f"longer than {longest} characters", location=location))
        return False
    if "\\" in value or not value.isprintable():
        run.refuse(DataTypeError("holds a character that no identifier can", location=location))
        return False
    return True


def _join_values(values: list[str]) -> str:
    return "\\".join(dict.fromkeys(values))


def _join_lines(values: list[str]) -> str:
    return "\n".join(values)


def _first_seen(values: list[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


def _flatten(values: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(item for value in values for item in value))


_SHORT, _LONG, _TEXT = cut_to(16), cut_to(64), cut_text(10240)


def _texts(level: Level, shape: Shape, *keywords: str) -> list[Target]:
    return [Target(keyword, level, Kind.TEXT, shape) for keyword in keywords]


def _several(level: Level, shape: Shape, *keywords: str) -> list[Target]:
    return [Target(keyword, level, Kind.TEXT, shape, _join_values) for keyword in keywords]


def _comments(level: Level, *keywords: str) -> list[Target]:
    return [Target(keyword, level, Kind.TEXT, _TEXT, _join_lines) for keyword in keywords]


def _names(level: Level, *keywords: str) -> list[Target]:
    return [Target(keyword, level, Kind.NAME) for keyword in keywords]


def _identity(
    level: Level,
    keyword: str,
    kind: Kind,
    shape: Shape | None = None,
    joined: Callable[[list[Any]], Any] | None = None,
) -> Target:
    return Target(keyword, level, kind, shape, joined, attribute=False)


_P, _V, _O, _R, _S, _A, _T = Level

_ALL = [
    _identity(_P, "PatientID", Kind.IDENTIFIERS, None, _flatten),
    _identity(_P, "ExternalPatientID", Kind.IDENTIFIERS, None, _flatten),
    _identity(_P, "AlternatePatientID", Kind.IDENTIFIERS, None, _flatten),
    *_names(_P, "PatientName", "PatientBirthName", "PatientMotherBirthName", "ResponsiblePerson"),
    Target("PatientBirthDate", _P, Kind.DATE),
    *_texts(_P, check_code, "PatientSex", "PatientSexNeutered"),
    *_texts(_P, check_decimal, "PatientWeight", "PatientSize"),
    Target("PregnancyStatus", _P, Kind.TEXT, check_decimal),
    *_several(_P, _LONG, "MedicalAlerts", "Allergies"),
    *_texts(
        _P,
        _LONG,
        "PatientState",
        "SpecialNeeds",
        "ConfidentialityConstraintOnPatientDataDescription",
        "PatientAddress",
        "PatientSpeciesDescription",
        "PatientBreedDescription",
    ),
    *_texts(_P, _SHORT, "EthnicGroup", "Occupation", "PatientTelephoneNumbers"),
    *_comments(_P, "PatientComments", "AdditionalPatientHistory"),
    _identity(_V, "VisitNumber", Kind.IDENTIFIERS, None, _flatten),
    _identity(_V, "AlternateVisitNumber", Kind.IDENTIFIERS, None, _flatten),
    _identity(_V, "AccountNumber", Kind.IDENTIFIERS, None, _flatten),
    _identity(_V, "PatientClass", Kind.TEXT, _SHORT),
    _identity(_O, "OrderControl", Kind.TEXT, _SHORT),
    _identity(_O, "OrderStatus", Kind.TEXT, _SHORT),
    _identity(_O, "OccurredAt", Kind.MOMENT),
    _identity(_O, "AccessionNumber", Kind.IDENTIFIER, check_identifier(16, surrogate=True)),
    _identity(_O, "PlacerOrderNumberImagingServiceRequest", Kind.IDENTIFIER, check_identifier(64)),
    _identity(_O, "FillerOrderNumberImagingServiceRequest", Kind.IDENTIFIER, check_identifier(64)),
    *_names(_O, "RequestingPhysician", "ReferringPhysicianName", "OrderEnteredBy"),
    Target("AdmissionID", _O, Kind.TEXT, cut_identifier),
    *_texts(
        _O,
        _LONG,
        "CurrentPatientLocation",
        "RequestingService",
        "InstitutionName",
        "ReasonForVisit",
    ),
    *_texts(_O, _SHORT, "OrderEntererLocation", "OrderCallbackPhoneNumber"),
    *_comments(_O, "ImagingServiceRequestComments"),
    _identity(_R, "RequestedProcedureID", Kind.TEXT, check_id(16)),
    _identity(_R, "StudyInstanceUID", Kind.TEXT, check_uid),
    _identity(_R, "RequestedProcedureCodeSequence", Kind.CODE),
    *_texts(
        _R,
        _LONG,
        "RequestedProcedureDescription",
        "PatientTransportArrangements",
        "ReasonForTheRequestedProcedure",
        "RequestedProcedureLocation",
        "ConfidentialityCode",
        "WorklistLabel",
    ),
    *_texts(_R, _SHORT, "RequestedProcedurePriority", "ReportingPriority"),
    *_names(_R, "NamesOfIntendedRecipientsOfResults"),
    *_comments(_R, "RequestedProcedureComments"),
    _identity(_S, "ScheduledProcedureStepID", Kind.TEXT, check_id(16)),
    _identity(_S, "Modality", Kind.TEXT, check_code),
    _identity(_S, "ScheduledStationAETitle", Kind.TEXT, check_ae_titles, _flatten),
    _identity(_S, "ScheduledProcedureStepStartDateTime", Kind.START),
    _identity(_S, "ScheduledProtocolCodeSequence", Kind.CODE, None, _first_seen),
    *_texts(
        _S, _LONG, "ScheduledProcedureStepDescription", "PreMedication", "RequestedContrastAgent"
    ),
    *_several(_S, _SHORT, "ScheduledStationName"),
    *_texts(_S, _SHORT, "ScheduledProcedureStepLocation"),
    *_texts(_S, check_code, "BodyPartExamined"),
    _identity(_S, DURATION, Kind.TEXT, check_minutes),
    *_names(_S, "ScheduledPerformingPhysicianName"),
    *_comments(_S, "CommentsOnTheScheduledProcedureStep"),
]

_NUMBER = check_identifier(64)
_ALL += [
    # An appointment gives a step its time and place: what both have bears the same name.
    *(
        replace(target, level=_A)
        for target in _ALL
        if target.level is _S and target.keyword != "ScheduledProcedureStepID"
    ),
    _identity(_A, "AppointmentStatus", Kind.TEXT, _SHORT),
    _identity(_A, "PlacerAppointmentID", Kind.IDENTIFIER, _NUMBER),
    _identity(_A, "FillerAppointmentID", Kind.IDENTIFIER, _NUMBER),
    _identity(_A, "AppointmentPlacerOrderNumber", Kind.IDENTIFIER, _NUMBER, _first_seen),
    _identity(_A, "AppointmentFillerOrderNumber", Kind.IDENTIFIER, _NUMBER, _first_seen),
    _identity(_A, "AppointmentService", Kind.CODE),
    _identity(_T, "ResultStatus", Kind.TEXT, _SHORT),
    _identity(_T, "ResultPlacerOrderNumber", Kind.IDENTIFIER, _NUMBER),
    _identity(_T, "ResultFillerOrderNumber", Kind.IDENTIFIER, _NUMBER),
    _identity(_T, "ResultStudyInstanceUID", Kind.TEXT, check_uid),
]

TARGETS: dict[Level, dict[str, Target]] = {
    level: {target.keyword: target for target in _ALL if target.level is level} for level in Level
}
