"""The profiles in use: asked for each message, and replaced all at once when their files change."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from bridge.mapping.errors import ProfileError
from bridge.mapping.profiles import Profile, load_profile
from bridge.mapping.shelf import Shelf


class Profiles:
    """Compiled profiles by name. Whoever asks for each message has the newest that is sound.

    Profiles and the tables they use are read together: a message never sees half of a change. When
    anything of it is wrong nothing is replaced, and `problem` says what, where and the fix.
    """

    def __init__(self, names: Iterable[str] = (), directory: Path | None = None) -> None:
        """Load the profiles `names`; the site's own are in `directory`.

        Raises:
            ProfileError: naming file, line and the fix.
        """
        self.problem = ""
        self._directory = directory
        self._shelf = Shelf.of(directory)
        self._lock = threading.Lock()
        self._state = self._shelf.state()
        self._loaded: Mapping[str, Profile] = self._load(names)

    def get(self, name: str) -> Profile:
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

    def _add(self, name: str) -> Profile:
        with self._lock:
            found = self._loaded.get(name) or load_profile(name, self._directory)
            self._loaded = {**self._loaded, name: found}
            return found

    def _load(self, names: Iterable[str]) -> dict[str, Profile]:
        return {name: load_profile(name, self._directory) for name in names}
