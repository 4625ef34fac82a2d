"""`bridge retention`: what is let go of, what is held whatever its age, and room given back."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bridge.cli.opening import opened, print_row, utc_time
from bridge.cli.options import add_decider, add_reason, decider
from bridge.domain.errors import UnknownKey
from bridge.services.retain import Retain, RetentionStatus
from bridge.services.steer_deliveries import Act
from bridge.settings import load
from bridge.store.repositories import SqlStore
from bridge.store.space import DatabaseSpace
from bridge.wiring.retention import build_retain


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this group."""
    group = commands.add_parser("retention", help="what is kept how long")
    group = group.add_subparsers(required=True)
    for name, run, text in (
        ("status", _status, "each kind: how long it is kept, what the last pass did; legal holds"),
        ("run", _run, "let go of what is old now; the bridge may run meanwhile"),
        ("compact", _compact, "give all free room of the database back; nobody writes meanwhile"),
    ):
        parser = group.add_parser(name, parents=[common], help=text)
        parser.set_defaults(run=run)
    for name, run, text in (
        ("hold", _hold, "keep all that mentions an identifier, whatever its age"),
        ("release", _release, "take a legal hold away"),
    ):
        holding = group.add_parser(name, parents=[common], help=text)
        holding.add_argument("identifier", help="accession or order number, patient ID, Study UID")
        add_reason(holding, required=False)
        add_decider(holding)
        holding.set_defaults(run=run)


@contextmanager
def _retaining(options: argparse.Namespace) -> Iterator[Retain]:
    settings = load(options.config, os.environ)
    with opened(options) as database:
        yield build_retain(settings, database, SqlStore(database))


def _status(options: argparse.Namespace) -> int:
    with _retaining(options) as retain:
        states, holds = retain.status(), retain.holds()
    for state in states:
        print_row(*_described(state))
    for hold in holds:
        print_row("hold", hold.value, utc_time(hold.since), hold.who, hold.reason)
    with opened(options) as database:
        size, free = DatabaseSpace(database).size()
    print_row("database", f"{size} bytes", f"{free} of them free")
    return 0


def _described(state: RetentionStatus) -> tuple[object, ...]:
    kept = "for good" if state.days is None else f"{state.days:g} days"
    last = state.last
    if not last.started_at:
        return (last.kind.value, kept, "no pass yet")
    ended = "under way" if last.ended_at is None else f"ended {utc_time(last.ended_at)}"
    told = f"{last.removed} removed, {last.kept} old and still needed"
    return (last.kind.value, kept, ended, told, f"{last.removed_ever} ever")


def _run(options: argparse.Namespace) -> int:
    with _retaining(options) as retain:
        for done in retain.run():
            print_row(done.kind.value, f"{done.removed} removed", f"{done.kept} still needed")
    return 0


def _compact(options: argparse.Namespace) -> int:
    with opened(options) as database:
        space = DatabaseSpace(database)
        before, _ = space.size()
        space.compact()
        after, _ = space.size()
    print_row("database", f"{before} bytes before", f"{after} bytes now")
    return 0


def _hold(options: argparse.Namespace) -> int:
    with _retaining(options) as retain:
        retain.hold(options.identifier, _act(options))
    return 0


def _release(options: argparse.Namespace) -> int:
    with _retaining(options) as retain:
        if not retain.release(options.identifier, _act(options)):
            raise UnknownKey(f"{options.identifier} is not held")
    return 0


def _act(options: argparse.Namespace) -> Act:
    return Act(by=decider(options), reason=options.reason)
