"""Tell of studies that orders are to become: registered before their images, or never to come.

What becomes of a study is told in its own lane, so that `registered` never overtakes `available`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from bridge.domain.delivery import EXPECTED_STUDY_KINDS, EventKind
from bridge.domain.order import Order, Procedure, Step
from bridge.domain.publication import PublishedStudy, Request
from bridge.domain.step_status import StepEvent, StepStatus
from bridge.domain.study import Study, StudyState
from bridge.domain.subscription import Subscription
from bridge.services.transaction import Transaction

_BEGUN = frozenset(
    {StepStatus.STARTED, StepStatus.DEPARTED, StepStatus.COMPLETED, StepStatus.DISCONTINUED}
)
_SUBJECT = "study:"


def expecting(destinations: Mapping[str, Subscription]) -> Mapping[str, Subscription]:
    """The destinations that want to know of studies before there are images."""
    wanted = {*EXPECTED_STUDY_KINDS}
    return {name: each for name, each in destinations.items() if each.kinds & wanted}


def studies_begun(order: Order, moved_steps: Collection[int]) -> Iterator[str]:
    """The Study Instance UIDs of procedures that began, or ended after they had begun."""
    for procedure in order.procedures:
        if procedure.study_instance_uid and any(
            step.pk in moved_steps and _has_begun(step) for step in procedure.steps
        ):
            yield procedure.study_instance_uid


def _has_begun(step: Step) -> bool:
    return step.status in _BEGUN or any(event is StepEvent.START for _, event in step.history)


def tell(
    tx: Transaction,
    destinations: Mapping[str, Subscription],
    study_instance_uid: str,
    kind: EventKind,
    now: float,
) -> None:
    """Queue that a study is to come, or will not, in the transaction that made it so."""
    for name, subscription in destinations.items():
        if subscription.wants(kind):
            subject = _SUBJECT + study_instance_uid
            tx.deliveries.enqueue(name, subject, kind, study_instance_uid, now)


def gather_expected(
    tx: Transaction, study_instance_uid: str, last_content_hash: str
) -> PublishedStudy | None:
    """A study of which there is no image yet, by the orders it is for; None when they are gone."""
    requests = tuple(
        Request(order=order, procedure=procedure)
        for order in sorted(
            tx.orders.with_study_instance_uids([study_instance_uid]), key=lambda each: each.pk
        )
        for procedure in order.procedures
        if procedure.study_instance_uid == study_instance_uid
    )
    if not requests:
        return None
    return PublishedStudy(
        study=_without_images(study_instance_uid, requests[0].order),
        patient=tx.patients.get(requests[0].order.patient_pk),
        requests=requests,
        is_done_elsewhere=_is_done_elsewhere(tx, [each.procedure for each in requests]),
        last_content_hash=last_content_hash,
    )


def _is_done_elsewhere(tx: Transaction, procedures: Collection[Procedure]) -> bool:
    """Whether the modality gave the images another Study Instance UID, and nothing is to come."""
    open_steps = (step for each in procedures for step in each.steps if step.status not in _ENDED)
    if any(True for _ in open_steps):
        return False
    return bool(tx.studies.of_procedures([each.pk for each in procedures]))


_ENDED = frozenset({StepStatus.COMPLETED, StepStatus.DISCONTINUED, StepStatus.CANCELED})


def _without_images(study_instance_uid: str, order: Order) -> Study:
    return Study(
        pk=0,
        study_instance_uid=study_instance_uid,
        state=StudyState.RECEIVING,
        patient_id=None,
        patient_name="",
        accession=order.numbers.accession,
        attributes={},
        request_attributes=(),
        performed_step_uids=(),
        series=(),
    )
