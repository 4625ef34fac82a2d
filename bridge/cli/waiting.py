"""`bridge order list`: what is there, what is kept off the worklist, and why."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from bridge.cli.opening import opened, print_row, utc_time
from bridge.cli.options import add_limit
from bridge.store.listings import Listings

T = TypeVar("T")


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this group."""
    group = commands.add_parser("order", help="orders").add_subparsers(required=True)
    listing = group.add_parser("list", parents=[common], help="orders, the newest first")
    listing.add_argument(
        "--held", action="store_true", help="only those that are kept off the worklist"
    )
    add_limit(listing)
    listing.set_defaults(run=_list_orders)


def _list_orders(options: argparse.Namespace) -> int:
    for row in listed(options, lambda found, n: found.orders(held=options.held, limit=n)):
        print_row(
            utc_time(row.updated_at),
            f"accession={row.accession}",
            f"placer={row.placer}",
            f"filler={row.filler}",
            f"held: {row.held_reason}" if row.held_reason else "",
            f"flag: {row.flag}" if row.flag else "",
        )
    return 0


def listed(options: argparse.Namespace, ask: Callable[[Listings, int], Sequence[T]]) -> Sequence[T]:
    """The rows to show; says so when there are more."""
    limit: int = max(options.limit, 1)
    with opened(options) as database, database.read() as connection:
        rows = ask(Listings(connection), limit + 1)
    if len(rows) > limit:
        print(f"the newest {limit} are listed, there are more: see --limit", file=sys.stderr)
    return rows[:limit]
