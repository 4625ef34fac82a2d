"""The mapping profiles that a configuration names, held once for all who ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.domain.matching_rules import MatchingRules
from bridge.mapping.fhir_profiles import LANGUAGE as FHIR
from bridge.mapping.fhir_profiles import FhirProfile, load_fhir_profile
from bridge.mapping.library import Profiles
from bridge.mapping.outbound import LANGUAGE as HL7_OUT
from bridge.mapping.outbound import load_outbound_profile
from bridge.mapping.profiles import LANGUAGE as HL7
from bridge.mapping.profiles import Profile, load_profile
from bridge.mapping.reconciliation import load_matching_rules
from bridge.settings import FhirSource, Hl7Destination, Settings

Load = Callable[[str, Path | None], Any]

LOADERS: dict[str, Load] = {
    HL7: load_profile,
    FHIR: load_fhir_profile,
    HL7_OUT: load_outbound_profile,
}
"""The language of a profile → how it is loaded."""


@dataclass(frozen=True, slots=True)
class Named:
    """A profile that is named at a key of the configuration."""

    key: str
    name: str
    language: str


def named_profiles(settings: Settings) -> Iterator[Named]:
    """Every profile that somebody uses, where the configuration names it."""
    for index, listener in enumerate(settings.hl7.listeners):
        yield Named(f"hl7.listeners[{index}].profile", listener.profile, HL7)
    for index, destination in enumerate(settings.destinations):
        if isinstance(destination, Hl7Destination):
            yield Named(f"destinations[{index}].profile", destination.profile, HL7_OUT)
    yield Named("fhir.profile", settings.fhir.profile, FHIR)
    yield Named("fhir.profile_r5", settings.fhir.profile_r5, FHIR)
    for index, source in enumerate(settings.sources):
        if isinstance(source, FhirSource) and source.enabled:
            yield Named(f"sources[{index}].profile", source.profile, FHIR)


def hl7_profiles(settings: Settings) -> Profiles[Profile]:
    """Those of the HL7 listeners. Raises ProfileError for one that cannot be used."""
    return Profiles(load_profile, _names(settings, HL7), directory=settings.mappings)


def fhir_profiles(settings: Settings) -> Profiles[FhirProfile]:
    """Those of the FHIR server and of the sources. Raises ProfileError for one that cannot be."""
    return Profiles(load_fhir_profile, _names(settings, FHIR), directory=settings.mappings)


@dataclass(frozen=True, slots=True)
class CurrentRules:
    """The decision table of reconciliation, the newest that is sound."""

    tables: Profiles[MatchingRules]
    name: str

    def current(self) -> MatchingRules:
        """The table as it stands now."""
        return self.tables.get(self.name)


def matching_rules(settings: Settings) -> CurrentRules:
    """That of the site. Raises ProfileError for one that cannot be used."""
    name = settings.dicom.reconciliation
    tables = Profiles(load_matching_rules, (name,), directory=settings.mappings)
    return CurrentRules(tables, name)


def _names(settings: Settings, language: str) -> set[str]:
    return {each.name for each in named_profiles(settings) if each.language == language}
