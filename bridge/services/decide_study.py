"""What a signed-in person wants done with a study: previewed, then done and audited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.access import SignedIn
from bridge.domain.audit import AuditAction, AuditEventId, AuditObject
from bridge.domain.errors import RequiredFieldMissing
from bridge.domain.identifiers import Identifier
from bridge.domain.matching import MatchDecision
from bridge.domain.order import CodedConcept
from bridge.domain.study_preview import StudyPreview
from bridge.services.audit import audit_event
from bridge.services.audited import AuditedStore
from bridge.services.preview_study import Act, PreviewStudy, StudyActs
from bridge.services.transaction import Clock, Store


class StudyAction(StrEnum):
    """What can be done."""

    LINK = "link"
    UNLINK = "unlink"
    ORDER = "order"
    MOVE = "move"
    REJECT = "reject"
    RESTORE = "restore"
    UNDO = "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyWish:
    """One action with what it needs: `orders` to link to, the `patient` whose images they are.

    `procedure` is what was done, where an order is made; without it the images say so. Everything
    but taking something back needs a `reason`.
    """

    action: StudyAction
    orders: tuple[Identifier, ...] = ()
    patient: Identifier | None = None
    procedure: CodedConcept | None = None
    reason: str = ""


class DecideStudy:
    """Previews and carries out wishes."""

    def __init__(
        self,
        *,
        store: Store,
        acts_over: Callable[[Store], StudyActs],
        preview: PreviewStudy,
        clock: Clock,
    ) -> None:
        self._store = store
        self._acts_over = acts_over
        self._preview = preview
        self._clock = clock

    def preview(self, study_instance_uid: str, wish: StudyWish, user: SignedIn) -> StudyPreview:
        """What would change, and who would be told. Raises what doing it would raise."""
        return self._preview.of(study_instance_uid, _act(study_instance_uid, wish, user.name))

    def carry_out(self, study_instance_uid: str, wish: StudyWish, user: SignedIn) -> MatchDecision:
        """Do it. Raises a BridgeError when it cannot be done; nothing has changed then."""
        act = _act(study_instance_uid, wish, user.name)
        event = audit_event(
            user,
            AuditEventId.PROCEDURE_RECORD,
            AuditAction.UPDATE,
            self._clock(),
            patient_id=self._patient_of(study_instance_uid),
            about=(AuditObject.STUDY, study_instance_uid),
            detail=_in_words(wish),
        )
        return act(self._acts_over(AuditedStore(self._store, event)))

    def _patient_of(self, study_instance_uid: str) -> str:
        study = self._store.read(lambda tx: tx.studies.find(study_instance_uid))
        return study.patient_id.value if study and study.patient_id else ""


_ACTS: Mapping[StudyAction, Callable[[StudyActs, str, StudyWish, str], MatchDecision]] = {
    StudyAction.LINK: lambda acts, uid, wish, who: acts.resolve.link(
        uid, _orders(wish), who, wish.reason
    ),
    StudyAction.UNLINK: lambda acts, uid, wish, who: acts.resolve.unlink(uid, who, wish.reason),
    StudyAction.ORDER: lambda acts, uid, wish, who: acts.ordering.order(
        uid, who, wish.reason, wish.procedure
    ),
    StudyAction.MOVE: lambda acts, uid, wish, who: acts.resolve.move(
        uid, _patient(wish), who, wish.reason
    ),
    StudyAction.REJECT: lambda acts, uid, wish, who: acts.resolve.reject(uid, who, wish.reason),
    StudyAction.RESTORE: lambda acts, uid, wish, who: acts.resolve.restore(uid, who, wish.reason),
    StudyAction.UNDO: lambda acts, uid, _wish, who: acts.resolve.undo(uid, who),
}


def _act(uid: str, wish: StudyWish, who: str) -> Act:
    return lambda acts: _ACTS[wish.action](acts, uid, wish, who)


def _orders(wish: StudyWish) -> tuple[Identifier, ...]:
    if not wish.orders:
        raise RequiredFieldMissing("the order to link to must be said")
    return wish.orders


def _patient(wish: StudyWish) -> Identifier:
    if wish.patient is None:
        raise RequiredFieldMissing("whose images they are must be said")
    return wish.patient


def _in_words(wish: StudyWish) -> str:
    said = (
        wish.action.value,
        " ".join(each.value for each in wish.orders),
        f"to patient {wish.patient.value}" if wish.patient else "",
        wish.procedure.meaning if wish.procedure else "",
    )
    did = " ".join(each for each in said if each)
    return f"{did}: {wish.reason}" if wish.reason else did
