"""Profiles: `mappings/*.yaml`, where one says with `extends` how it differs from another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.domain.identifiers import Authority
from bridge.domain.order_control import OrderControlTable
from bridge.domain.sender_options import OverlongIds, SenderOptions
from bridge.mapping.chain import ProfileDocument, TableFinder, read_chain
from bridge.mapping.errors import ProfileError, instead
from bridge.mapping.imaging import ImagingRules, compile_imaging
from bridge.mapping.options import compile_options
from bridge.mapping.order_control import overlay_order_control
from bridge.mapping.rows import Row, Rows, compile_rows
from bridge.mapping.shelf import Shelf
from bridge.mapping.source import Site
from bridge.mapping.targets import TARGETS, Level

DEFAULT = "ihe-swf"
LANGUAGE = "hl7"
PROFILE_KEYS = {
    "profile": "Its name, which is the name of the file.",
    "extends": "The profile it differs from; only what differs is said. Mostly `ihe-swf`.",
    "about": "One line on whom it is for.",
    "tables": "Names of code tables and the files they are in, such as `{procedures: my.csv}`.",
    "authorities": "Assigning authorities of what comes without one: `patient`, `placer`, `filler`,"
    " each as `NAMESPACE` or `NAMESPACE&UNIVERSAL ID&TYPE`.",
    "defaults": "`order_control`: what a message without ORC asks for.",
    "options": "What the sender does differently beyond what its fields mean: see below.",
    "order_control": "Rows of mappings/order-control.yaml that are answered otherwise.",
    "rows": "Rows by level; those for a target replace all rows for it in what is extended.",
    "remove": "Targets that are not filled at all.",
    "imaging": "Rules for what is imaging; they come before those of what is extended.",
}
"""The keys of a profile, and what each says."""

_AUTHORITIES = ("patient", "placer", "filler")
_DEFAULTS = ("order_control",)

# What is said once for a message, before its orders; a row that reads only these is evaluated once.
HEADER_SEGMENTS = frozenset({"MSH", "EVN", "PID", "PD1", "PV1", "PV2", "AL1", "GT1", "IN1", "ARV"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A compiled profile.

    `header` holds the patient's rows that no order can change, `control` those of ORC-1, which is
    known before anything else of an order is.
    """

    name: str
    header: Rows
    control: Rows
    levels: Mapping[Level, Rows]
    imaging: ImagingRules
    order_control: str
    authorities: Mapping[str, Authority]
    options: SenderOptions
    control_table: OrderControlTable

    def localize(self, site: Site) -> Site:
        """The site as this profile knows its sender: its own authorities before the site's."""
        return Site(
            zone=site.zone,
            authority=self.authorities.get("patient", site.authority),
            placer=self.authorities.get("placer", site.placer),
            filler=self.authorities.get("filler", site.filler),
            local_scheme=site.local_scheme,
            keeps_overlong=self.options.overlong_ids is OverlongIds.SURROGATE,
        )


def load_profile(name: str = DEFAULT, directory: Path | None = None) -> Profile:
    """Load and compile a profile and all it extends.

    Files are looked for in `directory` and then among what comes with the bridge.

    Raises:
        ProfileError: naming file, line, row and the fix.
    """
    shelf = Shelf.of(directory)
    documents = read_chain(name, shelf, PROFILE_KEYS)
    tables = TableFinder(shelf, documents)
    rows: dict[Level, list[Row]] = {level: [] for level in Level}
    for document in documents:
        _lay_over(rows, document, tables)
    imaging = compile_imaging(
        [d.entries["imaging"] for d in documents if "imaging" in d.entries], tables
    )
    return Profile(
        name=name,
        header=Rows(row for row in rows[Level.PATIENT] if _is_of_header(row)),
        control=Rows(row for row in rows[Level.ORDER] if _is_control(row)),
        levels={
            level: Rows(row for row in rows[level] if not (_is_of_header(row) or _is_control(row)))
            for level in Level
        },
        imaging=imaging,
        order_control=_last(documents, "defaults", _DEFAULTS).get("order_control", ""),
        authorities={
            key: Authority(*text.split("&")[:3])
            for key, text in _last(documents, "authorities", _AUTHORITIES).items()
        },
        control_table=overlay_order_control(
            d.entries["order_control"] for d in documents if "order_control" in d.entries
        ),
        options=compile_options(d.entries["options"] for d in documents if "options" in d.entries),
    )


def _lay_over(rows: dict[Level, list[Row]], document: ProfileDocument, tables: TableFinder) -> None:
    """Replace, for each target that the document has rows for, the rows there were."""
    for level, keywords in _parse_removals(document).items():
        rows[level] = [row for row in rows[level] if row.target.keyword not in keywords]
    if "rows" not in document.entries:
        return
    number = 1
    for level_name, node in document.entries["rows"].entries(tuple(Level)).items():
        level = Level(level_name)
        new = compile_rows(node, level, document.name, number, tables)
        number += len(new)
        replaced = {row.target.keyword for row in new}
        rows[level] = [row for row in rows[level] if row.target.keyword not in replaced] + new


def _parse_removals(document: ProfileDocument) -> dict[Level, set[str]]:
    removals: dict[Level, set[str]] = {level: set() for level in Level}
    if "remove" not in document.entries:
        return removals
    known = {keyword for targets in TARGETS.values() for keyword in targets}
    for node in document.entries["remove"].items:
        if node.text not in known:
            raise node.error(f"unknown target {node.text!r}", instead(node.text, sorted(known)))
        for level, targets in TARGETS.items():
            if node.text in targets:
                removals[level].add(node.text)
    return removals


def _last(
    documents: Iterable[ProfileDocument], key: str, allowed: tuple[str, ...]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for document in documents:
        if key in document.entries:
            entries = document.entries[key].entries(allowed)
            found |= {name: node.text for name, node in entries.items()}
    return found


def _is_of_header(row: Row) -> bool:
    return row.target.level is Level.PATIENT and row.reads <= HEADER_SEGMENTS


def _is_control(row: Row) -> bool:
    return row.target.keyword == "OrderControl"


def check_profiles(directory: Path | None = None) -> list[ProfileError]:
    """Load every profile of a directory and return what is wrong with them."""
    problems = []
    for name in Shelf.of(directory).profiles(LANGUAGE):
        try:
            load_profile(name, directory)
        except ProfileError as error:
            problems.append(error)
    return problems
