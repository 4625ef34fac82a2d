"""The console's places, in the order of the menu."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.console.words import N_
from bridge.domain.access import Role


@dataclass(frozen=True, slots=True)
class Entry:
    """One place: its path, its name, the letter that leads there after g, and who may go."""

    path: str
    label: str
    letter: str
    role: Role = Role.VIEWER


ENTRIES = (
    Entry("/", N_("Now"), "n"),
    Entry("/search", N_("Search"), "s"),
    Entry("/messages", N_("Messages"), "m"),
    Entry("/worklist", N_("Worklist"), "w"),
    Entry("/reconciliation", N_("Reconciliation"), "r"),
    Entry("/deliveries", N_("Deliveries"), "d"),
    Entry("/patients", N_("Patients"), "p"),
    Entry("/connections", N_("Connections"), "c"),
    Entry("/mappings", N_("Mappings"), "a"),
    Entry("/charts", N_("Charts"), "h"),
    Entry("/settings", N_("Settings"), "e", Role.ADMIN),
    Entry("/audit", N_("Audit"), "u", Role.ADMIN),
)


def active(path: str, entries: tuple[Entry, ...] = ENTRIES) -> Entry | None:
    """The entry whose place a path is in."""
    found = [each for each in entries if path == each.path or path.startswith(f"{each.path}/")]
    return max(found, key=lambda each: len(each.path), default=None)
