"""How an EHR's FHIR server wants to be written to, from `mappings/ehr/<profile>.yaml`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from bridge.mapping.documents import Node, read_document
from bridge.mapping.errors import ProfileError, instead
from bridge.mapping.shelf import TESTS, Shelf

FOLDER = "ehr"
DEFAULT = "standard"
_ELEMENTS = re.compile(r"[A-Z][A-Za-z]*(\.[a-z][A-Za-z]*)+")
_Word = TypeVar("_Word", bound=StrEnum)


class Writes(StrEnum):
    """Everything in one transaction, or one request after the other."""

    TRANSACTION = "transaction"
    SEQUENCE = "sequence"


class Matches(StrEnum):
    """How a resource that the server may hold already is found.

    `CONDITIONAL`: the server looks (conditional create and update). `SEARCH`: we look, and update
    what we found with its version. `CLIENT_IDS`: by ids that we choose.
    """

    CONDITIONAL = "conditional"
    SEARCH = "search"
    CLIENT_IDS = "client-ids"


class Requests(StrEnum):
    """ServiceRequests: looked up, created where they are missing, or not asked for at all."""

    FIND = "find"
    CREATE = "create"
    IGNORE = "ignore"


class Endpoints(StrEnum):
    """Where the images are: as resources of their own, inside the study, or not said."""

    RESOURCES = "resources"
    CONTAINED = "contained"
    NONE = "none"


class MovedStudies(StrEnum):
    """What becomes of a study whose patient was wrong.

    `UPDATE`: its subject changes. `REPLACE`: the old resource becomes entered-in-error without its
    Study Instance UID, and a new one is written: for servers that let no subject change.
    """

    UPDATE = "update"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class EhrProfile:
    """What one kind of EHR wants. `meaning` says it in one sentence.

    `instance_limit` is the number of instances up to which a study lists them, `max_bytes` the
    longest request (0: no limit): longer ones leave out the instances, then the series.
    `systems` maps namespaces or universal IDs to the EHR's own identifier systems; `leave_out`
    names elements that it does not take (`ImagingStudy.series.performer`).
    """

    name: str = DEFAULT
    meaning: str = ""
    writes: Writes = Writes.TRANSACTION
    matches: Matches = Matches.CONDITIONAL
    if_match: bool = True
    imaging_study: bool = True
    document_reference: bool = False
    requests: Requests = Requests.FIND
    endpoints: Endpoints = Endpoints.RESOURCES
    moved_studies: MovedStudies = MovedStudies.UPDATE
    instance_limit: int = 2000
    max_bytes: int = 0
    systems: Mapping[str, str] = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()


def load_ehr_profile(name: str, directory: Path | None = None) -> EhrProfile:
    """A profile by its name; the site's own folder `ehr` comes before what is shipped.

    Raises:
        ProfileError: naming file, line and the fix.
    """
    return _load(name, Shelf.of(directory), ())


def ehr_profiles(directory: Path | None = None) -> tuple[str, ...]:
    """The names of all profiles."""
    folders = Shelf.of(directory).folders
    found = (path for each in folders for path in (each / FOLDER).glob("*.yaml"))
    return tuple(sorted({each.stem for each in found if not each.name.endswith(TESTS)}))


def ehr_tests(directory: Path | None = None) -> tuple[Path, ...]:
    """The golden tests of all profiles, the site's own first."""
    folders = Shelf.of(directory).folders
    return tuple(p for each in folders for p in sorted((each / FOLDER).glob(f"*{TESTS}")))


def _load(name: str, shelf: Shelf, seen: tuple[str, ...]) -> EhrProfile:
    path = shelf.find(f"{FOLDER}/{name}.yaml")
    if path is None:
        known = ehr_profiles(shelf.folders[0])
        raise ProfileError(f"{FOLDER}/{name}.yaml", 1, "no such profile", instead(name, known))
    entries = read_document(path, f"{FOLDER}/{path.name}").entries(
        (*_READERS, "profile", "is", "extends")
    )
    base = EhrProfile()
    if "extends" in entries:
        parent = entries["extends"]
        if parent.text in (*seen, name):
            raise parent.error(f"{name} extends itself", "extend another profile")
        base = _load(parent.text, shelf, (*seen, name))
    said = {key: read(entries[key]) for key, read in _READERS.items() if key in entries}
    if "systems" in said:
        said["systems"] = {**base.systems, **said["systems"]}
    if "leave_out" in said:
        said["leave_out"] = (*base.leave_out, *said["leave_out"])
    meaning = entries["is"].text if "is" in entries else base.meaning
    return replace(base, name=name, meaning=meaning, **said)


def _word(words: type[_Word]) -> Callable[[Node], _Word]:
    def read(node: Node) -> _Word:
        known = [each.value for each in words]
        if node.text not in known:
            raise node.error(f"unknown word {node.text!r}", instead(node.text, known))
        return words(node.text)

    return read


def _number(node: Node) -> int:
    if not node.text.isdecimal():
        raise node.error(f"{node.text!r} is not a number", "write digits")
    return int(node.text)


def _systems(node: Node) -> Mapping[str, str]:
    return {key: each.text for key, each in node.entries().items()}


def _elements(node: Node) -> tuple[str, ...]:
    for each in node.items:
        if not _ELEMENTS.fullmatch(each.text):
            raise each.error(f"{each.text!r} is no element", "write it as ImagingStudy.interpreter")
    return node.texts


_READERS: Mapping[str, Callable[[Node], Any]] = {
    "writes": _word(Writes),
    "matches": _word(Matches),
    "if_match": lambda node: node.flag,
    "imaging_study": lambda node: node.flag,
    "document_reference": lambda node: node.flag,
    "requests": _word(Requests),
    "endpoints": _word(Endpoints),
    "moved_studies": _word(MovedStudies),
    "instance_limit": _number,
    "max_bytes": _number,
    "systems": _systems,
    "leave_out": _elements,
}
