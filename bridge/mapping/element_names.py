"""FHIR's HumanName (R4 2.24.0.9) as DICOM's PN (PS3.5 6.2.1): the name in use, in all scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridge.mapping.elements import Element
from bridge.mapping.names import LONGEST_GROUP
from bridge.mapping.source import Run

_PROTECTED = str.maketrans({"^": " ", "=": " ", "\\": "/", "\r": " ", "\n": " ", "\t": " "})
_REPRESENTATION = "iso21090-EN-representation"
_GROUPS = {"ABC": 0, "IDE": 1, "SYL": 2}
_RANKS = ("official", "usual", "", "temp", "maiden", "nickname", "anonymous", "old")
"""HumanName.use, the one to be called by first; an old name only where there is no other."""


def read_names(elements: Sequence[Element], run: Run) -> tuple[str, Element] | None:
    """The name to go by; those of the same use in other scripts are its further groups."""
    usable = [each for each in elements if isinstance(each.value, dict) and _compose(each.value)]
    usable.sort(key=lambda each: _rank(each.value))
    if not usable:
        return None
    chosen = usable[0]
    groups = ["", "", ""]
    for element in usable:
        if _rank(element.value) != _rank(chosen.value):
            break
        place = _group(element.value)
        if not groups[place]:
            groups[place] = _shortened(_compose(element.value), element.path, run)
    if "family" not in chosen.value and "given" not in chosen.value:
        run.warn(chosen.path, "a name in one piece, taken as it is")
    return "=".join(groups).rstrip("="), chosen


def _rank(name: dict[str, Any]) -> int:
    use = str(name.get("use") or "")
    return _RANKS.index(use) if use in _RANKS else _RANKS.index("")


def _group(name: dict[str, Any]) -> int:
    extensions = name.get("extension")
    for each in extensions if isinstance(extensions, list) else ():
        if isinstance(each, dict) and str(each.get("url", "")).endswith(_REPRESENTATION):
            return _GROUPS.get(str(each.get("valueCode")), 0)
    return 0


def _compose(name: dict[str, Any]) -> str:
    """Family, first given name, further given names as middle ones, prefix and suffix."""
    given = _texts(name.get("given"))
    family = _clean(str(name.get("family") or ""))
    if not (family or given):
        family = _clean(str(name.get("text") or ""))
    if not (family or given):
        return ""
    first, middle = (given[0], " ".join(given[1:])) if given else ("", "")
    prefix, suffix = (" ".join(_texts(name.get(part))) for part in ("prefix", "suffix"))
    return f"{family}^{first}^{middle}^{prefix}^{suffix}".rstrip("^")


def _texts(content: Any) -> list[str]:
    items = content if isinstance(content, list) else ()
    return [text for item in items if isinstance(item, str) and (text := _clean(item))]


def _clean(text: str) -> str:
    return " ".join(text.translate(_PROTECTED).split())


def _shortened(group: str, path: str, run: Run) -> str:
    if len(group) <= LONGEST_GROUP:
        return group
    run.warn(path, f"name is longer than {LONGEST_GROUP} characters and was cut")
    return group[:LONGEST_GROUP].rstrip("^ ")
