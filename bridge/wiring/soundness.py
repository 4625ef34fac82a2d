"""What a configuration asks for that reads well and yet keeps this version from starting."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.domain.errors import BridgeError
from bridge.mapping.errors import ProfileError
from bridge.mapping.profiles import check_profiles, load_profile
from bridge.settings import Origin, Problem, Settings, Source
from bridge.wiring.hl7_answers import tls_problems
from bridge.wiring.images import is_bucket, open_bucket


def unsound(settings: Settings) -> tuple[Problem, ...]:
    """Every such problem: profiles and certificates that cannot be used, options of a bucket."""
    return (*_profiles(settings), *_bucket(settings), *tls_problems(settings))


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
    missing: set[str] = set()
    for index, listener in enumerate(settings.hl7.listeners):
        path = f"hl7.listeners[{index}].profile"
        try:
            load_profile(listener.profile, settings.mappings)
        except ProfileError as error:
            missing.add(str(error))
            yield _problem(error, settings.provenance.get(path), path)
    for each in check_profiles(settings.mappings):
        if str(each) not in missing:
            yield _problem(each, None, "")


def _problem(error: ProfileError, origin: Origin | None, path: str) -> Problem:
    """Point at the listener when its profile is not there, else into the profile itself."""
    if origin is not None and error.problem.startswith("no profile"):
        return Problem(origin, path, error.problem, error.fix)
    place = Origin(Source.FILE, error.file, error.line)
    return Problem(place, "", error.problem, error.fix or "correct this line of the profile")
