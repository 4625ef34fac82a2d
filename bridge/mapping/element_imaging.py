"""Which requests of FHIR are imaging (DESIGN 5.6): the rules, with paths of elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bridge.domain.order import Category
from bridge.mapping.documents import Node
from bridge.mapping.element_readers import designator_of, display_of
from bridge.mapping.element_rows import parse_path
from bridge.mapping.elements import Element, ElementPath, ElementScope
from bridge.mapping.errors import ProfileError, instead
from bridge.mapping.imaging import Sign, Verdict, compile_comparison
from bridge.mapping.tables import find_column
from bridge.mapping.transforms import Tables

_KEYS = ("is", "because", "present", "path", "match", "table", "column", "words")

_Test = Callable[[str, str], "Sign | None"]
_Rule = Callable[[ElementScope], "Verdict | None"]


@dataclass(frozen=True, slots=True)
class ElementImagingRules:
    """Compiled rules, the first that fits decides."""

    rules: tuple[_Rule, ...]

    def judge(self, scope: ElementScope) -> Verdict:
        """Decide one request."""
        for rule in self.rules:
            verdict = rule(scope)
            if verdict is not None:
                return verdict
        return Verdict(Category.OTHER, "no rule fits")


def compile_element_imaging(nodes: Sequence[Node], tables: Tables) -> ElementImagingRules:
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
                problem = f"imaging rule {number}: {error.problem}"
                raise ProfileError(error.file, error.line, problem, error.fix) from None
    return ElementImagingRules(tuple(rules))


def _compile_rule(node: Node, tables: Tables) -> _Rule:
    entries = node.entries(_KEYS)
    if "because" not in entries:
        raise node.error("a rule without `because`", "say why in a few words")
    because = entries["because"].text
    sign = _parse_sign(entries["is"]) if "is" in entries else None
    where = entries.get("present") or entries.get("path")
    paths = [parse_path(item) for item in where.items] if where else []
    test = _compile_test(node, entries, sign, tables)

    def rule(scope: ElementScope) -> Verdict | None:
        found = _first(paths, test, scope) if paths else sign
        if found is None:
            return None
        category = Category.OTHER if found is Sign.OTHER else Category.IMAGING
        return Verdict(category, because, found is not Sign.DOUBTFUL)

    return rule


def _first(paths: Sequence[ElementPath], test: _Test, scope: ElementScope) -> Sign | None:
    for path in paths:
        for element in path.find(scope):
            found = test(display_of(element.value), _scheme(element, scope))
            if found is not None:
                return found
    return None


def _scheme(element: Element, scope: ElementScope) -> str:
    return designator_of(element.parent.value, scope) if element.parent else ""


def _compile_test(node: Node, entries: dict[str, Node], sign: Sign | None, tables: Tables) -> _Test:
    if "table" in entries and sign is None:
        return _by_column(entries, tables)
    if sign is None:
        raise node.error("a rule without `is`", "write imaging, other or doubtful")
    if "present" in entries or "path" not in entries:
        return lambda _value, _scheme: sign
    holds = compile_comparison(node, entries, tables)
    return lambda value, scheme: sign if holds(value, scheme) else None


def _parse_sign(node: Node) -> Sign:
    if node.text not in set(Sign):
        raise node.error(f"unknown {node.text!r}", instead(node.text, tuple(Sign)))
    return Sign(node.text)


def _by_column(entries: dict[str, Node], tables: Tables) -> _Test:
    """A rule whose conclusion is a column of a table."""
    table = tables(entries["table"])
    node = entries.get("column")
    column = find_column(table, node.text, node.file, node.line) if node else table.default_column()
    for key, row in table.rows.items():
        if row[column]:
            _parse_sign(Node(row[column], table.name, table.lines[key][0]))

    def test(value: str, scheme: str) -> Sign | None:
        cell = table.get(value, column, scheme)
        return Sign(cell) if cell else None

    return test
