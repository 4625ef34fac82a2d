"""The table of order control × status (STANDARDS 3.2) from `mappings/order-control.yaml`."""

from __future__ import annotations

from pathlib import Path

from bridge.domain.order_control import ANY, Action, OrderControlRule, OrderControlTable
from bridge.domain.step_status import StepEvent
from bridge.mapping.documents import Node, read_document
from bridge.mapping.errors import ProfileError, instead
from bridge.mapping.shelf import default_directory

FILE = "order-control.yaml"
_KEYS = ("control", "status", "action", "event", "reason")


def load_order_control(path: Path | None = None) -> OrderControlTable:
    """Read the table.

    Raises:
        ProfileError: naming file, line, row and the fix.
    """
    document = read_document(path or default_directory() / FILE)
    rules: dict[tuple[str, str], OrderControlRule] = {}
    for number, node in enumerate(document.entries(("rows",))["rows"].items, start=1):
        try:
            _add_row(rules, node)
        except ProfileError as error:
            problem = f"row {number}: {error.problem}"
            raise ProfileError(error.file, error.line, problem, error.fix) from None
    return OrderControlTable(rules)


def _add_row(rules: dict[tuple[str, str], OrderControlRule], node: Node) -> None:
    entries = node.entries(_KEYS)
    for key in ("control", "action"):
        if key not in entries:
            raise node.error(f"a row without `{key}`", f"add `{key}:`")
    action = _parse_action(entries["action"])
    rule = OrderControlRule(
        action,
        _parse_event(entries.get("event"), node, action),
        entries["reason"].text if "reason" in entries else "",
    )
    statuses = entries["status"].texts if "status" in entries else (ANY,)
    for control in entries["control"].texts:
        for status in statuses:
            if (control, status) in rules:
                raise node.error(f"{control} with {status or 'no status'} stands twice", "keep one")
            rules[control, status] = rule


def _parse_action(node: Node) -> Action:
    if node.text not in set(Action):
        raise node.error(f"unknown action {node.text!r}", instead(node.text, tuple(Action)))
    return Action(node.text)


def _parse_event(node: Node | None, row: Node, action: Action) -> StepEvent:
    if node is None:
        if action not in (Action.NOTE, Action.REFUSE):
            raise row.error("a row without `event`", "say what happens to the steps")
        return StepEvent.SCHEDULE
    if node.text not in set(StepEvent):
        raise node.error(f"unknown event {node.text!r}", instead(node.text, tuple(StepEvent)))
    return StepEvent(node.text)
