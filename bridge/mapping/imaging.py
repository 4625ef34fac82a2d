"""Which orders are imaging (DESIGN 5.6): rules in order, the first that fits decides.

An order that gives no sign of imaging never reaches a worklist; what only names an order by its
number (a cancel, a status) is for the order it names to decide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.order import Category
from bridge.mapping.conditions import parse_place, parse_presence, parse_where
from bridge.mapping.documents import Node
from bridge.mapping.errors import ProfileError, instead
from bridge.mapping.source import Scope
from bridge.mapping.tables import find_column
from bridge.mapping.transforms import Tables
from bridge.mapping.words import read_words


class Sign(StrEnum):
    """What a rule concludes. `DOUBTFUL` is imaging whose modality code may mean something else."""

    IMAGING = "imaging"
    OTHER = "other"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The category of an order, why, and whether its modality can be believed."""

    category: Category
    reason: str
    modality_believed: bool = True


_Rule = Callable[[Scope, str], "Verdict | None"]
RULE_KEYS = {
    "is": "`imaging`, `other`, or `doubtful`: imaging whose modality code may mean something else.",
    "because": "The reason, in words; `bridge mapping explain` and the journal show it.",
    "control": "Order controls (ORC-1) the rule is for; all when not said.",
    "present": "Segments or values, one of which must be there.",
    "path": "Fields whose values are held against `match`, `table` or `words`.",
    "match": "A regular expression to find in a value, in any case.",
    "table": "A code table that holds the value.",
    "column": "With `table` and without `is`: the column that says imaging, other or doubtful.",
    "words": "A table of words, such as `imaging-words`, one of which is in the value.",
    "where": "Which segments count, as for rows.",
}
"""The keys of a rule, and what each says."""


@dataclass(frozen=True, slots=True)
class ImagingRules:
    """Compiled rules. The last of them is for everything, so that every order has a verdict."""

    rules: tuple[_Rule, ...]

    def judge(self, scope: Scope, control: str) -> Verdict:
        """Decide one order from its segments and its ORC-1."""
        for rule in self.rules:
            verdict = rule(scope, control)
            if verdict is not None:
                return verdict
        return Verdict(Category.OTHER, "no rule fits")


def compile_imaging(nodes: Sequence[Node], tables: Tables) -> ImagingRules:
    """Compile the rules of a profile; those of the most special profile come first.

    Raises:
        ProfileError: naming file, line, rule and the fix.
    """
    rules: list[_Rule] = []
    for node in reversed(nodes):
        for number, item in enumerate(node.items, start=1):
            try:
                rules.append(_compile_rule(item, tables))
            except ProfileError as error:
                if error.file != item.file:  # a table's own fault is not of this rule
                    raise
                problem = f"imaging rule {number}: {error.problem}"
                raise ProfileError(error.file, error.line, problem, error.fix) from None
    return ImagingRules(tuple(rules))


def _compile_rule(node: Node, tables: Tables) -> _Rule:
    entries = node.entries(RULE_KEYS)
    if "because" not in entries:
        raise node.error("a rule without `because`", "say why in a few words")
    because = entries["because"].text
    sign = _parse_sign(entries["is"]) if "is" in entries else None
    controls = frozenset(entries["control"].texts) if "control" in entries else None
    find = _compile_finding(node, entries, tables, sign)

    def rule(scope: Scope, control: str) -> Verdict | None:
        if controls is not None and control not in controls:
            return None
        found = find(scope)
        return None if found is None else _verdict(found, because)

    return rule


def _verdict(sign: Sign, because: str) -> Verdict:
    category = Category.OTHER if sign is Sign.OTHER else Category.IMAGING
    return Verdict(category, because, sign is not Sign.DOUBTFUL)


def _parse_sign(node: Node) -> Sign:
    if node.text not in set(Sign):
        raise node.error(f"unknown {node.text!r}", instead(node.text, tuple(Sign)))
    return Sign(node.text)


def _compile_finding(
    node: Node, entries: dict[str, Node], tables: Tables, sign: Sign | None
) -> Callable[[Scope], Sign | None]:
    if "table" in entries and "column" in entries and sign is None:
        return _by_column(entries, tables)
    if sign is None:
        raise node.error("a rule without `is`", "write imaging, other or doubtful")
    if "present" in entries:
        present = parse_presence(entries["present"])
        return lambda scope: sign if present(scope) else None
    if "path" not in entries:
        return lambda _: sign
    test = compile_comparison(node, entries, tables)
    values = _compile_values(entries)
    return lambda scope: sign if any(test(*pair) for pair in values(scope)) else None


def _by_column(entries: dict[str, Node], tables: Tables) -> Callable[[Scope], Sign | None]:
    """A rule whose conclusion is a column of a table."""
    table = tables(entries["table"])
    node = entries["column"]
    column = find_column(table, node.text, node.file, node.line)
    for key, row in table.rows.items():
        if row[column]:
            _parse_sign(Node(row[column], table.name, table.lines[key][0]))
    values = _compile_values(entries)

    def find(scope: Scope) -> Sign | None:
        for value, scheme in values(scope):
            cell = table.get(value, column, scheme)
            if cell:
                return Sign(cell)
        return None

    return find


def compile_comparison(
    node: Node, entries: dict[str, Node], tables: Tables
) -> Callable[[str, str], bool]:
    """What a rule holds a value (and its coding scheme) against. Raises ProfileError."""
    if "match" in entries:
        try:
            pattern = re.compile(entries["match"].text, re.IGNORECASE)
        except re.error as error:
            raise entries["match"].error(f"not a regular expression: {error}", "mend it") from None
        return lambda value, _scheme: bool(pattern.search(value))
    if "table" in entries:
        table = tables(entries["table"])
        column = table.default_column()
        return lambda value, scheme: table.get(value, column, scheme) is not None
    if "words" in entries:
        words = read_words(tables(entries["words"]))
        return lambda value, _scheme: words.decide(value)
    raise node.error("a path and nothing to hold it against", "add match, table or words")


def _compile_values(entries: dict[str, Node]) -> Callable[[Scope], list[tuple[str, str]]]:
    """Every value at the paths, each with the coding system that stands two components later."""
    places = [parse_place(item) for item in entries["path"].items]
    where = entries.get("where")
    tests = {p.segment: parse_where(where, p.segment) for p in places} if where else {}

    def read(scope: Scope) -> list[tuple[str, str]]:
        found = []
        for place in places:
            for segment in scope.get(place.segment, ()):
                if tests and not tests[place.segment](segment):
                    continue
                value = place.read(segment)
                if value:
                    scheme = segment.field(place.field, 0, place.component + 2)
                    found.append((value, scheme))
        return found

    return read
