"""Where profiles and code tables are looked for: the site's own folder, then what is shipped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

TESTS = ".tests.yaml"
"""How the golden tests of a profile are called, beside it."""

_SAID = re.compile(r"^(profile|language|extends): *['\"]?([\w.-]+)", re.MULTILINE)

State = frozenset[tuple[str, int, int]]


def default_directory() -> Path:
    """The profiles that come with the bridge: in the package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "mappings"
    return inside if inside.is_dir() else package.parent / "mappings"


@dataclass(frozen=True, slots=True)
class Shelf:
    """Folders in order of preference; a file of the first hides its namesakes in the others."""

    folders: tuple[Path, ...]

    @staticmethod
    def of(directory: Path | None = None) -> Shelf:
        """The shelf of a site: its own folder when it has one, and always what is shipped."""
        shipped = default_directory()
        return Shelf((shipped,) if directory in (None, shipped) else (Path(directory), shipped))

    def find(self, file: str) -> Path | None:
        """The file of that name."""
        return next((path for folder in self.folders if (path := folder / file).is_file()), None)

    def profiles(self, language: str = "") -> tuple[str, ...]:
        """The names of all profiles, or of those in a `language`: `hl7` or `fhir`."""
        names = {path.stem for path in self._files("*.yaml") if not path.name.endswith(TESTS)}
        return tuple(
            sorted(
                name
                for name in names
                if "profile" in self._said(name) and language in ("", self.language(name))
            )
        )

    def language(self, name: str) -> str:
        """What a profile reads: `language` of it or of one that it extends, else HL7 v2."""
        seen: set[str] = set()
        while name and name not in seen:
            seen.add(name)
            said = self._said(name)
            if "language" in said:
                return said["language"]
            name = said.get("extends", "")
        return "hl7"

    def extends(self, name: str) -> str:
        """The profile that this one only differs from; empty when it says everything itself."""
        return self._said(name).get("extends", "")

    def _said(self, name: str) -> dict[str, str]:
        """What a profile says of itself in its first keys; tables and other files say nothing."""
        path = self.find(f"{name}.yaml")
        return dict(_SAID.findall(path.read_text("utf-8", errors="replace"))) if path else {}

    def tables(self) -> tuple[str, ...]:
        """The names of all code tables."""
        return tuple(sorted({path.stem for path in self._files("*.csv")}))

    def tests(self) -> tuple[Path, ...]:
        """The golden tests of all profiles, the site's own first."""
        return tuple(path for path in self._files(f"*{TESTS}"))

    def state(self) -> State:
        """What changes whenever a file is added, removed, replaced or written to."""
        seen = set()
        for path in (*self._files("*.yaml"), *self._files("*.csv")):
            try:
                status = path.stat()
            except FileNotFoundError:  # removed just now, as editors do before they write
                continue
            seen.add((str(path), status.st_mtime_ns, status.st_size))
        return frozenset(seen)

    def _files(self, pattern: str) -> list[Path]:
        return [path for folder in self.folders for path in sorted(folder.glob(pattern))]
