"""What a configuration asks for that reads well and yet keeps this version from starting."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.mapping.errors import ProfileError
from bridge.mapping.profiles import check_profiles, load_profile
from bridge.settings import Origin, Problem, Settings, Source


def unsound(settings: Settings) -> tuple[Problem, ...]:
    """Every such problem: profiles that are not there or cannot be used, kinds of image store."""
    return (*_profiles(settings), *image_store_problems(settings))


def image_store_problems(settings: Settings) -> tuple[Problem, ...]:
    """Why images cannot be kept where the configuration says: empty when they can."""
    if "://" not in settings.images:
        return ()
    what = f"{settings.images} cannot be used yet, only a local folder"
    origin = settings.provenance.get("images", Origin(Source.DEFAULT))
    return (Problem(origin, "images", what, "use a folder such as ./var/images"),)


def _profiles(settings: Settings) -> Iterator[Problem]:
    missing: set[str] = set()
    for index, listener in enumerate(settings.hl7.listeners):
        path = f"hl7.listeners[{index}].profile"
        try:
            load_profile(listener.profile)
        except ProfileError as error:
            missing.add(str(error))
            yield _problem(error, settings.provenance.get(path), path)
    for each in check_profiles():
        if str(each) not in missing:
            yield _problem(each, None, "")


def _problem(error: ProfileError, origin: Origin | None, path: str) -> Problem:
    """Point at the listener when its profile is not there, else into the profile itself."""
    if origin is not None and error.problem.startswith("no profile"):
        return Problem(origin, path, error.problem, error.fix)
    place = Origin(Source.FILE, error.file, error.line)
    return Problem(place, "", error.problem, error.fix or "correct this line of the profile")
