"""Which profile somebody means: one by its name, by its file, or all of a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bridge.domain.errors import BridgeError


@dataclass(frozen=True, slots=True)
class Version:
    """Which profile: its name, "" for the one that handled the message, and where it is read."""

    name: str
    directory: Path | None

    @staticmethod
    def parse(text: str, directory: Path | None) -> Version:
        """Read a profile's name, its YAML file, or a folder of profiles; `directory` is the site's.

        Raises:
            BridgeError: it looks like a path and there is nothing.
        """
        path = Path(text)
        if path.is_dir():
            return Version("", path)
        if path.suffix == ".yaml" and path.is_file():
            return Version(path.stem, path.parent)
        if "/" in text or path.suffix == ".yaml":
            raise BridgeError(f"there is no profile {text}")
        return Version(text, directory)
