"""`bridge user`: who signs in to the console. Passwords are asked for, never given as arguments."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bridge.cli.opening import opened, print_row
from bridge.domain.access import Account, Role
from bridge.domain.errors import BridgeError
from bridge.services.access import check_name, check_password
from bridge.services.manage_accounts import ManageAccounts
from bridge.settings import Settings, load
from bridge.store.repositories import SqlStore
from bridge.wiring.console import build_accounts, link

_ROLES = [role.value for role in Role]


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this group."""
    user = commands.add_parser("user", help="accounts of the console").add_subparsers(required=True)

    def command(name: str, text: str, run: object) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = user.add_parser(name, parents=[common], help=text)
        parser.set_defaults(run=run)
        if name != "list":
            parser.add_argument("name")
        return parser

    command("list", "accounts, with their roles", _list)
    add = command("add", "add an account; its password is asked for, or read from stdin", _add)
    add.add_argument("--role", choices=_ROLES, default=Role.VIEWER.value)
    add.add_argument("--display-name", default="", metavar="TEXT", help="name for people to read")
    add.add_argument("--link", action="store_true", help="no password: print a one-time link")
    command("password", "give a new password, and end the account's sessions", _password)
    role = command("role", "give another role, and end the account's sessions", _role)
    role.add_argument("role", choices=_ROLES)
    command("disable", "close an account, and end its sessions", _disable)
    command("enable", "open a closed account again", _enable)
    command("link", "print a link that signs the account in, once, within a day", _link)


@contextmanager
def _accounts(options: argparse.Namespace) -> Iterator[tuple[Settings, ManageAccounts]]:
    settings = load(options.config, os.environ)
    with opened(options) as database:
        yield settings, build_accounts(settings, SqlStore(database))


def _list(options: argparse.Namespace) -> int:
    with _accounts(options) as (_, accounts):
        for each in accounts.every():
            state = "disabled" if each.disabled else "enabled"
            signs_in = "password" if each.password_hash else "link"
            print_row(each.name, each.role.value, state, signs_in, each.display_name)
    return 0


def _add(options: argparse.Namespace) -> int:
    check_name(options.name)
    account = Account(name=options.name, role=Role(options.role), display_name=options.display_name)
    with _accounts(options) as (settings, accounts):
        password = "" if options.link else _asked_password()
        accounts.add(account, password, _who())
        if options.link:
            print(link(settings, accounts.add_link(options.name, _who())))
    return 0


def _password(options: argparse.Namespace) -> int:
    with _accounts(options) as (_, accounts):
        accounts.set_password(options.name, _asked_password(), _who())
    return 0


def _role(options: argparse.Namespace) -> int:
    with _accounts(options) as (_, accounts):
        accounts.set_role(options.name, Role(options.role), _who())
    return 0


def _disable(options: argparse.Namespace) -> int:
    with _accounts(options) as (_, accounts):
        accounts.set_disabled(options.name, True, _who())
    return 0


def _enable(options: argparse.Namespace) -> int:
    with _accounts(options) as (_, accounts):
        accounts.set_disabled(options.name, False, _who())
    return 0


def _link(options: argparse.Namespace) -> int:
    with _accounts(options) as (settings, accounts):
        print(link(settings, accounts.add_link(options.name, _who())))
    return 0


def _asked_password() -> str:
    """A password from the terminal, twice the same, or else the first line of standard input."""
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
        check_password(password)
        return password
    password = getpass.getpass("Password: ")
    check_password(password)
    if getpass.getpass("Again: ") != password:
        raise BridgeError("the two passwords differ")
    return password


def _who() -> str:
    """Who runs the command, for the audit trail."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):  # a user without a name, as containers have
        return f"user {os.getuid()} (command line)"
