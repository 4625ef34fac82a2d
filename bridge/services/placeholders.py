"""Orders that are known only by what ended them: a cancel that came before its order."""

from __future__ import annotations

from dataclasses import replace

from bridge.domain.identifiers import Authority
from bridge.domain.order import Order, OrderReceived, Procedure, ProcedureDetails, Step
from bridge.domain.scheduling import minted_accession
from bridge.domain.step_status import StepStatus


def without_placeholders(order: Order, event: OrderReceived, site: Authority) -> Order:
    """Give up the identifiers that we assigned to an order nobody described, for those that come.

    No device has seen them: all of such an order is cancelled from the beginning.
    """
    if not _is_placeholder(order):
        return order
    numbers = order.numbers
    if event.numbers.accession and numbers.accession == minted_accession(order.pk, site):
        numbers = replace(numbers, accession=None)
    procedures = order.procedures
    if len(procedures) == len(event.procedures) == 1:
        procedures = (_unnamed(procedures[0], event.procedures[0]),)
    return replace(order, numbers=numbers, procedures=procedures)


def _is_placeholder(order: Order) -> bool:
    return not order.occurred_at and all(
        not (procedure.code or procedure.attributes or procedure.occurred_at)
        and all(step.status is StepStatus.CANCELED for step in procedure.steps)
        for procedure in order.procedures
    )


def _unnamed(held: Procedure, said: ProcedureDetails) -> Procedure:
    steps = held.steps
    if len(steps) == len(said.steps) == 1:
        steps = (_unnumbered(steps[0], said.steps[0].sps_id),)
    return replace(
        held,
        rp_id="" if said.rp_id else held.rp_id,
        study_instance_uid="" if said.study_instance_uid else held.study_instance_uid,
        steps=steps,
    )


def _unnumbered(held: Step, sps_id: str) -> Step:
    return replace(held, sps_id="") if sps_id else held
