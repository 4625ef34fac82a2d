"""Settings as a page shows them: what is in force, where it was written, and what it means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Written(StrEnum):
    """Where a value comes from."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """One value in force. `text` never holds a secret.

    `place` is the file or the environment's variable, `line` the line of the file; both say
    nothing of a default.
    """

    path: str
    text: str
    written: Written
    place: str
    line: int | None
    meaning: str

    @property
    def section(self) -> str:
        """The first key of the path: `dicom` of `dicom.peers[0].port`."""
        return self.path.partition(".")[0].partition("[")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsSection:
    """The values below one first key."""

    name: str
    rows: Sequence[SettingRow]


def sections(
    rows: Iterable[SettingRow], *, sought: str = "", changed: bool = False
) -> tuple[SettingsSection, ...]:
    """Rows by section; only those that hold `sought`, with `changed` only what somebody wrote."""
    words = sought.casefold().split()
    found: dict[str, list[SettingRow]] = {}
    for row in rows:
        said = f"{row.path} {row.text} {row.meaning}".casefold()
        if all(word in said for word in words) and not (changed and row.written is Written.DEFAULT):
            found.setdefault(row.section, []).append(row)
    return tuple(SettingsSection(name=name, rows=tuple(each)) for name, each in found.items())
