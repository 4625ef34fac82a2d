"""Decide who is to be told of a study, and gather what there is to tell when it is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from bridge.domain.delivery import EventKind
from bridge.domain.publication import PublishedStudy, Rejected, Request
from bridge.domain.study import Series, Study
from bridge.domain.study_news import Words
from bridge.domain.subscription import Subscription
from bridge.services.expected_studies import expecting, tell
from bridge.services.offer_subscriptions import DESTINATION as SUBSCRIBERS
from bridge.services.offer_subscriptions import Subscribers
from bridge.services.transaction import Transaction

_SUBJECT = "study:"


def subject_of(study_instance_uid: str) -> str:
    """The subject under which deliveries about a study are ordered."""
    return _SUBJECT + study_instance_uid


class PublishStudy:
    """Writes delivery rows for the destinations that want to know.

    `destinations` maps the name of each to what it wants to know; `subscribers` are those who
    come and go.
    """

    def __init__(
        self, destinations: Mapping[str, Subscription], subscribers: Subscribers | None = None
    ) -> None:
        self._destinations = destinations
        self._subscribers = subscribers
        self._expecting = expecting(destinations)

    def announce(self, tx: Transaction, study_instance_uid: str, words: Words, now: float) -> None:
        """Queue one thing that happened, in the transaction that made it so.

        Each destination is told by the finest of the words for it that it asked for.
        """
        subject = subject_of(study_instance_uid)
        for name, subscription in self._destinations.items():
            if kind := subscription.told_as(words):
                tx.deliveries.enqueue(name, subject, kind, study_instance_uid, now)
        wanted = self._subscribers.wanted(tx, now) if self._subscribers else frozenset()
        if kind := next((each for each in words if each in wanted), None):
            tx.deliveries.enqueue(SUBSCRIBERS, subject, kind, study_instance_uid, now)
        if self._expecting and EventKind.STUDY_AVAILABLE in words:
            for uid in _expected_instead(tx, study_instance_uid):
                tell(tx, self._expecting, uid, EventKind.STUDY_STARTED, now)


def _expected_instead(tx: Transaction, study_instance_uid: str) -> set[str]:
    """The Study Instance UIDs that its orders gave, where the modality gave this one."""
    study = tx.studies.find(study_instance_uid)
    linked = frozenset(tx.studies.procedures_of(study.pk)) if study else frozenset()
    given = {
        procedure.study_instance_uid
        for order in tx.orders.with_procedures(linked)
        for procedure in order.procedures
        if procedure.pk in linked and procedure.study_instance_uid
    }
    return given - {study_instance_uid}


def gather(tx: Transaction, subject: str, last_content_hash: str) -> PublishedStudy | None:
    """The newest state of a matched study; None when it is matched to nothing any more."""
    study = tx.studies.find(subject.removeprefix(_SUBJECT))
    if study is None:
        return None
    requests = requests_for(tx, tx.studies.procedures_of(study.pk))
    hidden = tx.rejections.hidden(study.study_instance_uid)
    shown = shown_of(study, hidden.keys())
    if not requests or shown is None:
        return None
    return PublishedStudy(
        study=shown,
        patient=tx.patients.get(requests[0].order.patient_pk),
        requests=requests,
        rejected=rejected_of(study, hidden),
        last_content_hash=last_content_hash,
    )


def requests_for(tx: Transaction, procedure_pks: Iterable[int]) -> tuple[Request, ...]:
    """These procedures with their orders, in a stable order."""
    linked = frozenset(procedure_pks)
    return tuple(
        Request(order=order, procedure=procedure)
        for order in sorted(tx.orders.with_procedures(linked), key=lambda each: each.pk)
        for procedure in order.procedures
        if procedure.pk in linked
    )


def rejected_of(study: Study, hidden: Mapping[str, str], by: str = "") -> Rejected | None:
    """What is rejected of a study; None for nothing. `hidden` as `Rejections.hidden` gives it."""
    codes = Counter(code for uid, code in hidden.items() if code and uid in study.instance_uids)
    if not (codes or by):
        return None
    series = _with_those(study, lambda uid: bool(hidden.get(uid)))
    return Rejected(instances=codes, series=series, by=by)


def shown_of(study: Study, hidden: Collection[str]) -> Study | None:
    """The study without what was rejected; None when nothing is left of it."""
    if not hidden:
        return study
    shown = replace(study, series=_with_those(study, lambda uid: uid not in hidden))
    return shown if shown.whole_series else None


def _with_those(study: Study, chosen: Callable[[str], bool]) -> tuple[Series, ...]:
    """The series of a study with the instances that are chosen by their SOP Instance UID."""
    left = (
        replace(s, instances=tuple(i for i in s.instances if chosen(i.sop_instance_uid)))
        for s in study.series
    )
    return tuple(each for each in left if each.instances)
