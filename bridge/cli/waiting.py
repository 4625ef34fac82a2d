"""`bridge study list` and `bridge order list`: what is there, what waits, and why."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from bridge.cli.opening import opened, print_row, utc_time
from bridge.store.listings import Listings

T = TypeVar("T")


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this group."""
    for name, text, flag, narrowed, run in (
        ("study", "studies", "waiting", "only those that belong to no order", _list_studies),
        ("order", "orders", "held", "only those that are kept off the worklist", _list_orders),
    ):
        group = commands.add_parser(name, help=text).add_subparsers(required=True)
        listing = group.add_parser("list", parents=[common], help=f"{text}, the newest first")
        listing.add_argument(f"--{flag}", action="store_true", help=narrowed)
        listing.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many")
        listing.set_defaults(run=run)


def _list_studies(options: argparse.Namespace) -> int:
    for row in _listed(options, lambda found, n: found.studies(waiting=options.waiting, limit=n)):
        print_row(
            utc_time(row.updated_at),
            row.study_instance_uid,
            row.accession_number or "-",
            row.state,
            row.outcome or "undecided",
            row.reason,
        )
    return 0


def _list_orders(options: argparse.Namespace) -> int:
    for row in _listed(options, lambda found, n: found.orders(held=options.held, limit=n)):
        print_row(
            utc_time(row.updated_at),
            f"accession={row.accession}",
            f"placer={row.placer}",
            f"filler={row.filler}",
            f"held: {row.held_reason}" if row.held_reason else "",
            f"flag: {row.flag}" if row.flag else "",
        )
    return 0


def _listed(
    options: argparse.Namespace, ask: Callable[[Listings, int], Sequence[T]]
) -> Sequence[T]:
    """The rows to show; says so when there are more."""
    limit: int = max(options.limit, 1)
    with opened(options) as database, database.read() as connection:
        rows = ask(Listings(connection), limit + 1)
    if len(rows) > limit:
        print(f"the newest {limit} are listed, there are more: see --limit", file=sys.stderr)
    return rows[:limit]
