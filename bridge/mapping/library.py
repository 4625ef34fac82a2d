"""The profiles in use: asked for each message, and replaced all at once when their files change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from bridge.mapping.errors import ProfileError
from bridge.mapping.shelf import Shelf

P = TypeVar("P")
"""A compiled profile, of HL7 v2 or of FHIR."""


class Profiles(Generic[P]):
    """Compiled profiles by name. Whoever asks for each message has the newest that is sound.

    Profiles and the tables they use are read together: a message never sees half of a change. When
    anything of it is wrong nothing is replaced, and `problem` says what, where and the fix.
    """

    def __init__(
        self,
        load: Callable[[str, Path | None], P],
        names: Iterable[str] = (),
        directory: Path | None = None,
    ) -> None:
        """Load the profiles `names` with `load`; the site's own are in `directory`.

        Raises:
            ProfileError: naming file, line and the fix.
        """
        self.problem = ""
        self._load_one = load
        self._directory = directory
        self._shelf = Shelf.of(directory)
        self._lock = threading.Lock()
        self._state = self._shelf.state()
        self._loaded: Mapping[str, P] = self._load(names)

    def get(self, name: str) -> P:
        """A profile by its name, loaded when nobody asked for it before.

        Raises:
            ProfileError: it was not loaded before and cannot be.
        """
        found = self._loaded.get(name)
        return found if found is not None else self._add(name)

    def reload(self) -> str:
        """Read everything again, whether or not it changed. Returns the problem, "" when none."""
        with self._lock:
            return self._reload()

    def reload_if_changed(self) -> bool:
        """Read everything again when a file is another than at the last attempt; say whether."""
        with self._lock:
            if self._shelf.state() == self._state:
                return False
            self._reload()
            return True

    def _reload(self) -> str:
        self._state = self._shelf.state()
        try:
            self._loaded = self._load(self._loaded)
            self.problem = ""
        except (ProfileError, OSError, UnicodeDecodeError) as error:
            self.problem = str(error)
        return self.problem

    def _add(self, name: str) -> P:
        with self._lock:
            if name not in self._loaded:
                self._loaded = {**self._loaded, name: self._load_one(name, self._directory)}
            return self._loaded[name]

    def _load(self, names: Iterable[str]) -> dict[str, P]:
        return {name: self._load_one(name, self._directory) for name in names}
