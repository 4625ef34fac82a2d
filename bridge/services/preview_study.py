"""Show what a person's act on a study would change, without changing anything.

The act itself is done and undone, so what is shown is what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bridge.domain.delivery import EventKind
from bridge.domain.matching import MatchDecision, Outcome
from bridge.domain.order import Order
from bridge.domain.publication import (
    DecidedStudy,
    News,
    OrderNews,
    PublishedStudy,
    UnmatchedStudy,
    WithdrawnStudy,
)
from bridge.domain.ranking import number_of
from bridge.domain.study_preview import (
    Effect,
    StepChange,
    StepStanding,
    StudyChange,
    StudyPreview,
    StudyStanding,
    Told,
    identity_shown,
)
from bridge.domain.subscription import Subscription
from bridge.services.forward_images import ForwardRule, there_as_due
from bridge.services.order_study import OrderStudy
from bridge.services.outbox import news_of
from bridge.services.project_worklist import why_not_projected
from bridge.services.publish_study import subject_of
from bridge.services.reconcile import Reconcile
from bridge.services.rehearsal import Rehearsed, RehearsingStore, T, Touched
from bridge.services.resolve_study import ResolveStudy
from bridge.services.tell_of_orders import is_of_order, order_of
from bridge.services.transaction import Store, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyActs:
    """What persons do with studies."""

    resolve: ResolveStudy
    ordering: OrderStudy


Act = Callable[[StudyActs], MatchDecision]
"""One act with all that is said for it: `lambda acts: acts.resolve.unlink(uid, who, why)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """How what an act touches stands."""

    studies: Mapping[str, StudyStanding]
    steps: Mapping[int, StepStanding]
    told: tuple[Told, ...]


class PreviewStudy:
    """Previews acts.

    `acts_over` gives the acts over a store. `destinations` maps the name of each to what it wants
    to know; `archives` are those of them that get images, by which rule.
    """

    def __init__(
        self,
        *,
        store: RehearsingStore,
        acts_over: Callable[[Store], StudyActs],
        reconcile: Reconcile,
        destinations: Mapping[str, Subscription],
        archives: Mapping[str, ForwardRule] = MappingProxyType({}),
    ) -> None:
        self._store = store
        self._acts_over = acts_over
        self._reconcile = reconcile
        self._destinations = destinations
        self._archives = archives

    def of(self, study_instance_uid: str, act: Act) -> StudyPreview:
        """What `act` on this study would change. Raises what the act would raise."""
        rehearsal = _Rehearsal(self._store, self._look, study_instance_uid)
        act(self._acts_over(rehearsal))
        return rehearsal.preview

    def _look(self, tx: Transaction, touched: Touched, uid: str) -> _Seen:
        uids = dict.fromkeys((uid, *touched.study_instance_uids))
        studies = {each: self._standing(tx, each) for each in uids}
        return _Seen(
            studies={each: standing for each, standing in studies.items() if standing},
            steps={
                pk: step
                for order in tx.orders.these(touched.order_pks)
                for pk, step in _steps(tx, order)
            },
            told=tuple(self._told(tx, *each) for each in dict.fromkeys(touched.queued)),
        )

    def _standing(self, tx: Transaction, uid: str) -> StudyStanding | None:
        study = tx.studies.find(uid)
        if study is None:
            return None
        decision = next((each for each, _ in tx.studies.decisions(study.pk)), None)
        presented = self._reconcile.presented(tx, uid)
        linked = tx.orders.with_procedures(tx.studies.procedures_of(study.pk))
        rejected = decision is not None and decision.outcome is Outcome.REJECTED
        hidden = study.instance_uids if rejected else tx.rejections.of_study(uid)
        return StudyStanding(
            study_instance_uid=uid,
            outcome=decision.outcome if decision else None,
            reason=decision.reason if decision else "",
            decided_by=decision.decided_by if decision else "",
            orders=tuple(number_of(order) for order in sorted(linked, key=lambda each: each.pk)),
            identity=identity_shown(study, presented.coercion if presented else None),
            images=len(study.instance_uids - hidden),
        )

    def _told(self, tx: Transaction, destination: str, subject: str, kind: EventKind) -> Told:
        if is_of_order(subject):
            orders = tx.orders.these([order_of(subject)])
            about = {"order": number_of(orders[0])} if orders else {}
        else:
            about = {"study_instance_uid": subject.removeprefix(subject_of(""))}
        effect = self._effect(tx, destination, subject, kind) if about else Effect.NOTHING
        return Told(destination=destination, kind=kind, effect=effect, **about)

    def _effect(self, tx: Transaction, destination: str, subject: str, kind: EventKind) -> Effect:
        if (rule := self._archives.get(destination)) is not None:
            return _images(tx, destination, rule, subject.removeprefix(subject_of("")))
        wanted = self._destinations.get(destination)
        told = news_of(tx, destination, subject, kind, wanted)
        return _EFFECTS.get(type(told), Effect.NOTHING)


_EFFECTS: Mapping[type[News | None], Effect] = {
    PublishedStudy: Effect.PUBLISHED,
    WithdrawnStudy: Effect.WITHDRAWN,
    UnmatchedStudy: Effect.UNMATCHED,
    OrderNews: Effect.ORDER,
    DecidedStudy: Effect.DECISION,
}


class _Rehearsal:
    """A store whose transactions are undone; it keeps what the last would have changed."""

    def __init__(
        self,
        store: RehearsingStore,
        look: Callable[[Transaction, Touched, str], _Seen],
        study_instance_uid: str,
    ) -> None:
        self._store = store
        self._look = look
        self._uid = study_instance_uid
        self._seen: Rehearsed[object, _Seen] | None = None

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Do it, see what comes of it, and undo it."""
        seen = self._store.rehearse(work, lambda tx, touched: self._look(tx, touched, self._uid))
        self._seen = Rehearsed(result=seen.result, before=seen.before, after=seen.after)
        return seen.result

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` that only reads."""
        return self._store.read(work)

    @property
    def preview(self) -> StudyPreview:
        """What would have changed."""
        if self._seen is None:
            raise AssertionError("an act without a transaction")
        before, after = self._seen.before, self._seen.after
        changes = {
            uid: StudyChange(before=before.studies.get(uid), after=standing)
            for uid, standing in after.studies.items()
        }
        acted_on = changes.pop(self._uid)
        return StudyPreview(
            study=acted_on,
            others=tuple(each for each in changes.values() if each.before != each.after),
            steps=_step_changes(before.steps, after.steps),
            told=after.told,
        )


def _images(tx: Transaction, destination: str, rule: ForwardRule, uid: str) -> Effect:
    study = tx.studies.find(uid)
    hidden = tx.rejections.of_study(uid)
    due = (study.instance_uids if study else frozenset()) - hidden
    there = there_as_due(tx, destination, rule, uid)
    return Effect.IMAGES if due - there else Effect.NOTHING


def _steps(tx: Transaction, order: Order) -> list[tuple[int, StepStanding]]:
    patient = tx.patients.get(order.patient_pk)
    return [
        (
            step.pk,
            StepStanding(
                order=number_of(order),
                rp_id=procedure.rp_id,
                sps_id=step.sps_id,
                status=step.status.value,
                hidden_because=why_not_projected(patient, procedure, step),
            ),
        )
        for procedure in order.procedures
        for step in procedure.steps
    ]


def _step_changes(
    before: Mapping[int, StepStanding], after: Mapping[int, StepStanding]
) -> tuple[StepChange, ...]:
    pks = sorted({*before, *after})
    changes = (StepChange(before=before.get(pk), after=after.get(pk)) for pk in pks)
    return tuple(each for each in changes if each.before != each.after)
