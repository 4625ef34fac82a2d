"""Profiles for FHIR: `mappings/fhir-r4.yaml` and those that extend it say which element means what.

They are written like those for HL7 v2 (`language: fhir` tells them apart), with paths of elements,
and with the tables that say what a status asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.domain.identifiers import Authority
from bridge.domain.sender_options import OverlongIds, SenderOptions
from bridge.mapping.chain import ProfileDocument, TableFinder, read_chain
from bridge.mapping.documents import Node
from bridge.mapping.element_imaging import ElementImagingRules, compile_element_imaging
from bridge.mapping.element_rows import Compiler, ElementRow
from bridge.mapping.errors import ProfileError
from bridge.mapping.options import compile_options
from bridge.mapping.shelf import Shelf
from bridge.mapping.source import Site
from bridge.mapping.tables import CodeTable
from bridge.mapping.targets import TARGETS, Level

DEFAULT = "fhir-r4"
LANGUAGE = "fhir"
"""What `language` says in these profiles."""

CODE_SYSTEMS = "fhir-code-systems"
ENCOUNTER_CLASSES = "fhir-encounter-class"
KEYS = frozenset(
    {
        *("profile", "language", "release", "extends", "about", "tables", "authorities", "systems"),
        *("options", "statuses", "rows", "remove", "imaging"),
    }
)
_AUTHORITIES = ("patient", "placer", "filler", "resources")
_RELEASES = ("R4", "R5")
_STATUSES = ("ServiceRequest", "Intent", "Task", "Appointment", "Encounter", "ImagingStudy")


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirProfile:
    """A compiled profile. `release` is R4 or R5, which its resources are of.

    `statuses` are tables of what a status asks for, by resource; `systems` the authorities that
    systems of identifiers stand for, `designators` the coding schemes of systems of codes.
    """

    name: str
    release: str
    levels: Mapping[Level, tuple[ElementRow, ...]]
    imaging: ElementImagingRules
    statuses: Mapping[str, CodeTable]
    classes: CodeTable
    authorities: Mapping[str, Authority]
    systems: Mapping[str, Authority]
    designators: Mapping[str, str]
    options: SenderOptions

    def localize(self, site: Site) -> Site:
        """The site as this profile knows its sender: its own authorities before the site's."""
        return Site(
            zone=site.zone,
            authority=self.authorities.get("patient", site.authority),
            placer=self.authorities.get("placer", site.placer),
            filler=self.authorities.get("filler", site.filler),
            resources=self.authorities.get("resources", site.resources),
            local_scheme=site.local_scheme,
            keeps_overlong=self.options.overlong_ids is OverlongIds.SURROGATE,
        )

    def status(self, kind: str, code: str) -> Mapping[str, str]:
        """The row of a status in its table; an empty one when the table does not name it."""
        table = self.statuses[kind]
        return {name: table.get(code, name) or "" for name in table.columns[1:]}

    def encounter_class(self, code: str) -> str:
        """Patient class (table 0004) of a class of encounters; empty when the table has none."""
        return self.classes.get(code, self.classes.default_column()) or ""

    def knows(self, kind: str, code: str) -> bool:
        """Whether the table of statuses names a code."""
        return self.statuses[kind].get(code, self.statuses[kind].columns[0]) is not None


def load_fhir_profile(name: str = DEFAULT, directory: Path | None = None) -> FhirProfile:
    """Load and compile a profile and all it extends.

    Raises:
        ProfileError: naming file, line, row and the fix.
    """
    shelf = Shelf.of(directory)
    documents = read_chain(name, shelf, KEYS)
    tables = TableFinder(shelf, documents)
    systems = _authorities(documents, "systems")
    rows: dict[Level, list[ElementRow]] = {level: [] for level in Level}
    for document in documents:
        _lay_over(rows, document, Compiler(document.name, tables, systems))
    imaging = [d.entries["imaging"] for d in documents if "imaging" in d.entries]
    schemes = tables(Node(CODE_SYSTEMS, documents[0].root.file, 1))
    return FhirProfile(
        name=name,
        release=_release(documents),
        levels={level: tuple(found) for level, found in rows.items()},
        imaging=compile_element_imaging(imaging, tables),
        statuses=_statuses(documents, tables),
        classes=tables(Node(ENCOUNTER_CLASSES, documents[0].root.file, 1)),
        authorities=_authorities(documents, "authorities", _AUTHORITIES),
        systems=systems,
        designators={
            schemes.lines[key][1].rstrip("/"): row[schemes.default_column()]
            for key, row in schemes.rows.items()
        },
        options=compile_options(d.entries["options"] for d in documents if "options" in d.entries),
    )


def _authorities(
    documents: Sequence[ProfileDocument], key: str, allowed: tuple[str, ...] | None = None
) -> dict[str, Authority]:
    """Authorities as `namespace&universal ID&type`, by name; the most special profile wins."""
    found: dict[str, Authority] = {}
    for document in documents:
        if key in document.entries:
            for name, node in document.entries[key].entries(allowed).items():
                found[name.rstrip("/")] = Authority(*node.text.split("&")[:3])
    return found


def _release(documents: Sequence[ProfileDocument]) -> str:
    said = [d.entries["release"] for d in documents if "release" in d.entries]
    if not said or said[-1].text not in _RELEASES:
        root = said[-1] if said else documents[0].root
        raise root.error("no release that is known", "write `release: R4` or `release: R5`")
    return said[-1].text


def _statuses(documents: Sequence[ProfileDocument], tables: TableFinder) -> dict[str, CodeTable]:
    found: dict[str, CodeTable] = {}
    for document in documents:
        if "statuses" in document.entries:
            entries = document.entries["statuses"].entries(_STATUSES)
            found |= {kind: tables(node) for kind, node in entries.items()}
    missing = sorted(set(_STATUSES) - found.keys())
    if missing:
        root = documents[0].root
        raise ProfileError(
            root.file, root.line, f"no table of the statuses of {missing[0]}", "extend fhir-r4"
        )
    return found


def _lay_over(
    rows: dict[Level, list[ElementRow]], document: ProfileDocument, compiler: Compiler
) -> None:
    """Replace, for each target that the document has rows for, the rows there were."""
    removed = document.entries["remove"].texts if "remove" in document.entries else ()
    _drop(rows, removed)
    if "rows" not in document.entries:
        return
    number = 1
    for level_name, node in document.entries["rows"].entries(tuple(Level)).items():
        level = Level(level_name)
        new = compiler.rows(node, level, number)
        number += len(new)
        _drop(rows, {row.target.keyword for row in new} & TARGETS[level].keys(), level)
        rows[level] += new


def _drop(
    rows: dict[Level, list[ElementRow]], keywords: Iterable[str], only: Level | None = None
) -> None:
    dropped = frozenset(keywords)
    for level in (only,) if only else tuple(Level):
        rows[level] = [row for row in rows[level] if row.target.keyword not in dropped]
