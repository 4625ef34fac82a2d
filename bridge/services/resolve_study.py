"""What a person does with a study: link, unlink, reject, move, and take any of it back.

Each is kept with who and why, decides against every rule, and is told to whoever was told before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bridge.domain.errors import InvalidTransition, RequiredFieldMissing, UnknownKey
from bridge.domain.identifiers import Identifier
from bridge.domain.matching import MatchDecision, Outcome
from bridge.domain.order import Order
from bridge.domain.patient import Patient
from bridge.domain.resolution import Resolution, ResolutionAction
from bridge.domain.study import Study
from bridge.services.annul_order import annul
from bridge.services.reconcile import Reconcile
from bridge.services.transaction import Clock, Store, Transaction


class ResolveStudy:
    """Carries out what persons decide of studies."""

    def __init__(self, *, store: Store, reconcile: Reconcile, clock: Clock) -> None:
        self._store = store
        self._reconcile = reconcile
        self._clock = clock

    def link(
        self, study_instance_uid: str, orders: Iterable[Identifier], who: str, reason: str
    ) -> MatchDecision:
        """Link a study to the orders of these accession or order numbers.

        Of an order with several procedures it is the one that carries the Study Instance UID, else
        all of them. Raises UnknownKey when a number leads to no order or to several.
        """
        numbers = tuple(orders)

        def procedures(tx: Transaction, study: Study) -> tuple[int, ...]:
            found = [order_called(tx, each) for each in numbers]
            return tuple(pk for order in found for pk in _procedures(order, study))

        return self._resolve(study_instance_uid, ResolutionAction.LINK, procedures, who, reason)

    def unlink(self, study_instance_uid: str, who: str, reason: str) -> MatchDecision:
        """Take a study away from the orders it is matched to; the rules may find others.

        Raises InvalidTransition when it is matched to none.
        """

        def procedures(tx: Transaction, study: Study) -> tuple[int, ...]:
            linked = tx.studies.procedures_of(study.pk)
            if not linked:
                raise InvalidTransition("the study is matched to no order")
            return linked

        return self._resolve(study_instance_uid, ResolutionAction.UNLINK, procedures, who, reason)

    def reject(self, study_instance_uid: str, who: str, reason: str) -> MatchDecision:
        """Show a study to nobody any more; its images are kept."""
        action = ResolutionAction.REJECT
        return self._resolve(study_instance_uid, action, lambda _tx, _study: (), who, reason)

    def move(self, study_instance_uid: str, to: Identifier, who: str, reason: str) -> MatchDecision:
        """Say whose images a study shows; the rules decide anew of a study of that patient.

        Raises UnknownKey when nobody or several are called so, InvalidTransition for a rejected
        study.
        """
        if not who.strip() or not reason.strip():
            raise RequiredFieldMissing("who decides, and why, must be said")

        def work(tx: Transaction) -> MatchDecision:
            tx.orders.hold_still()
            study = _locked(tx, study_instance_uid)
            current = tx.resolutions.current(study.pk)
            if current is not None and current.action is ResolutionAction.REJECT:
                raise InvalidTransition("the study is rejected; take that back first")
            resolution = Resolution(
                action=ResolutionAction.MOVE,
                patient_pk=_patient(tx, to).pk,
                who=who.strip(),
                reason=reason.strip(),
                at=self._clock(),
            )
            tx.resolutions.add(study.pk, resolution)
            return self._decided(tx, study_instance_uid)

        return self._store.transact(work)

    def restore(self, study_instance_uid: str, who: str, reason: str) -> MatchDecision:
        """Show again what rejection notes hide of a study; the notes themselves are kept.

        Raises InvalidTransition when none hides anything of it.
        """
        if not who.strip() or not reason.strip():
            raise RequiredFieldMissing("who decides, and why, must be said")

        def work(tx: Transaction) -> MatchDecision:
            tx.orders.hold_still()
            _locked(tx, study_instance_uid)
            notes = tx.rejections.standing(study_instance_uid)
            if not notes:
                raise InvalidTransition("no rejection note hides anything of the study")
            concerned = {study_instance_uid}
            for pk in notes:
                concerned |= tx.rejections.undo(pk, who.strip(), reason.strip(), self._clock())
            decided = {uid: self._decided(tx, uid) for uid in sorted(concerned)}
            return decided[study_instance_uid]

        return self._store.transact(work)

    def undo(self, study_instance_uid: str, who: str) -> MatchDecision:
        """Take the newest decision of a person back; what was decided before counts again.

        With a link goes the order that was made for it, unless more has happened to that. Raises
        InvalidTransition when there is none.
        """

        def work(tx: Transaction) -> MatchDecision:
            tx.orders.hold_still()
            study = _locked(tx, study_instance_uid)
            current = tx.resolutions.current(study.pk)
            if current is None:
                raise InvalidTransition("nobody decided anything of this study")
            tx.resolutions.undo(current.pk, who, self._clock())
            annul(tx, study_instance_uid, current, self._clock())
            return self._decided(tx, study_instance_uid)

        return self._store.transact(work)

    def _resolve(
        self,
        study_instance_uid: str,
        action: ResolutionAction,
        procedures: Callable[[Transaction, Study], tuple[int, ...]],
        who: str,
        reason: str,
    ) -> MatchDecision:
        if not who.strip() or not reason.strip():
            raise RequiredFieldMissing("who decides, and why, must be said")

        def work(tx: Transaction) -> MatchDecision:
            tx.orders.hold_still()
            study = _locked(tx, study_instance_uid)
            resolution = Resolution(
                action=action,
                procedure_pks=procedures(tx, study),
                who=who.strip(),
                reason=reason.strip(),
                at=self._clock(),
            )
            tx.resolutions.add(study.pk, resolution)
            return self._decided(tx, study_instance_uid)

        return self._store.transact(work)

    def _decided(self, tx: Transaction, study_instance_uid: str) -> MatchDecision:
        decision = self._reconcile.study(tx, study_instance_uid, self._clock())
        return decision or MatchDecision(outcome=Outcome.UNSCHEDULED, reason="no such study")


def _locked(tx: Transaction, study_instance_uid: str) -> Study:
    study = tx.studies.lock(study_instance_uid)
    if study is None:
        raise UnknownKey(f"there is no study {study_instance_uid}")
    return study


def _patient(tx: Transaction, called: Identifier) -> Patient:
    found = [each for each in tx.patients.called(called.value) if each.is_called(called)]
    if len(found) != 1:
        how_many = "several patients are" if found else "no patient is"
        raise UnknownKey(f"{how_many} called {called.value}")
    return found[0]


def order_called(tx: Transaction, number: Identifier) -> Order:
    """The order of an accession or order number. Raises UnknownKey for none or several."""
    found = {
        order.pk: order
        for order in (
            *tx.orders.with_accession_numbers([number.value]),
            *tx.orders.with_order_numbers([number.value]),
        )
        if any(
            each is not None and each.agrees_with(number)
            for each in (order.numbers.accession, order.numbers.placer, order.numbers.filler)
        )
    }
    if len(found) != 1:
        how_many = "several orders have" if found else "no order has"
        raise UnknownKey(f"{how_many} the number {number.value}")
    return next(iter(found.values()))


def _procedures(order: Order, study: Study) -> tuple[int, ...]:
    same = [
        procedure.pk
        for procedure in order.procedures
        if procedure.study_instance_uid == study.study_instance_uid
    ]
    return tuple(same or [procedure.pk for procedure in order.procedures])
