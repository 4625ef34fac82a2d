"""The profiles of a configuration as the console looks at them, and its messages tried on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bridge.domain.errors import BridgeError
from bridge.fhir.reading import explanation as fhir
from bridge.hl7 import explanation as hl7
from bridge.mapping.errors import ProfileError
from bridge.mapping.fhir_profiles import KEYS, load_fhir_profile
from bridge.mapping.fhir_profiles import LANGUAGE as FHIR
from bridge.mapping.outline import outline
from bridge.mapping.profiles import LANGUAGE as HL7
from bridge.mapping.profiles import PROFILE_KEYS, load_profile
from bridge.mapping.shelf import Shelf, default_directory
from bridge.mapping.source import Site
from bridge.services.review_mappings import DryRun, ListedProfile
from bridge.settings import Settings
from bridge.wiring.edges import site_of
from bridge.wiring.profiles import named_profiles
from bridge.wiring.retelling import Journal

_PASTED = "UNICODE UTF-8"
"""Text of a page is in UTF-8, whatever MSH-18 says of the bytes it once was."""


class ConfiguredProfiles:
    """Implements `services.review_mappings.ProfileShelf`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._shelf = Shelf.of(settings.mappings)

    def profiles(self) -> Sequence[ListedProfile]:
        """Those that read messages, the ones in use first, then by name."""
        used: dict[str, list[str]] = {}
        for each in named_profiles(self._settings):
            used.setdefault(each.name, []).append(each.key)
        names = [n for n in self._shelf.profiles() if self._shelf.language(n) in (HL7, FHIR)]
        listed = [self._listed(name, used.get(name, ())) for name in names]
        return sorted(listed, key=lambda each: (not each.used_at, each.name))

    def outline(self, name: str) -> Mapping[str, str]:
        """What a profile says, by path. Raises BridgeError when it cannot be read."""
        try:
            return outline(name, self._settings.mappings, KEYS | PROFILE_KEYS.keys())
        except (ProfileError, OSError, UnicodeDecodeError) as error:
            raise BridgeError(str(error)) from error

    def dry_run(self, name: str, message: str) -> DryRun:
        """What it makes of a message as text. Raises BridgeError when it cannot be read."""
        directory = self._settings.mappings
        try:
            if self._shelf.language(name) == FHIR:
                profile = load_fhir_profile(name, directory)
                return fhir.trace(profile, message.encode(), self._site(name))
            raw = _as_sent(message)
            return hl7.trace(load_profile(name, directory), raw, self._site(name), _PASTED)
        except (ProfileError, OSError, UnicodeDecodeError) as error:
            raise BridgeError(str(error)) from error

    def _listed(self, name: str, used_at: Sequence[str]) -> ListedProfile:
        return ListedProfile(
            name=name,
            language=self._shelf.language(name),
            extends=self._shelf.extends(name),
            is_own=self._is_own(self._shelf.find(f"{name}.yaml")),
            used_at=used_at,
        )

    def _is_own(self, file: Path | None) -> bool:
        return file is not None and file.parent != default_directory()

    def _site(self, name: str) -> Site:
        """What is known of the sender whose profile it is, else of any."""
        listeners = self._settings.hl7.listeners
        listener = next((each for each in listeners if each.profile == name), None)
        if listener is None:
            return Journal.site_of(self._settings)
        return site_of(self._settings, listener)


def _as_sent(message: str) -> bytes:
    """A pasted message as it was on the wire: segments end with CR, and there is no frame."""
    text = message.strip("\x0b\x1c \r\n").replace("\r\n", "\r").replace("\n", "\r")
    return (text + "\r").encode()
