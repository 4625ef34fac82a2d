"""Fill in what an order filler assigns: identifiers in HIS-only mode, defaults of the site."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import StrEnum

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import Order, OrderNumbers, ProcedureDetails, StepDetails
from bridge.domain.scheduling import (
    default_steps,
    minted_accession,
    minted_rp_id,
    minted_study_instance_uid,
    with_step_ids,
)
from bridge.domain.sender_options import MissingStudyUid


class Mode(StrEnum):
    """Who owns the identifiers (STANDARDS.md section 1): a RIS, or else the bridge."""

    RIS = "ris"
    HIS_ONLY = "his_only"


def with_minted_accession(numbers: OrderNumbers, order_pk: int, site: Authority) -> OrderNumbers:
    """The numbers of an order, with an accession number of ours when it came without one."""
    if numbers.accession is not None:
        return numbers
    return replace(numbers, accession=minted_accession(order_pk, site))


def completed(
    procedures: Iterable[ProcedureDetails],
    order: Order,
    mode: Mode,
    start: Callable[[], str],
    taken: int,
    missing_uid: MissingStudyUid = MissingStudyUid.HOLD,
) -> tuple[ProcedureDetails, ...]:
    """New procedures of `order`, ready to be written.

    With a RIS nothing is minted: what is missing stays missing, and the order is held, unless
    `missing_uid` says that identifiers follow from the numbers of the order (STANDARDS 2.7).
    `start` is the site's date and time (`YYYYMMDDHHMMSS`) for a step that came without one,
    empty when the site rather holds such orders. `taken` procedures of the accession number are
    numbered already.
    """
    details = tuple(_with_starts(default_steps(each), start) for each in procedures) or (
        _with_starts(default_steps(ProcedureDetails()), start),
    )
    if mode is Mode.RIS:
        return tuple(
            derived(each, order.numbers, missing_uid, taken + position)
            for position, each in enumerate(details, start=1)
        )
    accession = order.numbers.accession
    if accession is None:
        raise AssertionError("an order of HIS-only mode has an accession number by now")
    return tuple(
        _minted(each, accession, taken + position) for position, each in enumerate(details, start=1)
    )


def derived(
    details: ProcedureDetails, numbers: OrderNumbers, missing_uid: MissingStudyUid, position: int
) -> ProcedureDetails:
    """A procedure of a RIS without Study Instance UID, with those its sender leaves to us.

    Always the same for the same order: the UID follows from a number, its issuer and the procedure.
    """
    number = _number_to_derive_from(numbers, missing_uid)
    if details.study_instance_uid or number is None:
        return details
    return _minted(details, number, position)


def _number_to_derive_from(
    numbers: OrderNumbers, missing_uid: MissingStudyUid
) -> Identifier | None:
    if missing_uid is MissingStudyUid.GENERATE:
        return numbers.accession or numbers.filler or numbers.placer
    return numbers.accession if missing_uid is MissingStudyUid.FROM_ACCESSION else None


def _minted(details: ProcedureDetails, accession: Identifier, position: int) -> ProcedureDetails:
    rp_id = details.rp_id or minted_rp_id(accession, position)
    uid = details.study_instance_uid or minted_study_instance_uid(accession, rp_id)
    steps = with_step_ids(details.steps)
    return replace(details, rp_id=rp_id, study_instance_uid=uid, steps=steps)


def _with_starts(details: ProcedureDetails, start: Callable[[], str]) -> ProcedureDetails:
    if all(step.start_date for step in details.steps):
        return details
    moment, stat = start(), details.attributes.get("RequestedProcedurePriority", "") == "STAT"
    return replace(details, steps=tuple(_with_start(each, moment, stat) for each in details.steps))


def _with_start(step: StepDetails, start: str, stat: bool) -> StepDetails:
    """An order without a time is due now when urgent, else on the day it came (time 000000)."""
    if step.start_date or not start:
        return step
    return replace(step, start_date=start[:8], start_time=start[8:14] if stat else "000000")
