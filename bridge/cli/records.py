"""`bridge message`: the journal, listed and searched."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from bridge.cli.opening import opened, print_row, utc_time
from bridge.cli.options import add_limit
from bridge.domain.errors import UnknownKey
from bridge.hl7.er7 import Er7Error, read
from bridge.hl7.field_names import named_fields
from bridge.store.journal import JournalRow
from bridge.store.repositories import SqlStore, SqlTransaction

T = TypeVar("T")


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this group."""
    message = commands.add_parser("message", help="the journal").add_subparsers(required=True)
    show = message.add_parser("show", parents=[common], help="one message, raw, and its answer")
    show.add_argument("number", type=int)
    show.add_argument(
        "--fields", action="store_true", help="field by field, with the standard's names"
    )
    show.set_defaults(run=_show_message)
    find = message.add_parser(
        "find", parents=[common], help="messages that mention an identifier of any kind"
    )
    find.add_argument("identifier")
    find.set_defaults(run=_find_messages)
    messages = message.add_parser("list", parents=[common], help="messages, the newest first")
    messages.add_argument(
        "--parked",
        action="store_true",
        help="only what waits for its order, waited in vain, or was refused when it came",
    )
    add_limit(messages)
    messages.set_defaults(run=_list_messages)


def _show_message(options: argparse.Namespace) -> int:
    row = _read(options, lambda tx: tx.journal.get(options.number))
    if row is None:
        raise UnknownKey(f"there is no message {options.number}")
    print(f"{utc_time(row.received_at)} {row.direction} {row.protocol} {row.peer} {row.type}")
    print(f"{row.disposition} {row.error}".rstrip())
    for warning in row.warnings:
        print(f"warning: {warning}")
    for title, content in (("message", row.raw), ("answer", row.reply)):
        by_field = options.fields and row.protocol == "hl7" and content
        print(f"--- {title}\n{_by_field(content) if by_field else _printable(content)}")
    return 0


def _by_field(content: bytes) -> str:
    """An HL7 message field by field; as it stands when it cannot be read."""
    try:
        rows = list(named_fields(read(content.strip(b"\x0b\x1c\r\n"))))
    except Er7Error:
        return _printable(content)
    return "\n".join(f"{place:10} {name:45} {value}" for place, name, value in rows)


def _find_messages(options: argparse.Namespace) -> int:
    return _print_messages(_read(options, lambda tx: tx.journal.mentioning(options.identifier)))


def _list_messages(options: argparse.Namespace) -> int:
    if options.parked:
        return _list_parked(options)
    return _print_messages(_read(options, lambda tx: tx.journal.newest(options.limit)))


def _print_messages(rows: Iterable[JournalRow]) -> int:
    for row in rows:
        said = row.error or "; ".join(row.warnings)
        print_row(row.pk, utc_time(row.received_at), row.direction, row.type, row.disposition, said)
    return 0


def _list_parked(options: argparse.Namespace) -> int:
    """The message, when it came, what it tells of, until when it waits, and how it stands."""
    now = time.time()
    for row in _read(options, lambda tx: tx.parked.listed(now=now, limit=options.limit)):
        print_row(
            row.message_pk or "-",
            utc_time(row.parked_at),
            row.kind,
            ", ".join(row.keys),
            f"until {utc_time(row.expires_at)}",
            row.state,
            row.reason,
        )
    return 0


def _read(options: argparse.Namespace, work: Callable[[SqlTransaction], T]) -> T:
    with opened(options) as database:
        return SqlStore(database).read(work)


def _printable(content: bytes) -> str:
    return content.decode("utf-8", "backslashreplace").replace("\r", "\n")
