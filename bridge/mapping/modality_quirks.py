"""The quirk profiles of modalities, from `mappings/modality-quirks.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from bridge.domain.worklist_policy import NO_QUIRKS, Quirks
from bridge.mapping.documents import Node, read_document
from bridge.mapping.errors import ProfileError, instead
from bridge.mapping.shelf import Shelf

FILE = "modality-quirks.yaml"
ROOT_SPS_KEYS = ("accept", "mirror", "ignore")
_KINDS = {each.name: each.type for each in fields(Quirks)}
_ABOUT = ("is", "extends")


@dataclass(frozen=True, slots=True)
class QuirkProfile:
    """A profile: in one sentence what the device does, and its quirks."""

    name: str
    meaning: str
    quirks: Quirks


def load_quirk_profiles(directory: Path | None = None) -> Mapping[str, QuirkProfile]:
    """Every profile by its name; those in the site's own `directory` come before what is shipped.

    Raises:
        ProfileError: naming file, line and the fix.
    """
    nodes: dict[str, Node] = {}
    for folder in reversed(Shelf.of(directory).folders):
        if (folder / FILE).is_file():
            document = read_document(folder / FILE).entries(("profiles",))
            nodes |= document["profiles"].entries() if "profiles" in document else {}
    return {name: _compile(name, nodes, ()) for name in nodes}


def _compile(name: str, nodes: Mapping[str, Node], seen: tuple[str, ...]) -> QuirkProfile:
    node = nodes[name]
    entries = node.entries((*_KINDS, *_ABOUT))
    base = NO_QUIRKS
    if "extends" in entries:
        parent = entries["extends"]
        if parent.text not in nodes:
            raise parent.error(f"no profile {parent.text!r}", instead(parent.text, nodes))
        if parent.text in (*seen, name):
            raise parent.error(f"{name} extends itself", "extend another profile")
        base = _compile(parent.text, nodes, (*seen, name)).quirks
    said: dict[str, Any] = {key: _value(key, entries[key]) for key in entries if key in _KINDS}
    meaning = entries["is"].text if "is" in entries else ""
    return QuirkProfile(name, meaning, replace(base, **said))


def _value(key: str, node: Node) -> Any:
    kind = str(_KINDS[key])
    if kind == "bool":
        return node.flag
    if kind == "int":
        if not node.text.isdecimal():
            raise node.error(f"{node.text!r} is not a number", "write digits")
        return int(node.text)
    if kind == "str":
        if node.text not in ROOT_SPS_KEYS:
            raise node.error(f"unknown word {node.text!r}", instead(node.text, ROOT_SPS_KEYS))
        return node.text
    return tuple(each.text for each in node.items)


def chosen(name: str, profiles: Mapping[str, QuirkProfile], key: str) -> Quirks:
    """The quirks of a profile that the configuration names at `key`.

    Raises:
        ProfileError: there is no such profile.
    """
    if not name:
        return NO_QUIRKS
    if name not in profiles:
        raise ProfileError(key, 1, f"there is no quirk profile {name!r}", instead(name, profiles))
    return profiles[name].quirks
