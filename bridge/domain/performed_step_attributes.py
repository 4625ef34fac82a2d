"""PS3.4 Table F.7.2-1: what an N-CREATE has to say, what an N-SET may, and what an end demands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from bridge.domain import radiation_dose
from bridge.domain.attribute_tree import AttributeTree, items_of

_VALUE, _PRESENCE, _OPTIONAL = 1, 2, 3


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """One row: types as the SCU has to follow them (1: a value, 2: at least empty, 3: optional).

    `path` is the keyword with those of the sequences around it. `settable` is false where N-SET
    is "not allowed". `final` is the type once the step is completed or discontinued, where that
    is another one than at its creation.
    """

    path: str
    create: int
    settable: bool = False
    final: int = 0

    @property
    def keyword(self) -> str:
        """The attribute itself."""
        return self.path.rpartition(".")[2]


def _rows(create: int, *paths: str, settable: bool = False) -> tuple[AttributeRule, ...]:
    return tuple(AttributeRule(path, create, settable) for path in paths)


_STEP, _SERIES = "ScheduledStepAttributesSequence", "PerformedSeriesSequence"

ATTRIBUTES: tuple[AttributeRule, ...] = (
    # Performed Procedure Step Relationship
    *_rows(_VALUE, _STEP, f"{_STEP}.StudyInstanceUID"),
    *_rows(
        _PRESENCE,
        f"{_STEP}.ReferencedStudySequence",
        f"{_STEP}.AccessionNumber",
        f"{_STEP}.RequestedProcedureID",
        f"{_STEP}.RequestedProcedureDescription",
        f"{_STEP}.ScheduledProcedureStepID",
        f"{_STEP}.ScheduledProcedureStepDescription",
        f"{_STEP}.ScheduledProtocolCodeSequence",
    ),
    *_rows(
        _OPTIONAL,
        f"{_STEP}.IssuerOfAccessionNumberSequence",
        f"{_STEP}.PlacerOrderNumberImagingServiceRequest",
        f"{_STEP}.OrderPlacerIdentifierSequence",
        f"{_STEP}.FillerOrderNumberImagingServiceRequest",
        f"{_STEP}.OrderFillerIdentifierSequence",
        f"{_STEP}.RequestedProcedureCodeSequence",
    ),
    *_rows(
        _PRESENCE,
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "ReferencedPatientSequence",
    ),
    *_rows(
        _OPTIONAL,
        "IssuerOfPatientID",
        "IssuerOfPatientIDQualifiersSequence",
        "OtherPatientIDsSequence",
        "AdmissionID",
        "IssuerOfAdmissionIDSequence",
        "ServiceEpisodeID",
        "IssuerOfServiceEpisodeIDSequence",
        "ServiceEpisodeDescription",
    ),
    # Performed Procedure Step Information
    *_rows(
        _VALUE,
        "PerformedProcedureStepID",
        "PerformedStationAETitle",
        "PerformedProcedureStepStartDate",
        "PerformedProcedureStepStartTime",
    ),
    *_rows(_PRESENCE, "PerformedStationName", "PerformedLocation"),
    AttributeRule("PerformedProcedureStepStatus", _VALUE, settable=True),
    *_rows(
        _PRESENCE,
        "PerformedProcedureStepDescription",
        "PerformedProcedureTypeDescription",
        "ProcedureCodeSequence",
        settable=True,
    ),
    AttributeRule("PerformedProcedureStepEndDate", _PRESENCE, settable=True, final=_VALUE),
    AttributeRule("PerformedProcedureStepEndTime", _PRESENCE, settable=True, final=_VALUE),
    *_rows(
        _OPTIONAL,
        "CommentsOnThePerformedProcedureStep",
        "PerformedProcedureStepDiscontinuationReasonCodeSequence",
        settable=True,
    ),
    # Image Acquisition Results
    *_rows(_VALUE, "Modality"),
    *_rows(_PRESENCE, "StudyID"),
    *_rows(_PRESENCE, "PerformedProtocolCodeSequence", settable=True),
    AttributeRule(_SERIES, _PRESENCE, settable=True, final=_VALUE),
    *_rows(_VALUE, f"{_SERIES}.ProtocolName", f"{_SERIES}.SeriesInstanceUID", settable=True),
    *_rows(
        _PRESENCE,
        f"{_SERIES}.PerformingPhysicianName",
        f"{_SERIES}.OperatorsName",
        f"{_SERIES}.SeriesDescription",
        f"{_SERIES}.RetrieveAETitle",
        f"{_SERIES}.ReferencedImageSequence",
        f"{_SERIES}.ReferencedNonImageCompositeSOPInstanceSequence",
        settable=True,
    ),
    # Radiation Dose; Billing and Material Management
    *_rows(
        _OPTIONAL,
        "AnatomicStructureSpaceOrRegionSequence",
        *radiation_dose.MODULE,
        "BillingProcedureStepSequence",
        "FilmConsumptionSequence",
        "BillingSuppliesAndDevicesSequence",
        settable=True,
    ),
)

NOT_SETTABLE = frozenset(
    rule.path for rule in ATTRIBUTES if not rule.settable and "." not in rule.path
)
"""Attributes that are told once, when the step is created: N-SET may not change them."""

_ANYWHERE = frozenset({"SpecificCharacterSet"})


@dataclass(frozen=True, slots=True)
class Shortcomings:
    """What a peer had to say and did not: paths that are absent, and paths without a value."""

    missing: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.empty)


def at_creation(said: AttributeTree) -> Shortcomings:
    """What an N-CREATE lacks."""
    return _lacking(said, {rule.path: rule.create for rule in ATTRIBUTES})


def at_the_end(state: AttributeTree) -> Shortcomings:
    """What a step lacks that is to be completed or discontinued; `state` is all that was said.

    A series must be there even when nothing was made: it then lists nothing.
    """
    demanded = {rule.path: rule.final for rule in ATTRIBUTES if rule.final}
    inside = {rule.path: rule.create for rule in ATTRIBUTES if rule.path.startswith(f"{_SERIES}.")}
    return _lacking(state, demanded | inside)


def not_allowed(said: AttributeTree, created: AttributeTree) -> tuple[str, ...]:
    """Attributes of an N-SET that only an N-CREATE may give, and that are not as it gave them."""
    return tuple(
        keyword
        for keyword in said
        if keyword in NOT_SETTABLE and said[keyword] != created.get(keyword)
    )


def never_created(said: AttributeTree, created: Collection[str]) -> tuple[str, ...]:
    """Attributes of an N-SET that the N-CREATE did not give, not even empty (table note 3)."""
    known = {*created, *_ANYWHERE, *NOT_SETTABLE}
    return tuple(keyword for keyword in said if keyword not in known)


def _lacking(said: AttributeTree, demanded: Mapping[str, int]) -> Shortcomings:
    missing, empty = [], []
    for path, kind in demanded.items():
        for value in _values(said, path.split(".")):
            if kind in (_VALUE, _PRESENCE) and value is None:
                missing.append(path)
            elif kind == _VALUE and not value:
                empty.append(path)
    return Shortcomings(_once(missing), _once(empty))


def _values(
    level: AttributeTree, path: list[str]
) -> Iterator[str | tuple[AttributeTree, ...] | None]:
    """The value of an attribute in every item that should have it; None where it is absent."""
    keyword, *rest = path
    if not rest:
        yield level.get(keyword)
        return
    for item in items_of(level, keyword):
        yield from _values(item, rest)


def _once(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(paths))
