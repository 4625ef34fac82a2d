"""Modality Performed Procedure Step (PS3.4 Annex F): what the modality says it does and did."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from bridge.domain.attribute_tree import AttributeTree, items_of
from bridge.domain.discontinuation import CLOSED, Discontinuations
from bridge.domain.errors import BridgeError
from bridge.domain.journal import Direction, Disposition, JournalEntry, Mention
from bridge.domain.performed_step import (
    DuplicatePerformedStep,
    InvalidPerformedStepStatus,
    MissingAttribute,
    MissingAttributeValue,
    NoSuchAttribute,
    NoSuchPerformedStep,
    Operation,
    PerformedStep,
    PerformedStepFinal,
    PerformedStepMessage,
    PerformedStepReport,
    PerformedStepStatus,
    Recorded,
    spelled,
)
from bridge.domain.performed_step_attributes import (
    NOT_SETTABLE,
    Shortcomings,
    at_creation,
    at_the_end,
    never_created,
    not_allowed,
)
from bridge.services.complete_study import CompleteStudy
from bridge.services.forward_performed_steps import TellOfPerformedSteps
from bridge.services.overdue_performed_steps import OPEN
from bridge.services.performed_orders import begin, conclude, find_steps
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.settling import look_at_studies_of, look_at_studies_of_order
from bridge.services.surrogates import of_report
from bridge.services.transaction import Clock, Store, Transaction

_SERIES = "PerformedSeriesSequence"
_END_KEYWORDS = ("PerformedProcedureStepEndDate", "PerformedProcedureStepEndTime")


class RecordPerformedStep:
    """Keeps performed steps and moves the scheduled steps they are about.

    `discontinuations` says what follows from each reason. `tell` passes on what was taken. One
    that is still in progress after `look_after` seconds is looked at (None: never).
    """

    def __init__(
        self,
        *,
        store: Store,
        worklist: ProjectWorklist,
        complete: CompleteStudy,
        clock: Clock,
        discontinuations: Discontinuations | None = None,
        tell: TellOfPerformedSteps | None = None,
        look_after: float | None = None,
    ) -> None:
        self._store = store
        self._worklist = worklist
        self._complete = complete
        self._clock = clock
        self._discontinuations = discontinuations or Discontinuations()
        self._look_after = look_after
        self._tell = tell or TellOfPerformedSteps(())

    def create(self, report: PerformedStepReport, peer: str, *, strict: bool = False) -> Recorded:
        """N-CREATE; the very same again is known. `strict` takes nothing but what is as it has to.

        Raises DuplicatePerformedStep, InvalidPerformedStepStatus, and when strict
        MissingAttribute or MissingAttributeValue.
        """
        return self._taken(report, peer, Operation.CREATE, strict, self._create)

    def update(self, report: PerformedStepReport, peer: str, *, strict: bool = False) -> Recorded:
        """N-SET; what may not be set is passed over, or refused when `strict`.

        Raises NoSuchPerformedStep, PerformedStepFinal or InvalidPerformedStepStatus, and when
        strict NoSuchAttribute, MissingAttribute or MissingAttributeValue.
        """
        return self._taken(report, peer, Operation.SET, strict, self._update)

    def messages(self, sop_instance_uid: str) -> Sequence[PerformedStepMessage]:
        """All that was told of a step, in the order in which it came; nothing when unknown."""
        return self._store.read(lambda tx: tx.performed_step_messages.of(sop_instance_uid))

    def _taken(
        self,
        report: PerformedStepReport,
        peer: str,
        operation: Operation,
        strict: bool,
        record: Callable[[Transaction, PerformedStepReport, str, bool], Recorded],
    ) -> Recorded:
        if not strict:
            report = replace(report, status=spelled(report.status))
        try:
            return self._store.transact(lambda tx: record(tx, report, peer, strict))
        except BridgeError as error:
            if error.permanent:
                self.refuse(report, peer, operation, error)
            raise

    def refuse(
        self, report: PerformedStepReport, peer: str, operation: Operation, error: BridgeError
    ) -> None:
        """Keep in the journal what was not taken, and why."""
        refused = _entry(report, peer, operation, self._clock(), Disposition.REFUSED)
        refused = replace(refused, error=error.message)
        with suppress(BridgeError):  # the peer hears of the refusal all the same
            self._store.transact(lambda tx: tx.journal.add(refused))

    def _create(
        self, tx: Transaction, report: PerformedStepReport, peer: str, strict: bool
    ) -> Recorded:
        now = self._clock()
        if report.status != PerformedStepStatus.IN_PROGRESS:
            raise InvalidPerformedStepStatus("N-CREATE needs the status IN PROGRESS")
        warnings = _lacks(at_creation(report.content), strict) if report.content else ()
        tx.orders.hold_still()
        if tx.performed_steps.lock(report.sop_instance_uid) is not None:
            return self._again(tx, report, peer, now, strict)
        said, report = report, of_report(tx, report)
        meant = find_steps(tx, report.scheduled, report.performance)
        if meant.others:
            warnings += ("the worklist entry it names is another patient's; no step was started",)
        tx.performed_steps.add(report, sorted(meant.step_pks), now)
        look_at_studies_of(tx, [report.sop_instance_uid])
        for order in tx.orders.with_steps(meant.step_pks) if meant.step_pks else ():
            moved = begin(tx, order, meant.step_pks)
            tx.orders.change(moved, now)
            look_at_studies_of_order(tx, order, moved)
            self._worklist.project(tx, moved, tx.patients.get(order.patient_pk))
        self._keep(tx, said, peer, Operation.CREATE, now)
        if self._look_after is not None:
            tx.timers.set(OPEN, report.sop_instance_uid, now + self._look_after)
        entry = _entry(report, peer, Operation.CREATE, now, Disposition.APPLIED)
        tx.journal.add(replace(entry, warnings=warnings))
        return Recorded(warnings=warnings)

    def _again(
        self, tx: Transaction, report: PerformedStepReport, peer: str, now: float, strict: bool
    ) -> Recorded:
        """A modality that got no answer sends again what it has sent."""
        first = next(iter(tx.performed_step_messages.of(report.sop_instance_uid)), None)
        if strict or first is None or first.encoded != report.encoded:
            raise DuplicatePerformedStep("a performed step of this UID exists")
        tx.journal.add(_entry(report, peer, Operation.CREATE, now, Disposition.DUPLICATE))
        return Recorded(warnings=("it was known",))

    def _update(
        self, tx: Transaction, report: PerformedStepReport, peer: str, strict: bool
    ) -> Recorded:
        tx.orders.hold_still()
        held = tx.performed_steps.lock(report.sop_instance_uid)
        if held is None:
            raise NoSuchPerformedStep("no performed step of this UID was created")
        if not held.is_open:
            raise PerformedStepFinal("Performed Procedure Step Object may no longer be updated")
        now = self._clock()
        ignored = not_allowed(report.content, held.created) if held.created_keywords else ()
        _refuse_forbidden(report, held, ignored, strict)
        changed = self._changed(held, report)
        warnings = tuple(f"{keyword} may not be set" for keyword in ignored)
        if not changed.is_open and report.content:
            warnings += _lacks(at_the_end(_final_state(tx, changed, report)), strict)
        self._apply(tx, report, changed, now)
        self._keep(tx, report, peer, Operation.SET, now)
        entry = _entry(
            replace(report, scheduled=held.scheduled), peer, Operation.SET, now, Disposition.APPLIED
        )
        tx.journal.add(replace(entry, warnings=warnings))
        return Recorded(ignored=ignored, warnings=warnings)

    def _changed(self, held: PerformedStep, report: PerformedStepReport) -> PerformedStep:
        """The performed step after an N-SET: a sequence it brings stands in the place of the old.

        Raises InvalidPerformedStepStatus.
        """
        status = _status(report.status or held.status.value)
        told_series = report.series is not None or bool(report.instances)
        is_ended_early = status is PerformedStepStatus.DISCONTINUED
        told = report if report.discontinuation_reason else held
        reason, scheme = told.discontinuation_reason, told.discontinuation_scheme
        consequence = self._discontinuations.consequence(scheme, reason)
        attributes = {k: text for k, text in report.attributes.items() if k not in NOT_SETTABLE}
        return replace(
            held,
            status=status,
            instances=report.instances if told_series else held.instances,
            discontinuation_reason=reason,
            discontinuation_scheme=scheme,
            attributes={**held.attributes, **attributes},
            consequence=consequence if is_ended_early else CLOSED,
        )

    def _apply(
        self, tx: Transaction, report: PerformedStepReport, changed: PerformedStep, now: float
    ) -> None:
        tx.performed_steps.change(changed, now)
        if changed.is_open:
            return
        look_at_studies_of(tx, [changed.sop_instance_uid])
        self._move(tx, changed.step_pks, now)
        for uid in self._studies(tx, changed):
            self._complete.step_ended(tx, uid, now)

    def _studies(self, tx: Transaction, ended: PerformedStep) -> list[str]:
        """The studies it names, and those that hold what it lists, whatever their UID is."""
        one_of_each_series = {series: uid for uid, series in ended.instances.items()}
        holding = tx.studies.holding(one_of_each_series.values())
        tx.performed_steps.name_studies(ended.sop_instance_uid, holding)
        return sorted({*(ref.study_instance_uid for ref in ended.scheduled), *holding} - {""})

    def _move(self, tx: Transaction, step_pks: Iterable[int], now: float) -> None:
        wanted = frozenset(step_pks)
        for order in tx.orders.with_steps(wanted) if wanted else ():
            moved = conclude(tx, order, wanted)
            tx.orders.change(moved, now)
            look_at_studies_of_order(tx, order, moved)
            self._worklist.project(tx, moved, tx.patients.get(order.patient_pk))

    def _keep(
        self,
        tx: Transaction,
        report: PerformedStepReport,
        peer: str,
        operation: Operation,
        now: float,
    ) -> None:
        """Keep what came as it came, and what it says of series and dose; tell of it."""
        uid, syntax = report.sop_instance_uid, report.transfer_syntax_uid
        tx.performed_step_messages.add(uid, operation, report.encoded, syntax, peer, now)
        if report.series is not None:
            tx.performed_results.put_series(uid, report.series)
        if report.dose is not None:
            dose = report.dose.over(tx.performed_results.dose(uid))
            tx.performed_results.put_dose(uid, dose)
        self._tell.announce(tx, uid, now)


def _lacks(found: Shortcomings, strict: bool) -> tuple[str, ...]:
    """What is missing, in words. Raises MissingAttribute or MissingAttributeValue when strict."""
    if strict and found.missing:
        raise MissingAttribute(f"missing: {_named(found.missing)}", _leaves(found.missing))
    if strict and found.empty:
        raise MissingAttributeValue(f"no value: {_named(found.empty)}", _leaves(found.empty))
    missing = tuple(f"{path} is missing" for path in found.missing)
    return missing + tuple(f"{path} has no value" for path in found.empty)


def _refuse_forbidden(
    report: PerformedStepReport, held: PerformedStep, forbidden: Sequence[str], strict: bool
) -> None:
    if not strict:
        return
    if forbidden:
        raise NoSuchAttribute(f"may not be set: {_named(forbidden)}", forbidden)
    unknown = never_created(report.content, held.created_keywords)
    if unknown:
        raise NoSuchAttribute(f"was not created: {_named(unknown)}", unknown)


def _named(paths: Iterable[str]) -> str:
    return ", ".join(_leaves(paths))


def _leaves(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path.rpartition(".")[2] for path in paths))


def _final_state(
    tx: Transaction, changed: PerformedStep, report: PerformedStepReport
) -> AttributeTree:
    """What the end of a step is judged by: what is told now, else what was told before."""
    state: dict[str, str | tuple[AttributeTree, ...]] = {
        key: changed.attributes.get(key, "") for key in _END_KEYWORDS
    }
    told = items_of(report.content, _SERIES)
    if _SERIES not in report.content:
        told = tuple(each.said for each in tx.performed_results.series(report.sop_instance_uid))
    return state | {_SERIES: told}


def _status(text: str) -> PerformedStepStatus:
    try:
        return PerformedStepStatus(text)
    except ValueError:
        raise InvalidPerformedStepStatus(
            "the status must be IN PROGRESS, COMPLETED or DISCONTINUED"
        ) from None


def _entry(
    report: PerformedStepReport,
    peer: str,
    operation: Operation,
    now: float,
    disposition: Disposition,
) -> JournalEntry:
    mentions = [(Mention.CONTROL_ID, report.sop_instance_uid)]
    if report.patient_id:
        mentions.append((Mention.PATIENT_ID, report.patient_id.value))
    for ref in report.scheduled:
        mentions.append((Mention.STUDY_INSTANCE_UID, ref.study_instance_uid))
        mentions.append((Mention.ACCESSION_NUMBER, ref.accession.value if ref.accession else ""))
    return JournalEntry(
        direction=Direction.IN,
        protocol="dicom",
        peer=peer,
        type=f"MPPS {operation.value} {report.status}".strip(),
        control_id=report.sop_instance_uid,
        content_hash=hashlib.sha256(report.encoded).hexdigest(),
        received_at=now,
        disposition=disposition,
        raw=report.encoded,
        mentions=tuple(mentions),
    )
