"""Which scheduled steps a performed step is about (PS3.4 Annex F), whichever of the two came first.

By Study Instance UID and step ID; else by accession number, procedure and step ID; else by those
IDs and the patient. Never those of somebody else: a modality may have chosen the wrong entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bridge.domain.identifiers import Identifier
from bridge.domain.order import Order, Procedure, Step
from bridge.domain.patient import Patient
from bridge.domain.performed_step import (
    Performance,
    PerformedStep,
    ScheduledReference,
    Subject,
    end_of_all,
)
from bridge.domain.step_history import is_still_cancelled
from bridge.domain.step_status import FINAL, StepEvent, StepStatus
from bridge.services.move_steps import move_steps, steps_of
from bridge.services.settling import look_at_studies_of
from bridge.services.transaction import Transaction


@dataclass(frozen=True, slots=True)
class _Place:
    """A scheduled step with what it stands in."""

    order: Order
    procedure: Procedure
    step: Step


@dataclass(frozen=True, slots=True)
class Meant:
    """The pks of the scheduled steps that a performed step is for.

    `others` tells that what it names is another patient's, and so was left out.
    """

    step_pks: frozenset[int]
    others: bool = False


def find_steps(
    tx: Transaction,
    scheduled: Iterable[ScheduledReference],
    done: Performance,
    given: Order | None = None,
    known: Iterable[int] = (),
) -> Meant:
    """The scheduled steps that a report names.

    `given` is an order as it is about to be kept; `known` are the pks of steps that were found
    before: whoever is named by a number alone is then found.
    """
    found: set[int] = set()
    others = False
    for ref in scheduled:
        places, theirs = _of_reference(tx, ref, done, given, frozenset(known))
        found.update(each.step.pk for each in places)
        others = others or theirs
    return Meant(frozenset(found), others)


def catch_up(tx: Transaction, order: Order, patient: Patient) -> Order:
    """Tell an order what was performed for it before it, or its patient, was known."""
    del patient  # read anew with the orders of the performed step: there may be several
    own = {step.pk for step in steps_of(order)}
    for performed in _for_order(tx, order):
        known = performed.step_pks
        meant = find_steps(tx, performed.scheduled, performed.performance, order, known)
        new = (meant.step_pks & own) - set(performed.step_pks)
        if new:
            tx.performed_steps.link(performed.sop_instance_uid, sorted(new))
            look_at_studies_of(tx, [performed.sop_instance_uid])
            order = conclude(tx, begin(tx, order, new), new)
    return order


def begin(tx: Transaction, order: Order, step_pks: Iterable[int]) -> Order:
    """A modality began to perform steps, perhaps again after they had been discontinued."""
    pks = frozenset(step_pks)
    again = [s.pk for s in steps_of(order, pks) if s.status is StepStatus.DISCONTINUED]
    if again:
        order = move_steps(tx, order, again, StepEvent.WRONG_ENTRY)
    return move_steps(tx, order, pks, StepEvent.START)


def conclude(tx: Transaction, order: Order, step_pks: Iterable[int]) -> Order:
    """Bring steps to where all that was performed for them leaves them."""
    for pk, performed in sorted(tx.performed_steps.of_steps(step_pks).items()):
        end = end_of_all(performed)
        if end is None:
            continue
        order = move_steps(tx, order, [pk], end)
        if end is StepEvent.WRONG_ENTRY:
            order = _cancelled_still(tx, order, pk)
    return order


def is_of(order: Order, patient: Patient, identifier: Identifier) -> bool:
    """Whether the patient of an order is, or was when it was placed, known by an identifier."""
    if patient.is_called(identifier):
        return True
    return any(identifier.agrees_with(each) for each in order.former_patient_ids)


def _cancelled_still(tx: Transaction, order: Order, step_pk: int) -> Order:
    """A step that is to be done again after all, but that its order no longer asks for."""
    (step,) = steps_of(order, [step_pk])
    if not is_still_cancelled(step.history):
        return order
    return move_steps(tx, order, [step_pk], StepEvent.CANCEL)


def _for_order(tx: Transaction, order: Order) -> list[PerformedStep]:
    accession = order.numbers.accession
    found: dict[str, PerformedStep] = {}
    for procedure in order.procedures:
        if procedure.study_instance_uid:
            performed = tx.performed_steps.for_request(
                procedure.study_instance_uid,
                accession.value if accession else "",
                procedure.rp_id,
            )
            found |= {each.sop_instance_uid: each for each in performed}
    return list(found.values())


def _of_reference(
    tx: Transaction,
    ref: ScheduledReference,
    done: Performance,
    given: Order | None,
    known: frozenset[int],
) -> tuple[list[_Place], bool]:
    """The steps that one item names, and whether others than these are another patient's."""
    for find, choose in (
        (_by_study, _chosen_in_study),
        (_by_accession, _chosen_in_order),
        (_by_request, _chosen_in_order),
    ):
        places = find(tx, ref, done, given)
        if not places:
            continue
        if find is not _by_study:  # a number may be given out again, also to the same patient
            places = [each for each in places if each.step.pk in known] or places
        theirs = [each for each in places if _is_theirs(tx, each.order, done.subject)]
        if done.subject.identifier is None and len({p.order.patient_pk for p in theirs}) > 1:
            return [], True  # an accession number without issuer may be two patients'
        return choose(theirs, ref, done.modality), not theirs
    return [], False


def _is_theirs(tx: Transaction, order: Order, subject: Subject) -> bool:
    patient = tx.patients.get(order.patient_pk)
    identifier = subject.identifier
    if identifier is not None and not is_of(order, patient, identifier):
        return False
    if identifier is not None and not patient.is_called(identifier):
        return True  # whom it was placed for, before it was moved: described as they were
    return not subject.differs_from(patient, tx.patients.formerly(patient.pk))


def _by_study(
    tx: Transaction, ref: ScheduledReference, _done: Performance, given: Order | None
) -> list[_Place]:
    uid = ref.study_instance_uid
    if not uid:
        return []
    orders = _with(tx.orders.with_study_instance_uids([uid]), given)
    return _places(orders, lambda each: each.procedure.study_instance_uid == uid)


def _by_accession(
    tx: Transaction, ref: ScheduledReference, done: Performance, given: Order | None
) -> list[_Place]:
    accession = ref.accession
    if accession is None:
        return []

    def named(each: _Place) -> bool:
        ours = each.order.numbers.accession
        agrees = ours is not None and ours.agrees_with(accession)
        of_procedure = ref.rp_id in ("", each.procedure.rp_id)
        return agrees and of_procedure and done.may_be_of(each.step.start_date)

    return _places(_with(tx.orders.with_accession_numbers([accession.value]), given), named)


def _by_request(
    tx: Transaction, ref: ScheduledReference, done: Performance, given: Order | None
) -> list[_Place]:
    """Procedure and step ID are unique only within an order: the patient has to be known, too."""
    if not ref.rp_id or not ref.sps_id or ref.accession or done.subject.identifier is None:
        return []

    def named(each: _Place) -> bool:
        ids = (each.procedure.rp_id, each.step.sps_id)
        return ids == (ref.rp_id, ref.sps_id) and done.may_be_of(each.step.start_date)

    places = _places(_with(tx.orders.with_rp_ids([ref.rp_id]), given), named)
    theirs = [each for each in places if _is_theirs(tx, each.order, done.subject)]
    return theirs if len(theirs) == 1 else []


def _with(orders: Iterable[Order], given: Order | None) -> list[Order]:
    """The orders that were found, one of them as it is about to be kept."""
    if given is None:
        return list(orders)
    return [*(each for each in orders if each.pk != given.pk), given]


def _places(orders: Iterable[Order], named: Callable[[_Place], bool]) -> list[_Place]:
    return [each for order in orders for each in _each_step(order) if named(each)]


def _each_step(order: Order) -> Iterator[_Place]:
    for procedure in order.procedures:
        for step in procedure.steps:
            yield _Place(order, procedure, step)


def _chosen_in_study(places: list[_Place], ref: ScheduledReference, modality: str) -> list[_Place]:
    """Those of the step ID; procedures that share a study are told apart by what else is said."""
    if not ref.sps_id:
        return places
    exact = [each for each in places if each.step.sps_id == ref.sps_id]
    if not exact:
        return _single(places, modality)
    accession = ref.accession
    if accession is not None:
        exact = _preferring(exact, lambda each: _has_number(each.order, accession))
    return _preferring(exact, lambda each: each.procedure.rp_id == ref.rp_id)


def _chosen_in_order(places: list[_Place], ref: ScheduledReference, modality: str) -> list[_Place]:
    """Those of the step ID, else the only one; without a step ID those of the only procedure.

    Step IDs are unique only within a procedure: where several have it, those that are still open
    come first, and then those of the modality.
    """
    exact = [each for each in places if each.step.sps_id == ref.sps_id != ""]
    if ref.sps_id and not exact:
        return _single(places, modality)
    found = exact or places
    if _procedures(found) > 1:
        found = _preferring(found, lambda each: each.step.status not in FINAL)
    if _procedures(found) > 1:
        found = [each for each in found if each.step.modality == modality != ""]
    return found if _procedures(found) == 1 else []


def _has_number(order: Order, accession: Identifier) -> bool:
    ours = order.numbers.accession
    return ours is not None and ours.agrees_with(accession)


def _procedures(places: list[_Place]) -> int:
    return len({each.procedure.pk for each in places})


def _single(places: list[_Place], modality: str) -> list[_Place]:
    """The only step, or the only one of the modality; none when it is a guess."""
    if len(places) > 1:
        places = [each for each in places if each.step.modality == modality != ""]
    return places if len(places) == 1 else []


def _preferring(places: list[_Place], preferred: Callable[[_Place], bool]) -> list[_Place]:
    return [each for each in places if preferred(each)] or places
