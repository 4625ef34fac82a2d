"""Why a modality sees an entry of the worklist, or does not: of an order, a patient or a study.

An entry is either in the answer or explained: the same conditions that find entries are asked, one
by one, of those that were not found.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.order import Order, Procedure, Step
from bridge.domain.surrogate import LONGEST_SH, shown
from bridge.domain.worklist import Mismatch, Rule, WorklistQuery
from bridge.services.project_worklist import why_not_projected
from bridge.services.query_worklist import prepared
from bridge.services.transaction import Store, Transaction


class Verdict(StrEnum):
    """What became of one step."""

    SHOWN = "shown"
    NOT_ON_WORKLIST = "not on the worklist"
    NOT_MATCHED = "not matched"
    BEYOND_LIMIT = "beyond the limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepExplanation:
    """One scheduled step, and why it is in the answer or is not.

    `reasons` are whole sentences without a full stop; none when it is shown. `mismatches` are what
    they were made of, where keys or visibility decided.
    """

    accession_number: str
    patient_id: str
    study_instance_uid: str
    rp_id: str
    sps_id: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    mismatches: tuple[Mismatch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything that is known by one number. `note` speaks when there are no steps."""

    number: str
    steps: tuple[StepExplanation, ...] = ()
    note: str = ""


class ExplainWorklist:
    """Explains answers; the query is what `QueryWorklist` was asked."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def explain(self, query: WorklistQuery, limit: int, number: str) -> Explanation:
        """Explain every step that `number` leads to.

        `number` is an accession, order, patient or procedure ID, a step ID or a Study Instance
        UID, or the surrogate that modalities are shown of one. `limit` is that of the answer.
        """
        return self._store.read(lambda tx: _explain(tx, query, limit, number.strip()))


def _explain(tx: Transaction, query: WorklistQuery, limit: int, number: str) -> Explanation:
    meant = tx.surrogates.originals([number]).get(number, number)
    orders = _orders(tx, meant)
    if not orders:
        return Explanation(number=number, note=_unknown(tx, meant))
    pks = [step.pk for order in orders for part in order.procedures for step in part.steps]
    if not pks:
        return Explanation(number=number, note="the order has no scheduled procedure step")
    asked = prepared(tx, query)
    found = frozenset(item.step_pk for item in tx.worklist.find(asked, limit))
    examined = tx.worklist.examine(asked, pks)
    steps = tuple(
        _step(tx, order, part, step, found, examined.get(step.pk), limit)
        for order in orders
        for part in order.procedures
        for step in part.steps
    )
    return Explanation(number=number, steps=steps)


def _orders(tx: Transaction, number: str) -> tuple[Order, ...]:
    found = [
        *tx.orders.with_accession_numbers([number]),
        *tx.orders.with_order_numbers([number]),
        *tx.orders.with_study_instance_uids([number]),
        *tx.orders.with_rp_ids([number]),
    ]
    for patient in tx.patients.called(number):
        found += tx.orders.of_patient(patient.pk)
    return tuple({order.pk: order for order in found}.values())


def _unknown(tx: Transaction, number: str) -> str:
    if tx.patients.called(number):
        return "the patient is known and has no order"
    return "no order and no patient is known by this number"


def _step(
    tx: Transaction,
    order: Order,
    procedure: Procedure,
    step: Step,
    found: frozenset[int],
    mismatches: tuple[Mismatch, ...] | None,
    limit: int,
) -> StepExplanation:
    patient = tx.patients.get(order.patient_pk)
    verdict = Verdict.NOT_ON_WORKLIST
    reasons: tuple[str, ...] = (why_not_projected(patient, procedure, step),)
    if step.pk in found:
        verdict, reasons = Verdict.SHOWN, ()
    elif mismatches:
        verdict, reasons = Verdict.NOT_MATCHED, tuple(map(in_words, mismatches))
    elif mismatches is not None:
        verdict = Verdict.BEYOND_LIMIT
        reasons = (f"it comes after the first {limit} entries, which are all that is sent",)
    accession = order.numbers.accession
    return StepExplanation(
        accession_number=shown(accession, LONGEST_SH).value if accession else "",
        patient_id=patient.identifiers[0].value if patient.identifiers else "",
        study_instance_uid=procedure.study_instance_uid,
        rp_id=procedure.rp_id,
        sps_id=step.sps_id,
        verdict=verdict,
        reasons=tuple(each or "its entry has not been written" for each in reasons),
        mismatches=mismatches or (),
    )


def in_words(mismatch: Mismatch) -> str:
    """A sentence on one mismatch."""
    if mismatch.rule is Rule.IMPOSSIBLE:
        return "the query holds a range that ends before it begins: nothing matches"
    held = mismatch.held or "nothing"
    if mismatch.rule is Rule.KEY:
        return f"{mismatch.key}: {mismatch.asked} was asked for, the entry has {held}"
    return f"{mismatch.rule.value}: {mismatch.key} must be {mismatch.asked}, the entry has {held}"
