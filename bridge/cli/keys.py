"""`bridge key`: keys for programs that use the JSON API."""

from __future__ import annotations

import argparse
import getpass
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from bridge.cli.opening import opened, print_row
from bridge.domain.api_key import Scope
from bridge.services.manage_keys import ManageKeys
from bridge.store.repositories import SqlStore
from bridge.wiring.console import new_secret

_DAY = 86_400.0


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this group."""
    key = commands.add_parser("key", help="keys of the JSON API").add_subparsers(required=True)
    listed = key.add_parser("list", parents=[common], help="keys, and what each is good for")
    listed.set_defaults(run=_list)
    add = key.add_parser("add", parents=[common], help="make a key; it is printed this once")
    add.add_argument("name")
    add.add_argument(
        "--scope",
        action="append",
        required=True,
        choices=[each.value for each in Scope],
        help="what it is good for; may be given more than once",
    )
    add.add_argument("--days", type=float, help="days until it ends; without: never")
    add.set_defaults(run=_add)
    revoke = key.add_parser("revoke", parents=[common], help="end a key at once")
    revoke.add_argument("name")
    revoke.set_defaults(run=_revoke)


@contextmanager
def _keys(options: argparse.Namespace) -> Iterator[ManageKeys]:
    with opened(options) as database:
        yield ManageKeys(store=SqlStore(database), clock=time.time, secret=new_secret)


def _list(options: argparse.Namespace) -> int:
    with _keys(options) as keys:
        for each in keys.every():
            ends = f"until {_time(each.expires_at)}" if each.expires_at else "for ever"
            used = f"used {_time(each.last_used_at)}" if each.last_used_at else "never used"
            print_row(each.name, ",".join(sorted(each.scopes)), ends, used)
    return 0


def _add(options: argparse.Namespace) -> int:
    seconds = None if options.days is None else options.days * _DAY
    with _keys(options) as keys:
        scopes = frozenset(map(Scope, options.scope))
        print(keys.add(options.name, scopes, getpass.getuser(), seconds))
    return 0


def _revoke(options: argparse.Namespace) -> int:
    with _keys(options) as keys:
        keys.revoke(options.name, getpass.getuser())
    return 0


def _time(at: float | None) -> str:
    return datetime.fromtimestamp(at or 0.0, UTC).strftime("%Y-%m-%d %H:%M UTC")
