"""Gather what there is to tell of a study upon an event, as it stands when it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bridge.domain.delivery import EXPECTED_STUDY_KINDS, EventKind
from bridge.domain.matching import Outcome
from bridge.domain.publication import (
    WITHDRAWN,
    ArrivingStudy,
    DecidedStudy,
    Rejected,
    Request,
    StudyNews,
    UnmatchedStudy,
    WithdrawnStudy,
)
from bridge.domain.resolution import ResolutionAction
from bridge.domain.study import Study
from bridge.services.expected_studies import gather_expected
from bridge.services.publish_study import gather, rejected_of, requests_for, shown_of, subject_of
from bridge.services.transaction import Transaction

_REJECTIONS = frozenset({EventKind.STUDY_REJECTED, EventKind.STUDY_EXPIRED})


def gather_study(
    tx: Transaction, subject: str, kind: EventKind, confirmed: str
) -> StudyNews | None:
    """The news of a study for one destination; None for nothing.

    `confirmed` is the content hash of what the destination confirmed last. That a study is
    nobody's is told where it was told to be somebody's; that it was rejected also to who asked
    for exactly that.
    """
    uid = subject.removeprefix(subject_of(""))
    if kind is EventKind.MATCH_DECIDED:
        return _decided(tx, uid, confirmed)
    published = gather(tx, subject, confirmed)
    if published is not None:
        return published
    if kind in EXPECTED_STUDY_KINDS and confirmed != WITHDRAWN:
        return gather_expected(tx, uid, confirmed)
    if kind in _UNMATCHED:
        study = tx.studies.find(uid)
        return _UNMATCHED[kind](tx, study, confirmed) if study else None
    if confirmed == WITHDRAWN or (not confirmed and kind not in _REJECTIONS):
        return None
    return _withdrawn(tx, uid, confirmed)


def _unmatched(_tx: Transaction, study: Study, confirmed: str) -> StudyNews:
    return UnmatchedStudy(study=study, last_content_hash=confirmed)


def _arriving(tx: Transaction, study: Study, confirmed: str) -> StudyNews | None:
    """A study that nobody has decided on, with the orders whose Study Instance UID it bears."""
    uid = study.study_instance_uid
    shown = shown_of(study, tx.rejections.of_study(uid))
    if shown is None:
        return None
    requests = tuple(
        Request(order=order, procedure=procedure)
        for order in tx.orders.with_study_instance_uids([uid])
        for procedure in order.procedures
        if procedure.study_instance_uid == uid
    )
    return ArrivingStudy(study=shown, requests=requests, last_content_hash=confirmed)


_UNMATCHED: Mapping[EventKind, Callable[[Transaction, Study, str], StudyNews | None]] = {
    EventKind.STUDY_UNMATCHED: _unmatched,
    EventKind.STUDY_FIRST_IMAGE: _arriving,
}
"""What is told of a study that is matched to nothing, whoever knew of it before."""


def _decided(tx: Transaction, uid: str, confirmed: str) -> StudyNews | None:
    study = tx.studies.find(uid)
    newest = next(iter(tx.studies.decisions(study.pk)), None) if study else None
    if study is None or newest is None:
        return None
    decision, decided_at = newest
    return DecidedStudy(
        study=study,
        decision=decision,
        decided_at=decided_at,
        requests=requests_for(tx, decision.procedure_pks),
        last_content_hash=confirmed,
    )


def _withdrawn(tx: Transaction, uid: str, confirmed: str) -> WithdrawnStudy:
    study = tx.studies.find(uid)
    return WithdrawnStudy(
        study_instance_uid=uid,
        study=study,
        requests=_last_matched_to(tx, study) if study else (),
        rejected=_rejected(tx, study) if study else None,
        last_content_hash=confirmed,
    )


def _last_matched_to(tx: Transaction, study: Study) -> tuple[Request, ...]:
    decisions = (decision for decision, _ in tx.studies.decisions(study.pk))
    matched = (each.procedure_pks for each in decisions if each.outcome is Outcome.MATCHED)
    return requests_for(tx, next(matched, ()))


def _rejected(tx: Transaction, study: Study) -> Rejected | None:
    """Whether it was rejected as a whole, by notes or a person."""
    hidden = tx.rejections.hidden(study.study_instance_uid)
    current = tx.resolutions.current(study.pk)
    by = current.who if current and current.action is ResolutionAction.REJECT else ""
    return rejected_of(study, hidden, by) if by or shown_of(study, hidden.keys()) is None else None
