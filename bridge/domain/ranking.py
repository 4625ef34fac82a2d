"""How likely each order is, field by field, for whoever has to choose one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bridge.domain.identifiers import Identifier
from bridge.domain.matching import (
    Candidate,
    Evidence,
    PatientAgreement,
    RankedCandidate,
    Verdict,
)
from bridge.domain.matching_rules import Field, MatchingRules
from bridge.domain.order import Order, Procedure
from bridge.domain.patient import Patient
from bridge.domain.patient_comparison import compared, demographics
from bridge.domain.phonetics import sound_alike
from bridge.domain.study import Study

_HALVES = {Verdict.AGREES: 2, Verdict.SOUNDS_ALIKE: 1, Verdict.DIFFERS: -2, Verdict.UNKNOWN: 0}
_SHOWN = "%Y-%m-%d %H:%M"
_TIME_DIGITS = 6


def ranked(
    study: Study, candidate: Candidate, agreement: PatientAgreement, rules: MatchingRules
) -> RankedCandidate:
    """A candidate with its evidence and its score.

    For one that no key led to, another Study Instance UID tells nothing: the modality gave its own.
    """
    evidence = evidence_of(study, candidate, rules)
    return RankedCandidate(
        procedure_pk=candidate.procedure.pk,
        number=number_of(candidate.order),
        keys=tuple(sorted(candidate.keys)),
        agreement=agreement,
        score=_score(evidence if candidate.keys else evidence[1:], rules),
        evidence=evidence,
    )


def in_rank(candidates: list[RankedCandidate]) -> tuple[RankedCandidate, ...]:
    """The likeliest first; of the same score in the sequence in which they were ordered."""
    return tuple(sorted(candidates, key=lambda each: (-each.score, each.procedure_pk)))


def evidence_of(study: Study, candidate: Candidate, rules: MatchingRules) -> tuple[Evidence, ...]:
    """Everything that can be compared, the strongest first."""
    order, procedure, patient = candidate.order, candidate.procedure, candidate.patient
    called = study.patient_id is not None and patient.is_called(study.patient_id)
    return (
        compared(Field.STUDY_INSTANCE_UID, study.study_instance_uid, procedure.study_instance_uid),
        _same_number(Field.ACCESSION_NUMBER, study.accession, order.numbers.accession),
        _among(
            Field.REQUESTED_PROCEDURE_ID,
            {item.rp_id for item in study.request_attributes},
            {procedure.rp_id},
        ),
        _among(
            Field.STEP_ID,
            {item.sps_id for item in study.request_attributes},
            {step.sps_id for step in procedure.steps},
        ),
        _judged(Field.PATIENT_ID, _text(study.patient_id), _text(patient.patient_id), called),
        *_demographics(study, patient, rules),
        _among(
            Field.MODALITY,
            {series.modality for series in study.series},
            {step.modality for step in procedure.steps},
        ),
        _among(
            Field.STATION,
            set(study.sources),
            {title for step in procedure.steps for title in step.station_ae_titles},
        ),
        _start(study, procedure, rules),
    )


def number_of(order: Order) -> str:
    """The number an order is called by."""
    numbers = (order.numbers.accession, order.numbers.placer, order.numbers.filler)
    return next((each.value for each in numbers if each is not None), "")


def begun_at(study: Study) -> datetime | None:
    """When the study began, in the site's time; None when its images do not say."""
    date, time = (study.attributes.get(keyword, "") for keyword in ("StudyDate", "StudyTime"))
    return moment(date, time)


def moment(date: str, time: str) -> datetime | None:
    """DA and TM as a point in time; None without a date that there is."""
    digits = (time.replace(":", "").partition(".")[0] + "000000")[:_TIME_DIGITS]
    try:
        return datetime.strptime(date.replace(".", "") + digits, "%Y%m%d%H%M%S")  # noqa: DTZ007
    except ValueError:
        return None


def _score(evidence: tuple[Evidence, ...], rules: MatchingRules) -> int:
    """A name that only sounds alike counts half."""
    parts = (rules.weights[Field(each.field)] * _HALVES[each.verdict] for each in evidence)
    return sum(parts) // 2


def _demographics(
    study: Study, patient: Patient, rules: MatchingRules
) -> tuple[Evidence, Evidence, Evidence]:
    """As they are compared for a decision, but that a name may sound alike."""
    name, birth_date, sex = demographics(study, patient, rules)
    if name.verdict is Verdict.DIFFERS and sound_alike(name.study, name.order):
        name = replace(name, verdict=Verdict.SOUNDS_ALIKE)
    return name, birth_date, sex


def _start(study: Study, procedure: Procedure, rules: MatchingRules) -> Evidence:
    begun = begun_at(study)
    due = [moment(step.start_date, step.start_time) for step in procedure.steps]
    known = [each for each in due if each is not None]
    if begun is None or not known:
        shown = known[0].strftime(_SHOWN) if known else ""
        return _judged(Field.START, begun.strftime(_SHOWN) if begun else "", shown, False)
    nearest = min(known, key=lambda each: abs(each - begun))
    near = abs(nearest - begun) <= timedelta(hours=rules.suggesting.hours)
    return _judged(Field.START, begun.strftime(_SHOWN), nearest.strftime(_SHOWN), near)


def _same_number(field: Field, study: Identifier | None, order: Identifier | None) -> Evidence:
    same = study is not None and order is not None and study.agrees_with(order)
    return _judged(field, _text(study), _text(order), same)


def _among(field: Field, study: set[str], order: set[str]) -> Evidence:
    ours, theirs = study - {""}, order - {""}
    return _judged(field, "\\".join(sorted(ours)), "\\".join(sorted(theirs)), bool(ours & theirs))


def _judged(field: Field, study: str, order: str, agrees: bool) -> Evidence:
    if not study or not order:
        return Evidence(field.value, study, order, Verdict.UNKNOWN)
    return Evidence(field.value, study, order, Verdict.AGREES if agrees else Verdict.DIFFERS)


def _text(identifier: Identifier | None) -> str:
    return identifier.value if identifier else ""
