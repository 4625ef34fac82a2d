"""`bridge step`: what modalities say they did, with series and dose, and ending what they left."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from bridge.cli.opening import opened, print_row, utc_time
from bridge.cli.options import add_decider, add_limit, add_reason, decider
from bridge.domain.errors import UnknownKey
from bridge.domain.performed_step import PerformedStep, PerformedStepStatus
from bridge.settings import load
from bridge.store.repositories import SqlStore, SqlTransaction


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this group."""
    group = commands.add_parser("step", help="performed steps (MPPS)")
    actions = group.add_subparsers(required=True)
    listing = actions.add_parser("list", parents=[common], help="performed steps, the newest first")
    listing.add_argument(
        "--overdue", action="store_true", help="only those in progress for too long"
    )
    add_limit(listing)
    listing.set_defaults(run=_list)
    show = actions.add_parser(
        "show", parents=[common], help="one performed step: orders, series, radiation dose"
    )
    show.add_argument("uid", metavar="SOP-INSTANCE-UID")
    show.set_defaults(run=_show)
    end = actions.add_parser(
        "end", parents=[common], help="end a step whose modality will not: whoever is told hears so"
    )
    end.add_argument("uid", metavar="SOP-INSTANCE-UID")
    end.add_argument(
        "--status", choices=["completed", "discontinued"], required=True, help="how it ended"
    )
    add_reason(end)
    add_decider(end)
    end.set_defaults(run=_end)


def _list(options: argparse.Namespace) -> int:
    # What is overdue is a matter of the settings and of what they are wired to.
    from bridge.wiring.ending_steps import overdue_steps  # noqa: PLC0415

    settings = load(options.config, os.environ)
    with opened(options) as database:
        if options.overdue:
            found = overdue_steps(settings, database, options.limit)
        else:
            found = SqlStore(database).read(lambda tx: tx.performed_steps.newest(options.limit))
    for each in found:
        print_row(*_summary(each))
    return 0


def _show(options: argparse.Namespace) -> int:
    with opened(options) as database:
        lines = SqlStore(database).read(lambda tx: list(_described(tx, options.uid)))
    for line in lines:
        print_row(*line)
    return 0


def _end(options: argparse.Namespace) -> int:
    from bridge.wiring.ending_steps import ending_steps  # noqa: PLC0415

    settings = load(options.config, os.environ)
    with opened(options) as database, ending_steps(settings, database) as overdue:
        who = decider(options)
        status = PerformedStepStatus(options.status.upper())
        overdue.end(options.uid, status, who, options.reason)
    return 0


def _summary(step: PerformedStep) -> tuple[object, ...]:
    numbers = dict.fromkeys(ref.accession.value for ref in step.scheduled if ref.accession)
    return (
        utc_time(step.created_at),
        step.sop_instance_uid,
        step.status.value,
        step.modality or "-",
        step.station_ae_title or "-",
        ", ".join(numbers) or "-",
        "for an order" if step.step_pks else "for no order that is known",
    )


def _described(tx: SqlTransaction, uid: str) -> Iterator[tuple[object, ...]]:
    found = tx.performed_steps.with_uids([uid])
    if not found:
        raise UnknownKey(f"there is no performed step {uid}")
    (step,) = found
    yield ("step", *_summary(step))
    if step.discontinuation_reason:
        yield ("reason", step.discontinuation_reason)
    for message in tx.performed_step_messages.of(uid):
        yield ("message", message.number, message.operation.value, message.peer)
    for ref in step.scheduled:
        accession = ref.accession.value if ref.accession else "-"
        yield ("scheduled", ref.study_instance_uid, accession, ref.rp_id, ref.sps_id)
    for each in tx.performed_results.series(uid):
        yield (
            "series",
            each.series_instance_uid,
            each.protocol_name or "-",
            each.description or "-",
            ", ".join(each.performing_physicians) or "-",
            ", ".join(each.operators) or "-",
            f"{len(each.images)} images, {len(each.others)} others",
        )
    dose = tx.performed_results.dose(uid)
    if dose is not None:
        told = {name: value for name, value in asdict(dose).items() if value not in (None, "", ())}
        for exposure in told.pop("exposures", ()):
            yield ("exposure", *_named(exposure))
        yield ("dose", *_named(told))


def _named(values: dict[str, Any]) -> list[str]:
    return [f"{name}={value}" for name, value in values.items() if value not in (None, "")]
