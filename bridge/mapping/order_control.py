"""The table of order control × status (STANDARDS 3.2) from `mappings/order-control.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TypeVar

from bridge.domain.order_control import (
    ANY,
    Action,
    OrderControlRule,
    OrderControlTable,
    Unknown,
)
from bridge.domain.step_status import StepEvent
from bridge.mapping.documents import Node, read_document
from bridge.mapping.errors import ProfileError, instead
from bridge.mapping.shelf import default_directory

Rules = Mapping[tuple[str, str], OrderControlRule]
Word = TypeVar("Word", bound=StrEnum)

FILE = "order-control.yaml"
_KEYS = ("control", "status", "action", "event", "unknown", "reason", "code", "at")


def load_order_control(path: Path | None = None) -> OrderControlTable:
    """Read the table.

    Raises:
        ProfileError: naming file, line, row and the fix.
    """
    document = read_document(path or default_directory() / FILE)
    return OrderControlTable(_compile_rows(document.entries(("rows",))["rows"]))


def overlay_order_control(nodes: Iterable[Node]) -> OrderControlTable:
    """The table with the rows of a profile and all it extends, the most general first.

    Raises:
        ProfileError: naming file, line, row and the fix.
    """
    table = _shipped()
    for node in nodes:
        table = table.overlaid(_compile_rows(node))
    return table


@cache
def _shipped() -> OrderControlTable:
    return load_order_control()


def _compile_rows(node: Node) -> Rules:
    rules: dict[tuple[str, str], OrderControlRule] = {}
    for number, item in enumerate(node.items, start=1):
        try:
            _add_row(rules, item)
        except ProfileError as error:
            problem = f"row {number}: {error.problem}"
            raise ProfileError(error.file, error.line, problem, error.fix) from None
    return rules


def _add_row(rules: dict[tuple[str, str], OrderControlRule], node: Node) -> None:
    entries = node.entries(_KEYS)
    for key in ("control", "action"):
        if key not in entries:
            raise node.error(f"a row without `{key}`", f"add `{key}:`")
    rule = _parse_rule(node, entries)
    statuses = entries["status"].texts if "status" in entries else (ANY,)
    for control in entries["control"].texts:
        for status in statuses:
            if (control, status) in rules:
                raise node.error(f"{control} with {status or 'no status'} stands twice", "keep one")
            rules[control, status] = rule


def _parse_rule(node: Node, entries: Mapping[str, Node]) -> OrderControlRule:
    action = _parse_word(Action, "action", entries["action"])
    waits = Unknown.PARK if action is Action.STATUS else Unknown.CREATE
    return OrderControlRule(
        action,
        _parse_event(entries.get("event"), node, action),
        entries["reason"].text if "reason" in entries else "",
        _parse_word(Unknown, "unknown", entries["unknown"]) if "unknown" in entries else waits,
        entries["code"].text if "code" in entries else "103",
        _parse_field(entries["at"]) if "at" in entries else 1,
    )


def _parse_event(node: Node | None, row: Node, action: Action) -> StepEvent:
    if node is None:
        if action not in (Action.NOTE, Action.REFUSE):
            raise row.error("a row without `event`", "say what happens to the steps")
        return StepEvent.SCHEDULE
    return _parse_word(StepEvent, "event", node)


def _parse_word(kind: type[Word], name: str, node: Node) -> Word:
    if node.text not in set(kind):
        raise node.error(f"unknown {name} {node.text!r}", instead(node.text, tuple(kind)))
    return kind(node.text)


def _parse_field(node: Node) -> int:
    if not node.text.isdecimal():
        raise node.error(f"{node.text!r} is not the number of a field", "write digits")
    return int(node.text)
