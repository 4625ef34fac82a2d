"""Performed steps as configured: how they are taken, what follows, and who is told of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from bridge.dicom.performed_step_report import write_end
from bridge.domain.discontinuation import DCM, DEFAULTS, Consequence, Discontinuations
from bridge.domain.performed_step import PerformedStepReport, PerformedStepStatus
from bridge.domain.performed_step_policy import PerformedStepPolicy, Strictness
from bridge.services.forward_performed_steps import TellOfPerformedSteps
from bridge.services.overdue_performed_steps import OpenTooLong, OverduePerformedSteps
from bridge.services.record_performed_step import RecordPerformedStep
from bridge.services.transaction import Store
from bridge.settings import MppsDestination, Settings
from bridge.settings.performed_steps import PerformedStepQuirks, PerformedStepSettings

_ENDS: Mapping[str, PerformedStepStatus | None] = {
    "warn": None,
    "discontinue": PerformedStepStatus.DISCONTINUED,
    "complete": PerformedStepStatus.COMPLETED,
}


def performed_step_policy(settings: PerformedStepSettings) -> PerformedStepPolicy:
    """How performed steps are taken from devices that nothing else is said of."""
    return PerformedStepPolicy(Strictness(settings.strictness), settings.create_from_set)


def policy_of_peer(quirks: PerformedStepQuirks, usual: PerformedStepPolicy) -> PerformedStepPolicy:
    """How they are taken from one device."""
    policy = usual
    if quirks.strictness is not None:
        policy = replace(policy, strictness=Strictness(quirks.strictness))
    if quirks.create_from_set is not None:
        policy = replace(policy, creates_from_set=quirks.create_from_set)
    return policy


def discontinuations(settings: PerformedStepSettings) -> Discontinuations:
    """What follows from each reason: the usual, where the site says nothing else."""
    rows = dict(DEFAULTS)
    for each in settings.discontinued:
        scheme, _, code = each.reason.rpartition(":")
        rows[scheme or DCM, code] = Consequence(
            reschedules=each.step == "schedule", quarantines=each.images == "quarantine"
        )
    return Discontinuations(rows)


def tell_of_performed_steps(settings: Settings) -> TellOfPerformedSteps:
    """Queues what is taken for every destination of this kind."""
    return TellOfPerformedSteps(each.name for each in performed_step_destinations(settings))


def performed_step_destinations(settings: Settings) -> list[MppsDestination]:
    """Every destination of this kind."""
    return [each for each in settings.destinations if isinstance(each, MppsDestination)]


def open_too_long(settings: PerformedStepSettings) -> OpenTooLong:
    """When a step is in progress for too long, and what is done then."""
    return OpenTooLong(settings.open_hours * 3600, _ENDS[settings.when_open_too_long])


def build_overdue(
    settings: Settings, store: Store, recorder: RecordPerformedStep
) -> OverduePerformedSteps:
    """What finds and ends the steps that nobody ends."""
    zone = settings.site.timezone

    def write(
        uid: str, status: PerformedStepStatus, now: float, comment: str
    ) -> PerformedStepReport:
        return write_end(uid, status, datetime.fromtimestamp(now, zone), comment)

    return OverduePerformedSteps(
        store=store,
        clock=time.time,
        rule=open_too_long(settings.dicom.mpps),
        recorder=recorder,
        write=write,
    )
