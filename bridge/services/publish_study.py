"""Decide who is to be told of a study, and gather what there is to tell when it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bridge.domain.delivery import EventKind
from bridge.domain.publication import PublishedStudy, Request
from bridge.domain.study import Study
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

    def announce(
        self, tx: Transaction, study_instance_uid: str, kind: EventKind, now: float
    ) -> None:
        """Queue the news, in the transaction that made it."""
        for name, subscription in self._destinations.items():
            if subscription.wants(kind):
                subject = subject_of(study_instance_uid)
                tx.deliveries.enqueue(name, subject, kind, study_instance_uid, now)
        if self._subscribers and kind in self._subscribers.wanted(tx, now):
            subject = subject_of(study_instance_uid)
            tx.deliveries.enqueue(SUBSCRIBERS, subject, kind, study_instance_uid, now)
        if self._expecting and kind is EventKind.STUDY_AVAILABLE:
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
    linked = frozenset(tx.studies.procedures_of(study.pk))
    orders = tx.orders.with_procedures(linked)
    requests = tuple(
        Request(order=order, procedure=procedure)
        for order in sorted(orders, key=lambda each: each.pk)
        for procedure in order.procedures
        if procedure.pk in linked
    )
    shown = _shown(study, tx.rejections.of_study(study.study_instance_uid))
    if not requests or shown is None:
        return None
    return PublishedStudy(
        study=shown,
        patient=tx.patients.get(requests[0].order.patient_pk),
        requests=requests,
        last_content_hash=last_content_hash,
    )


def _shown(study: Study, hidden: frozenset[str]) -> Study | None:
    """The study without what was rejected; None when nothing is left of it."""
    if not hidden:
        return study
    left = (
        replace(s, instances=tuple(i for i in s.instances if i.sop_instance_uid not in hidden))
        for s in study.series
    )
    shown = replace(study, series=tuple(each for each in left if each.instances))
    return shown if shown.whole_series else None
