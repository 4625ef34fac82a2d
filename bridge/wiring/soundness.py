"""What a configuration asks for that reads well and yet keeps this version from starting."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.domain.errors import BridgeError
from bridge.mapping.errors import ProfileError
from bridge.mapping.profiles import load_profile
from bridge.mapping.shelf import Shelf
from bridge.settings import Origin, Problem, Settings, Source
from bridge.wiring.fhir_access import fhir_problems
from bridge.wiring.forwarding import stow_problems
from bridge.wiring.hl7_answers import tls_problems
from bridge.wiring.hl7_out import hl7_problems
from bridge.wiring.images import is_bucket, open_bucket
from bridge.wiring.profiles import LOADERS, matching_rules, named_profiles


def unsound(settings: Settings) -> tuple[Problem, ...]:
    """Every such problem: profiles and certificates that cannot be used, options of a bucket."""
    return (
        *_profiles(settings),
        *_decision_table(settings),
        *_bucket(settings),
        *tls_problems(settings),
        *hl7_problems(settings),
        *fhir_problems(settings),
        *stow_problems(settings),
    )


def _decision_table(settings: Settings) -> Iterator[Problem]:
    try:
        matching_rules(settings)
    except ProfileError as error:
        key = "dicom.reconciliation"
        yield _problem(error, settings.provenance.get(key), key)


def _bucket(settings: Settings) -> Iterator[Problem]:
    if not is_bucket(settings):
        return
    try:
        open_bucket(settings)
    except BridgeError as error:
        origin = settings.provenance.get("images", Origin(Source.DEFAULT))
        yield Problem(origin, "images", error.message, "correct `images` or the keys of `bucket`")


def _profiles(settings: Settings) -> Iterator[Problem]:
    if settings.mappings is not None and not settings.mappings.is_dir():
        origin = settings.provenance.get("mappings", Origin(Source.DEFAULT))
        what = f"there is no folder {settings.mappings}"
        yield Problem(origin, "mappings", what, "create it, or remove the key")
    told: set[str] = set()
    named = {(each.name, each.language): each.key for each in named_profiles(settings)}
    shelf = Shelf.of(settings.mappings)
    others = {(name, shelf.language(name)): "" for name in shelf.profiles()}
    for (name, language), key in (others | named).items():
        try:
            LOADERS.get(language, load_profile)(name, settings.mappings)
        except ProfileError as error:
            if str(error) not in told:
                told.add(str(error))
                yield _problem(error, settings.provenance.get(key), key)


def _problem(error: ProfileError, origin: Origin | None, path: str) -> Problem:
    """Point at who names a profile when it is not there, else into the profile itself."""
    if origin is not None and error.problem.startswith("no profile"):
        return Problem(origin, path, error.problem, error.fix)
    place = Origin(Source.FILE, error.file, error.line)
    return Problem(place, "", error.problem, error.fix or "correct this line of the profile")
