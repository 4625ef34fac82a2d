"""Studies that wait for a person: the queue of them, and one of them with all that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bridge.domain.matching import (
    Key,
    MatchDecision,
    Outcome,
    PatientAgreement,
    RankedCandidate,
)
from bridge.domain.order import Order, Procedure
from bridge.domain.ranking import number_of
from bridge.domain.resolution import Resolution, ResolutionAction
from bridge.domain.study import Series, Study
from bridge.services.find_records import Position
from bridge.services.transaction import Store, Transaction

T = TypeVar("T")
LISTED = 50
"""How many studies a page of the queue holds."""

WAITING = ("", *(outcome.value for outcome in Outcome if outcome.waits))
"""Outcomes of studies that somebody or something is still to decide; empty: none was decided."""


WITHOUT_PICTURE = frozenset(
    {
        *("SR", "PR", "KO", "DOC", "PLAN", "AU", "ECG", "EPS", "HD", "EEG", "EMG", "EOG", "RESP"),
        *("REG", "SEG", "FID", "ASMT", "SMR", "RWV", "STAIN", "M3D", "TEXTUREMAP"),
        *("RTSTRUCT", "RTPLAN", "RTRECORD", "RTINTENT", "RTSEGANN", "RTRAD"),
    }
)
"""Modalities (PS3.3 C.7.3.1.1.1) whose instances hold no picture to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFilter:
    """Which studies: of an outcome (None: all that wait), of a modality, beyond a place."""

    outcome: str | None = None
    modality: str = ""
    beyond: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedStudy:
    """A row of the queue. Times are unix times; `best_number` is of the likeliest order.

    `outcome` is empty before the first decision. `held_by` are the AE titles images came from.
    """

    pk: int
    study_instance_uid: str
    outcome: str
    reason: str
    patient_id: str
    patient_name: str
    accession_number: str
    study_date: str
    description: str
    modalities: tuple[str, ...]
    instances: int
    sources: tuple[str, ...]
    created_at: float
    updated_at: float
    candidates: int
    best_number: str
    best_score: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyQueue:
    """A page of the queue. `counts` are by outcome over everything; `beyond` begins the next."""

    rows: Sequence[QueuedStudy]
    counts: Mapping[str, int]
    beyond: Position | None


class StudyReviews(Protocol):
    """Lists studies for a person."""

    def queue(self, chosen: QueueFilter, limit: int) -> Sequence[QueuedStudy]:
        """The newest first."""

    def counts(self) -> Mapping[str, int]:
        """Outcome → studies."""

    def conflicts(self, study_instance_uid: str) -> int:
        """Instances that came again with other bytes, and were kept beside the first."""

    def decisions(self, study_pk: int) -> Sequence[tuple[MatchDecision, float]]:
        """Everything that was decided, the newest first, with when."""


class ReviewTransaction(Protocol):
    """A transaction in which studies can be listed."""

    @property
    def study_reviews(self) -> StudyReviews:
        """The questions."""


class ReviewStore(Protocol):
    """Runs work that only reads."""

    def read(self, work: Callable[[ReviewTransaction], T]) -> T:
        """Run it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedSeries:
    """One series. `picture` is the SOP Instance UID to show of it; empty when there is none.

    A picture is held here and is not hidden.
    """

    series_instance_uid: str
    modality: str
    number: int | None
    description: str
    instances: int
    picture: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedOrder:
    """An order that was considered for a study, and why; `share` of 100 is how good it looks.

    `is_linked` says that the study is matched to it now.
    """

    procedure_pk: int
    number: str
    patient_id: str
    patient_name: str
    description: str
    start: str
    status: str
    keys: tuple[Key, ...]
    agreement: PatientAgreement | None
    score: int
    share: int
    is_linked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDecision:
    """One decision: what, why, by whom and when (unix time)."""

    outcome: str
    reason: str
    decided_by: str
    at: float
    orders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAct:
    """What a person did. `patient_id` is whom it was moved to; `undone_by` who took it back."""

    action: str
    who: str
    reason: str
    at: float
    orders: tuple[str, ...]
    patient_id: str
    undone_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Possible:
    """What can be done with a study as it stands."""

    link: bool
    unlink: bool
    order: bool
    move: bool
    reject: bool
    restore: bool
    undo: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedStudy:
    """A study with everything a person needs to say where it belongs.

    `attributes` are what its images say, by DICOM keyword. `conflicts` counts instances that came
    twice with different bytes, `hidden` those that rejection notes hide, `flaws` by each flaw those
    that were kept although their data sets are damaged.
    """

    study_instance_uid: str
    state: str
    outcome: str
    reason: str
    patient_id: str
    issuer: str
    further_patient_ids: tuple[str, ...]
    patient_name: str
    accession_number: str
    attributes: Mapping[str, str]
    sources: tuple[str, ...]
    updated_at: float
    series: Sequence[ReviewedSeries]
    orders: Sequence[ReviewedOrder]
    decisions: Sequence[PastDecision]
    acts: Sequence[PastAct]
    conflicts: int
    hidden: int
    flaws: Mapping[str, int]
    possible: Possible


class ReviewStudies:
    """Reads only. `store` runs the domain's own questions, `lists` those of pages."""

    def __init__(self, *, store: Store, lists: ReviewStore) -> None:
        self._store = store
        self._lists = lists

    def queue(self, chosen: QueueFilter) -> StudyQueue:
        """A page of the studies that wait, or of those of one outcome."""

        def work(tx: ReviewTransaction) -> StudyQueue:
            rows = tx.study_reviews.queue(chosen, LISTED + 1)
            shown = rows[:LISTED]
            more = len(rows) > LISTED
            beyond = Position(shown[-1].updated_at, shown[-1].pk) if more else None
            return StudyQueue(rows=shown, counts=tx.study_reviews.counts(), beyond=beyond)

        return self._lists.read(work)

    def study(self, study_instance_uid: str) -> ReviewedStudy | None:
        """One study, waiting or not; None when there is none."""
        study = self._store.read(lambda tx: tx.studies.find(study_instance_uid))
        if study is None:
            return None
        decisions = self._lists.read(lambda tx: tx.study_reviews.decisions(study.pk))
        conflicts = self._lists.read(lambda tx: tx.study_reviews.conflicts(study_instance_uid))
        return self._store.read(lambda tx: _reviewed(tx, study, decisions, conflicts))


def _reviewed(
    tx: Transaction,
    study: Study,
    decisions: Sequence[tuple[MatchDecision, float]],
    conflicts: int,
) -> ReviewedStudy:
    newest = decisions[0][0] if decisions else None
    linked = frozenset(tx.studies.procedures_of(study.pk))
    hidden = tx.rejections.of_study(study.study_instance_uid)
    current = tx.resolutions.current(study.pk)
    rejected = newest is not None and newest.outcome is Outcome.REJECTED
    invisible = study.instance_uids if rejected else hidden
    identifier = study.patient_id
    return ReviewedStudy(
        study_instance_uid=study.study_instance_uid,
        state=study.state.value,
        outcome=newest.outcome.value if newest else "",
        reason=newest.reason if newest else "",
        patient_id=identifier.value if identifier else "",
        issuer=identifier.authority.key if identifier else "",
        further_patient_ids=tuple(each.value for each in study.further_patient_ids),
        patient_name=study.patient_name,
        accession_number=study.accession.value if study.accession else "",
        attributes=study.attributes,
        sources=tuple(sorted(study.sources)),
        updated_at=study.updated_at,
        series=tuple(_series(each, invisible) for each in study.whole_series),
        flaws=tx.flaws.of(study.study_instance_uid),
        orders=_orders(tx, newest, linked),
        decisions=tuple(_decision(tx, each, at) for each, at in decisions),
        acts=tuple(_act(tx, each, by) for each, by in reversed(tx.resolutions.of_study(study.pk))),
        conflicts=conflicts,
        hidden=len(hidden),
        possible=_possible(newest, linked, hidden, current),
    )


def _series(series: Series, invisible: frozenset[str]) -> ReviewedSeries:
    here = [
        each.sop_instance_uid
        for each in series.instances
        if each.path and each.sop_instance_uid not in invisible
    ]
    if series.modality in WITHOUT_PICTURE:
        here = []
    return ReviewedSeries(
        series_instance_uid=series.series_instance_uid,
        modality=series.modality,
        number=series.number,
        description=series.attributes.get("SeriesDescription", ""),
        instances=series.count,
        picture=here[len(here) // 2] if here else "",
    )


def _orders(
    tx: Transaction, newest: MatchDecision | None, linked: frozenset[int]
) -> tuple[ReviewedOrder, ...]:
    """The candidates of the newest decision, the likeliest first, and whatever it is linked to."""
    ranked = {each.procedure_pk: each for each in (newest.candidates if newest else ())}
    best = max((each.score for each in ranked.values()), default=0)
    pks = [*ranked, *sorted(linked - ranked.keys())]
    procedures = {
        procedure.pk: (order, procedure)
        for order in tx.orders.with_procedures([pk for pk in pks if pk])
        for procedure in order.procedures
    }
    return tuple(
        _order(tx, *procedures[pk], ranked.get(pk), best, is_linked=pk in linked)
        for pk in pks
        if pk in procedures
    )


def _order(
    tx: Transaction,
    order: Order,
    procedure: Procedure,
    candidate: RankedCandidate | None,
    best: int,
    *,
    is_linked: bool,
) -> ReviewedOrder:
    patient, steps = tx.patients.get(order.patient_pk), procedure.steps
    score = candidate.score if candidate else 0
    return ReviewedOrder(
        procedure_pk=procedure.pk,
        number=number_of(order),
        patient_id=patient.identifiers[0].value if patient.identifiers else "",
        patient_name=patient.attributes.get("PatientName", ""),
        description=_description(procedure),
        start=next((s.start_date + s.start_time for s in steps if s.start_date), ""),
        status=", ".join(sorted({step.status.value for step in steps})),
        keys=candidate.keys if candidate else (),
        agreement=candidate.agreement if candidate else None,
        score=score,
        share=max(round(100 * score / best), 0) if best > 0 else 0,
        is_linked=is_linked,
    )


def _description(procedure: Procedure) -> str:
    said = procedure.attributes.get("RequestedProcedureDescription", "")
    code = procedure.code
    return said or (code.meaning or code.value if code else "")


def _decision(tx: Transaction, decision: MatchDecision, at: float) -> PastDecision:
    return PastDecision(
        outcome=decision.outcome.value,
        reason=decision.reason,
        decided_by=decision.decided_by,
        at=at,
        orders=_numbers(tx, decision.procedure_pks),
    )


def _act(tx: Transaction, resolution: Resolution, undone_by: str) -> PastAct:
    moved = tx.patients.get(resolution.patient_pk) if resolution.patient_pk else None
    return PastAct(
        action=resolution.action.value,
        who=resolution.who,
        reason=resolution.reason,
        at=resolution.at,
        orders=_numbers(tx, resolution.procedure_pks),
        patient_id=moved.identifiers[0].value if moved and moved.identifiers else "",
        undone_by=undone_by,
    )


def _numbers(tx: Transaction, procedure_pks: Sequence[int]) -> tuple[str, ...]:
    if not procedure_pks:
        return ()
    return tuple(map(number_of, tx.orders.with_procedures(procedure_pks)))


def _possible(
    newest: MatchDecision | None,
    linked: frozenset[int],
    hidden: frozenset[str],
    current: Resolution | None,
) -> Possible:
    rejected = current is not None and current.action is ResolutionAction.REJECT
    return Possible(
        link=not rejected,
        unlink=bool(linked) and not rejected,
        order=newest is not None and newest.outcome.waits and not linked,
        move=not rejected,
        reject=not rejected,
        restore=bool(hidden),
        undo=current is not None,
    )
