"""Studies that wait for a person: the queue, one beside its orders, and what is done with it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from bridge.console.access import Operator, Viewer
from bridge.console.forms import Form, FormFields
from bridge.console.pages import reconciliation_words as words
from bridge.console.view import View
from bridge.domain.access import SignedIn
from bridge.domain.audit import AuditEventId, AuditObject
from bridge.domain.errors import BridgeError, UnknownKey
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.matching import Outcome
from bridge.domain.order import CodedConcept
from bridge.domain.side_by_side import SideBySide
from bridge.domain.study_preview import StudyPreview, StudyStanding
from bridge.services.audit import RecordView
from bridge.services.compare_study import CompareStudy
from bridge.services.decide_study import DecideStudy, StudyAction, StudyWish
from bridge.services.find_records import Position
from bridge.services.review_studies import QueueFilter, ReviewedStudy, ReviewStudies

Uid = Annotated[str, Path(pattern=r"^[0-9.]{1,64}$")]
_FIELDS = ("action", "orders", "patient", "procedure", "code", "scheme", "reason")
_CONFLICT = 409
_LARGEST_PK = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What the pages ask and do."""

    reviews: ReviewStudies
    compare: CompareStudy
    decide: DecideStudy
    records: RecordView


def reconciliation_router(view: View, desk: Reconciliation) -> APIRouter:
    """The pages below `/reconciliation`."""
    router, pages = APIRouter(), _Pages(view, desk)
    router.add_api_route("/reconciliation", pages.queue, methods=["GET"])
    router.add_api_route("/reconciliation/{uid}", pages.study, methods=["GET"])
    router.add_api_route("/reconciliation/{uid}/preview", pages.preview, methods=["POST"])
    router.add_api_route("/reconciliation/{uid}", pages.carry_out, methods=["POST"])
    return router


class _Pages:
    def __init__(self, view: View, desk: Reconciliation) -> None:
        self._view = view
        self._desk = desk

    def queue(
        self,
        request: Request,
        user: Viewer,
        outcome: str = "",
        modality: Annotated[str, Query(max_length=16)] = "",
        after: Annotated[str, Query(max_length=60)] = "",
    ) -> Response:
        """Those that wait, or those of one outcome; `after` is where a page goes on."""
        known = outcome if outcome in set(Outcome) else None
        chosen = QueueFilter(outcome=known, modality=modality.strip(), beyond=_position(after))
        criteria = f"outcome {outcome or 'waiting'}" + (
            f", modality {modality}" if modality else ""
        )
        self._desk.records.sought(user, AuditObject.STUDY, criteria)
        return self._view.page(
            request,
            "reconciliation.html",
            queue=self._desk.reviews.queue(chosen),
            outcome=known or "",
            modality=modality,
            outcomes=[each.value for each in Outcome],
            waiting=[each.value for each in Outcome if each.waits],
        )

    def study(
        self,
        request: Request,
        user: Viewer,
        uid: Uid,
        beside: Annotated[str, Query(max_length=100)] = "",
        done: str = "",
    ) -> Response:
        """One study, beside its likeliest order or the one of the number `beside`."""
        study = self._seen(uid, user)
        return self._study(request, study, beside=beside, done=done)

    def preview(self, request: Request, user: Operator, uid: Uid, form: Form) -> Response:
        """What an act would change, and the button that does it."""
        study = self._seen(uid, user)
        try:
            wish = _wish(form)
            preview = self._desk.decide.preview(uid, wish, user)
        except BridgeError as error:
            return self._study(request, study, problem=error.message, form=form)
        return self._preview(request, study, wish, preview, form)

    def carry_out(self, request: Request, user: Operator, uid: Uid, form: Form) -> Response:
        """Do what was previewed; what would come out otherwise by now is shown first."""
        try:
            wish = _wish(form)
            preview = self._desk.decide.preview(uid, wish, user)
            if form.get("seen") != digest_of(preview):
                study = self._seen(uid, user)
                return self._preview(request, study, wish, preview, form, changed=True)
            self._desk.decide.carry_out(uid, wish, user)
        except UnknownKey:
            raise
        except BridgeError as error:
            study = self._seen(uid, user)
            return self._study(request, study, problem=error.message, form=form)
        return RedirectResponse(f"/reconciliation/{uid}?done={wish.action.value}", 303)

    def _seen(self, uid: str, user: SignedIn) -> ReviewedStudy:
        study = self._desk.reviews.study(uid)
        if study is None:
            raise UnknownKey(f"there is no study {uid}")
        self._desk.records.seen(
            user,
            AuditEventId.PROCEDURE_RECORD,
            AuditObject.STUDY,
            uid,
            patient_id=study.patient_id,
        )
        return study

    def _study(
        self,
        request: Request,
        study: ReviewedStudy,
        *,
        beside: str = "",
        done: str = "",
        problem: str = "",
        form: FormFields | None = None,
    ) -> Response:
        compared, unknown = self._beside(study, beside)
        chosen = compared[0].number if compared else ""
        filled = {name: form.get(name) if form else "" for name in _FIELDS}
        return self._view.page(
            request,
            "study.html",
            status=_CONFLICT if problem else 200,
            study=study,
            compared=compared,
            beside=beside,
            unknown=unknown,
            done=done if done in set(StudyAction) else "",
            problem=problem,
            filled=filled,
            suggested=filled["orders"] or chosen,
            words=words,
        )

    def _beside(self, study: ReviewedStudy, number: str) -> tuple[Sequence[SideBySide], str]:
        """The study beside an order, and why there is none of that number."""
        uid = study.study_instance_uid
        try:
            if number:
                return self._desk.compare.with_number(uid, identifier(number)), ""
            first = [each for each in study.orders if each.is_linked] or study.orders[:1]
            return self._desk.compare.with_procedures(uid, [o.procedure_pk for o in first]), ""
        except UnknownKey as error:
            return (), error.message

    def _preview(
        self,
        request: Request,
        study: ReviewedStudy,
        wish: StudyWish,
        preview: StudyPreview,
        form: FormFields,
        *,
        changed: bool = False,
    ) -> Response:
        return self._view.page(
            request,
            "study_preview.html",
            study=study,
            action=wish.action.value,
            preview=preview,
            changes=_changes(preview),
            seen=digest_of(preview),
            fields=[(name, form.get(name)) for name in _FIELDS if form.get(name)],
            changed=changed,
            words=words,
        )


@dataclass(frozen=True, slots=True)
class _Change:
    """One value of a study before and after."""

    label: str
    before: str
    after: str

    @property
    def is_one(self) -> bool:
        return self.before != self.after


def _changes(preview: StudyPreview) -> list[_Change]:
    """Decision, orders and identity of the study; what stays the same, too."""
    before, after = preview.study.before, preview.study.after
    was = before.identity if before else {}
    told = [
        _Change(
            "outcome",
            (before.outcome or "") if before else "",
            after.outcome or "",
        ),
        _Change("orders", ", ".join(before.orders) if before else "", ", ".join(after.orders)),
        _Change("images", str(before.images) if before else "", str(after.images)),
    ]
    identity = [_Change(name, was.get(name, ""), text) for name, text in after.identity.items()]
    return [*told, *(each for each in identity if each.before or each.after)]


def identifier(text: str) -> Identifier:
    """`VALUE` or `VALUE^AUTHORITY`, as it is typed."""
    value, _, authority = text.replace("\0", "").strip().partition("^")
    return Identifier(value.strip(), Authority(authority.strip(" ^")))


def _wish(form: FormFields) -> StudyWish:
    """Raises BridgeError for an action that is none."""
    try:
        action = StudyAction(form.get("action"))
    except ValueError as error:
        raise UnknownKey("there is no such action") from error
    patient, procedure = form.get("patient").strip(), form.get("procedure").strip()
    code, scheme = form.get("code").strip(), form.get("scheme").strip()
    concept = None
    if code or procedure:
        concept = CodedConcept(code, scheme or ("L" if code else ""), procedure or code)
    return StudyWish(
        action=action,
        orders=tuple(map(identifier, form.get("orders").replace(",", " ").split())),
        patient=identifier(patient) if patient else None,
        procedure=concept,
        reason=form.get("reason").strip(),
    )


def digest_of(preview: StudyPreview) -> str:
    """Whether a preview is the one that somebody saw.

    But for numbers that are minted anew each time: databases do not give out the same twice.
    """
    changes = (preview.study, *preview.others)
    seen = (
        [(each.before, _without_numbers(each.after)) for each in changes],
        [(each.before, each.after and each.after.status) for each in preview.steps],
        [(each.destination, each.kind, each.effect) for each in preview.told],
    )
    return hashlib.sha256(repr(seen).encode()).hexdigest()


def _without_numbers(standing: StudyStanding) -> StudyStanding:
    identity = {k: v for k, v in standing.identity.items() if k != "AccessionNumber"}
    return replace(standing, identity=identity, orders=())


def _position(text: str) -> Position | None:
    """`TIME,NUMBER` of an address; None for what is none."""
    at, _, pk = text.partition(",")
    try:
        return Position(float(at), min(int(pk), _LARGEST_PK))
    except ValueError:
        return None
