"""`bridge patient`: who is who, what was merged, and how a merge is taken back."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator
from typing import Any

from bridge.cli.opening import opened, print_row, utc_time
from bridge.cli.options import add_decider, add_limit, decider
from bridge.domain.errors import UnknownKey
from bridge.domain.identifiers import Identifier
from bridge.domain.order import Order
from bridge.domain.patient_merge import PatientMerge
from bridge.domain.visit import Visit
from bridge.settings import load
from bridge.store.repositories import SqlStore, SqlTransaction

_SHOWN = ("PatientName", "PatientBirthDate", "PatientSex")


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this group."""
    patient = commands.add_parser("patient", help="patients and their merges").add_subparsers(
        required=True
    )
    show = patient.add_parser(
        "show", parents=[common], help="who is called by an identifier, and what hangs on it"
    )
    show.add_argument("identifier")
    show.set_defaults(run=_show)
    merges = patient.add_parser("merges", parents=[common], help="merges, the newest first")
    merges.add_argument("identifier", nargs="?", help="only those that concern this patient")
    add_limit(merges)
    merges.set_defaults(run=_list_merges)
    unmerge = patient.add_parser("unmerge", parents=[common], help="take a merge back")
    unmerge.add_argument("number", type=int, help="as `bridge patient merges` lists it")
    add_decider(unmerge, "who asks for it")
    unmerge.set_defaults(run=_unmerge)


def _show(options: argparse.Namespace) -> int:
    with opened(options) as database:
        lines = SqlStore(database).read(lambda tx: list(_described(tx, options.identifier)))
    if not lines:
        raise UnknownKey(f"there is no patient {options.identifier}")
    for line in lines:
        print_row(*line)
    return 0


def _described(tx: SqlTransaction, value: str) -> Iterator[tuple[object, ...]]:
    for patient in tx.patients.called(value):
        yield ("patient", patient.pk, *(patient.attributes.get(key, "") for key in _SHOWN))
        if patient.removed:
            yield ("removed", "its senders dropped the record")
        for identifier in patient.identifiers:
            yield ("identifier", _text(identifier), identifier.type_code)
        for alias in patient.aliases:
            yield ("alias", _text(alias), alias.type_code)
        for pk in tx.merges.linked_to(patient.pk):
            yield ("linked to", *map(_text, tx.patients.get(pk).identifiers))
        yield from (_visit_line(visit) for visit in tx.visits.of_patient(patient.pk))
        yield from (_order_line(order) for order in tx.orders.of_patient(patient.pk))
        yield from (("merge", *_merge_line(tx, m)) for m in tx.merges.of_patient(patient.pk))


def _visit_line(visit: Visit) -> tuple[object, ...]:
    place = visit.attributes.get("CurrentPatientLocation", "")
    return ("visit", *_numbers(visit), visit.patient_class, visit.status.value, place)


def _numbers(visit: Visit) -> Iterable[str]:
    return (_text(each) for each in (visit.numbers.number, visit.numbers.account))


def _order_line(order: Order) -> tuple[object, ...]:
    numbers = (order.numbers.accession, order.numbers.placer, order.numbers.filler)
    shown = next((_text(each) for each in numbers if each), "")
    statuses = {step.status.value for each in order.procedures for step in each.steps}
    return ("order", shown, order.visit.admission_id, ",".join(sorted(statuses)), order.flag)


def _list_merges(options: argparse.Namespace) -> int:
    limit = max(options.limit, 1)

    def work(tx: SqlTransaction) -> list[tuple[object, ...]]:
        if options.identifier is None:
            merges = tx.merges.newest(limit)
        else:
            patients = tx.patients.called(options.identifier)
            found = {m.pk: m for p in patients for m in tx.merges.of_patient(p.pk)}
            merges = tuple(found[pk] for pk in sorted(found, reverse=True)[:limit])
        return [_merge_line(tx, merge) for merge in merges]

    with opened(options) as database:
        for line in SqlStore(database).read(work):
            print_row(*line)
    return 0


def _merge_line(tx: SqlTransaction, merge: PatientMerge) -> tuple[object, ...]:
    holder = tx.patients.get(tx.merges.holder_of(merge.survivor_pk))
    undone = ""
    if merge.undone_at is not None:
        undone = f"taken back {utc_time(merge.undone_at)} by {merge.undone_by}"
    return (
        merge.pk,
        utc_time(merge.merged_at),
        " ".join(map(_text, merge.identifiers)),
        "into",
        _text(holder.patient_id) if holder.identifiers else f"patient {holder.pk}",
        merge.source,
        undone,
    )


def _unmerge(options: argparse.Namespace) -> int:
    # What follows a merge takes long to load, and no other command of this group needs it.
    from bridge.wiring.merges import undoing_merges  # noqa: PLC0415

    settings = load(options.config, os.environ)
    with opened(options) as database, undoing_merges(settings, database) as undo:
        merge = undo.undo(options.number, decider(options))
    print_row("taken back", merge.pk, *map(_text, merge.identifiers))
    return 0


def _text(identifier: Identifier | None) -> str:
    """`value^authority`, as HL7 writes it; `-` for none."""
    if identifier is None:
        return "-"
    return f"{identifier.value}^^^{identifier.authority.key}".rstrip("^")
