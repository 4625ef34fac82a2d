"""The reasons that the bridge gives in words of its own, as `bridge.console.reasons` knows them.

They are read from the source, so that none can be added without a catalogue hearing of it: every
text in words of the domain and the services, what errors of the edges say, and the reasons of the
rules of reconciliation. What is put into a text stands as `{}`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import yaml

BRIDGE = Path(__file__).parents[1] / "bridge"
RULES = BRIDGE.parent / "mappings" / "reconciliation.yaml"

_SPEAKING = (
    "domain/",
    "services/",
    "fhir/client.py",
    "fhir/planning.py",
    "fhir/reading/",
    "hl7/batch.py",
    "hl7/detection.py",
    "hl7/er7.py",
    "hl7/escapes.py",
    "hl7/mllp_client.py",
    "hl7/receiver_answers.py",
    "mapping/mappers.py",
    "dicom/hearing.py",
    "dicom/scu.py",
)
"""Whose every text is for people: rooms, and what reads or reaches others at the edges."""
_ROOMS = (
    *("broadcast", "delivery", "dicom", "dicomweb", "domain", "fhir", "hl7", "mapping"),
    *("services", "store", "wiring"),
)
"""Rooms whose errors reach pages."""
_NOT_SHOWN = (
    "domain/code_extension.py",  # names of character sets
    "domain/discontinuation.py",  # code meanings of PS3.16, as devices send them
    "domain/rejection.py",
    "domain/sender_options.py",  # what the documents of profiles say
    "domain/transliteration.py",
    "dicom/pixels",  # said to whoever asked for an image, over HTTP
    "dicomweb/multipart.py",
    "dicomweb/query.py",
    "dicomweb/rendered.py",
    "dicomweb/retrieve.py",
    "dicomweb/store.py",
    "dicomweb/wishes.py",
    "fhir/server",  # outcomes for programs, in the words of the standard
    "fhir/subscriptions",
    "fhir/validation.py",
)
_PROSE = re.compile(r"[a-z]{2,}[,;:]? [a-z]{2,}|\{\} [a-z]{3,}|[a-z]{3,}:? \{\}")
_NOT_WORDS = frozenset({"Bearer {}"})
_LOGS = frozenset({"debug", "info", "warning", "error", "exception"})
_OTHERS = frozenset({"ValueError", "TypeError", "KeyError", "RuntimeError", "NotImplementedError"})


@cache
def reasons() -> dict[str, str]:
    """Every reason, with where it stands."""
    found: dict[str, str] = {}
    trees = _trees()
    errors = _errors(trees.values())
    for name, tree in trees.items():
        if name.startswith(_ROOMS) and not name.startswith(_NOT_SHOWN):
            texts = _every(tree) if name.startswith(_SPEAKING) else _raised(tree, errors)
            for line, text in texts:
                found.setdefault(text, f"{name}:{line}")
    for text in _of_rules():
        found.setdefault(text, RULES.name)
    return found


def _trees() -> dict[str, ast.Module]:
    files = sorted(BRIDGE.rglob("*.py"))
    return {
        str(file.relative_to(BRIDGE)): ast.parse(file.read_text(encoding="utf-8")) for file in files
    }


def _of_rules() -> Iterator[str]:
    """What the shipped rules of reconciliation say of a decision."""
    for rows in yaml.safe_load(RULES.read_text(encoding="utf-8")).values():
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and "reason" in row:
                yield row["reason"]


def _every(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Texts in words, but those of documents, logs and errors of programmers."""
    hidden = {id(node) for each in _hidden(tree) for node in ast.walk(each)}
    return _texts(ast.walk(tree), hidden)


def _raised(tree: ast.Module, errors: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Texts in words that errors of the bridge are made with."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and _name(call.func) in errors:
            for argument in call.args:
                yield from _texts(ast.walk(argument), set())


def _texts(nodes: Iterator[ast.AST], hidden: set[int]) -> Iterator[tuple[int, str]]:
    parts: set[int] = set()
    for node in nodes:
        if id(node) in hidden or id(node) in parts:
            continue
        if isinstance(node, ast.JoinedStr):
            parts |= {id(part) for part in node.values}
            parts |= {
                id(part.format_spec) for part in node.values if isinstance(part, ast.FormattedValue)
            }
        text = _text(node)
        if text not in _NOT_WORDS and _PROSE.search(text):
            yield node.lineno, text  # type: ignore[attr-defined]


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.strip()
    if isinstance(node, ast.JoinedStr):
        parts = [each.value if isinstance(each, ast.Constant) else "{}" for each in node.values]
        return re.sub(r"(\{\})+", "{}", "".join(map(str, parts))).strip()
    return ""


def _hidden(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            yield node.annotation
        if isinstance(node, ast.Call):
            is_log = isinstance(node.func, ast.Attribute) and node.func.attr in _LOGS
            if is_log or _name(node.func) in _OTHERS:
                yield from node.args


def _errors(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Names of `BridgeError` and of all that is derived from it."""
    classes = (each for tree in trees for each in ast.walk(tree) if isinstance(each, ast.ClassDef))
    bases = {each.name: {_name(base) for base in each.bases} for each in classes}
    found = {"BridgeError"}
    while more := {name for name, above in bases.items() if above & found} - found:
        found |= more
    return frozenset(found)


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
