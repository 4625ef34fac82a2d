"""What a worklist entry cannot do without, and the identifiers we mint as order filler."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import Order, Procedure, ProcedureDetails, Step, StepDetails
from bridge.domain.patient import Patient
from bridge.domain.step_history import is_unscheduled
from bridge.domain.step_status import FINAL, StepStatus

MAXIMUM_SH = 16
"""Length of a Short String (PS3.5 6.2): accession number, requested procedure ID, SPS ID."""

DURATION = "DurationInMinutes"
"""How long a step takes, kept among its attributes; DICOM says when it ends instead."""

_UID_NAMESPACE = uuid.UUID("6f0f3b6e-6b0f-5d5a-9d55-1c7f2d1f6a42")


def missing_attributes(patient: Patient, procedure: Procedure, step: Step) -> tuple[str, ...]:
    """Keywords of the type 1 and 1C worklist attributes (PS3.4 Table K.6-1) that have no value."""
    values = {
        "PatientName": patient.attributes.get("PatientName", ""),
        "PatientID": patient.identifiers[0].value if patient.identifiers else "",
        "StudyInstanceUID": procedure.study_instance_uid,
        "RequestedProcedureID": procedure.rp_id,
        "RequestedProcedureDescription": (
            procedure.attributes.get("RequestedProcedureDescription", "") or procedure.code
        ),
        "ScheduledProcedureStepID": step.sps_id,
        "Modality": step.modality,
        "ScheduledProcedureStepStartDate": step.start_date,
        "ScheduledProcedureStepDescription": (
            step.attributes.get("ScheduledProcedureStepDescription", "")
            or step.protocol_codes
            or procedure.attributes.get("RequestedProcedureDescription", "")
            or procedure.code
        ),
    }
    return tuple(keyword for keyword, value in values.items() if not value)


_START = "ScheduledProcedureStepStartDate"
ON_HOLD = "on hold"
WITHOUT_TIME = "its appointment was taken back"


def held_reason(patient: Patient, order: Order) -> str:
    """Why some step of an order cannot be done; empty when every step can, or is over."""
    missing: set[str] = set()
    holds: set[str] = set()
    for procedure in order.procedures:
        for step in procedure.steps:
            if step.status in FINAL:
                continue
            lacking = set(missing_attributes(patient, procedure, step))
            if step.status is StepStatus.HELD and is_unscheduled(step.history):
                holds.add(WITHOUT_TIME)
                lacking.discard(_START)
            elif step.status is StepStatus.HELD:
                holds.add(ON_HOLD)
            missing |= lacking
    if not any(procedure.steps for procedure in order.procedures):
        missing.add("ScheduledProcedureStepSequence")
    lacks = [f"missing {', '.join(sorted(missing))}"] if missing else []
    return "; ".join((*sorted(holds), *lacks))


def end_of(step: Step) -> tuple[str, str]:
    """Scheduled end (DA, TM) of a step whose start and duration are known; else empty."""
    minutes = step.attributes.get(DURATION, "")
    if not (minutes.isdecimal() and step.start_date and step.start_time):
        return "", ""
    try:
        start = datetime.strptime(  # noqa: DTZ007 - in the site's time, as the start is
            step.start_date + step.start_time[:6].ljust(6, "0"), "%Y%m%d%H%M%S"
        )
        end = start + timedelta(minutes=int(minutes))
    except (ValueError, OverflowError):
        return "", ""
    return end.strftime("%Y%m%d"), end.strftime("%H%M%S")


def minted_accession(order_pk: int, site: Authority) -> Identifier:
    """An accession number of this site, which as order filler is its issuer."""
    return Identifier(f"B{order_pk:09d}", site)


def minted_study_instance_uid(accession: Identifier, rp_id: str) -> str:
    """A UID below 2.25 (PS3.5 B.2) that is always the same for the same requested procedure.

    The issuer is part of the name, so two sites that number alike do not collide.
    """
    name = f"{accession.authority.key}|{accession.value}|{rp_id}"
    return f"2.25.{uuid.uuid5(_UID_NAMESPACE, name).int}"


def minted_rp_id(accession: Identifier, position: int) -> str:
    """A Requested Procedure ID, unique inside its accession; `position` counts from 1."""
    if position == 1 and len(accession.value) <= MAXIMUM_SH:
        return accession.value
    numbered = f"{accession.value}-{position}"
    return numbered if len(numbered) <= MAXIMUM_SH else f"RP{position}"


def with_step_ids(
    steps: tuple[StepDetails, ...], taken: Iterable[str] = ()
) -> tuple[StepDetails, ...]:
    """Steps with `SPS1`, `SPS2` … by their place in the message for those without an ID.

    An ID that another step of the message has, or that is among `taken`, is passed over.
    """
    used = {*taken, *(step.sps_id for step in steps)}
    named = []
    for position, step in enumerate(steps, start=1):
        free = (f"SPS{number}" for number in count(position) if f"SPS{number}" not in used)
        each = step if step.sps_id else replace(step, sps_id=next(free))
        used.add(each.sps_id)
        named.append(each)
    return tuple(named)


def default_steps(details: ProcedureDetails) -> ProcedureDetails:
    """A procedure with at least one step: an order without IPC still wants one examination."""
    if details.steps:
        return details
    return replace(details, steps=(StepDetails(),))
