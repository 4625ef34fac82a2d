"""The decision table of reconciliation (STANDARDS 6.2), from `mappings/reconciliation.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from bridge.domain.matching import Outcome, PatientAgreement
from bridge.domain.matching_rules import (
    Field,
    Finding,
    MatchingRules,
    NameStrictness,
    Rule,
    Situation,
    Suggesting,
)
from bridge.mapping.documents import Node, read_document
from bridge.mapping.errors import ProfileError, instead
from bridge.mapping.shelf import Shelf, default_directory

Word = TypeVar("Word", bound=StrEnum)
Cells = dict[tuple[Finding, PatientAgreement], Rule]

NAME = "reconciliation"
"""The table that comes with the bridge; a site's file of this name hides it."""

_KEYS = ("extends", "decisions", "situations", "patient", "weights", "suggestions")
_CELL = ("found", "patient", "outcome", "reason", "why")
_SUGGESTIONS = ("hours", "least_score", "most")
_MOST = 10_000
_DECIDABLE = frozenset(Outcome) - {Outcome.REJECTED}
_MATCHABLE = frozenset({PatientAgreement.SAME, PatientAgreement.ALIKE})


def load_matching_rules(name: str = NAME, directory: Path | None = None) -> MatchingRules:
    """Read a table and what it extends; the site's own files are in `directory`.

    Raises:
        ProfileError: naming file, line and the fix; a table with a cell too few is refused too.
    """
    documents = _documents(name, directory)
    last = documents[-1]
    cells: Cells = {}
    situations: dict[Situation, Rule] = {}
    values: dict[str, Node] = {}
    for each in documents:
        said = each.entries(_KEYS)
        if "decisions" in said:
            cells |= _cells(said["decisions"])
        if "situations" in said:
            situations |= _situations(said["situations"])
        values |= _values(said)
    _check_total(last, cells, situations)
    return MatchingRules(
        cells=cells,
        situations=situations,
        differences=_number(last, values, "differences", 1, 4),
        names=_names(last, values),
        weights={field: _number(last, values, field.value, 0, _MOST) for field in Field},
        suggesting=Suggesting(
            hours=_number(last, values, "hours", 0, 24 * 31),
            least_score=_number(last, values, "least_score", 0, _MOST),
            most=_number(last, values, "most", 0, 100),
        ),
    )


def _documents(name: str, directory: Path | None) -> list[Node]:
    """The file of that name and all it extends, the most general first."""
    found, shelf, wanted = list[Node](), Shelf.of(directory), name
    seen: set[Path] = set()
    asking: Node | None = None
    while wanted:
        path = shelf.find(f"{wanted}.yaml")
        if path in seen:  # a file that extends its namesake extends the one that is shipped
            path = default_directory() / f"{wanted}.yaml"
        if path is None or path in seen or not path.is_file():
            file, line = (asking.file, asking.line) if asking else (f"{wanted}.yaml", 1)
            raise ProfileError(file, line, f"no profile {wanted!r}", f"create {wanted}.yaml")
        seen.add(path)
        found.append(read_document(path))
        asking = found[-1].entries(_KEYS).get("extends")
        wanted = asking.text if asking else ""
    return found[::-1]


def _cells(node: Node) -> Cells:
    cells: Cells = {}
    for item in node.items:
        said = _said(item, _CELL, needed=_CELL[:-1])
        agreement = _word(PatientAgreement, "patient", said["patient"])
        key = (_word(Finding, "found", said["found"]), agreement)
        if key in cells:
            raise item.error(f"{key[0]} × {key[1]} stands twice", "keep one of them")
        cells[key] = rule = _rule(said)
        if agreement is PatientAgreement.OTHER and rule.outcome is not Outcome.CONFLICT:
            raise item.error("another patient is always a conflict", "write `outcome: conflict`")
        if rule.outcome is Outcome.MATCHED and agreement not in _MATCHABLE:
            raise item.error(
                f"nothing is matched while the patient is {agreement}", "write `candidates`"
            )
    return cells


def _situations(node: Node) -> dict[Situation, Rule]:
    rules: dict[Situation, Rule] = {}
    for item in node.items:
        said = _said(item, ("found", "outcome", "reason", "why"), needed=("found", "outcome"))
        situation = _word(Situation, "found", said["found"])
        if situation in rules:
            raise item.error(f"{situation} stands twice", "keep one of them")
        rules[situation] = _rule(said)
        if rules[situation].outcome is Outcome.MATCHED:
            raise item.error("there is no order to match", "use another outcome")
    return rules


def _said(item: Node, keys: tuple[str, ...], needed: Iterable[str]) -> Mapping[str, Node]:
    said = item.entries(keys)
    for key in needed:
        if key not in said:
            raise item.error(f"a row without `{key}`", f"add `{key}:`")
    return said


def _rule(said: Mapping[str, Node]) -> Rule:
    outcome = _word(Outcome, "outcome", said["outcome"])
    if outcome not in _DECIDABLE:
        raise said["outcome"].error(f"only a person can say {outcome}", "use another outcome")
    reason, why = (said[key].text if key in said else "" for key in ("reason", "why"))
    if not reason:
        raise said["outcome"].error("a row without `reason`", "add `reason:`")
    return Rule(outcome, reason, why)


def _values(said: Mapping[str, Node]) -> dict[str, Node]:
    """The thresholds of one file, by their own names."""
    allowed = {
        "patient": ("differences", "names"),
        "weights": tuple(field.value for field in Field),
        "suggestions": _SUGGESTIONS,
    }
    sections = (said[key].entries(keys) for key, keys in allowed.items() if key in said)
    return {name: node for entries in sections for name, node in entries.items()}


def _check_total(node: Node, cells: Cells, situations: Mapping[Situation, Rule]) -> None:
    wanted = [(finding, agreement) for finding in Finding for agreement in PatientAgreement]
    missing = [f"{finding} × {agreement}" for finding, agreement in wanted]
    missing = [text for text, key in zip(missing, wanted, strict=True) if key not in cells] + [
        each.value for each in Situation if each not in situations
    ]
    if missing:
        raise node.error(
            f"there is no row for {', '.join(missing)}", "add it, or `extends: reconciliation`"
        )


def _number(node: Node, values: Mapping[str, Node], name: str, low: int, high: int) -> int:
    if name not in values:
        raise node.error(f"nothing says `{name}`", "add it, or `extends: reconciliation`")
    text = values[name].text
    if not text.isdecimal() or not low <= int(text) <= high:
        raise values[name].error(f"{text!r} is no number from {low} to {high}", "write one")
    return int(text)


def _names(node: Node, values: Mapping[str, Node]) -> NameStrictness:
    if "names" not in values:
        raise node.error("nothing says `names`", "add it, or `extends: reconciliation`")
    return _word(NameStrictness, "names", values["names"])


def _word(kind: type[Word], name: str, node: Node) -> Word:
    if node.text not in set(kind):
        raise node.error(f"unknown {name} {node.text!r}", instead(node.text, tuple(kind)))
    return kind(node.text)
