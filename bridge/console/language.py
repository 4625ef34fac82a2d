"""The console's languages: gettext catalogues, and which of them a browser wants."""

from __future__ import annotations

import gettext
from functools import cache
from pathlib import Path

from fastapi import Request

LANGUAGES = {"en": "English", "vi": "Tiếng Việt"}
COOKIE = "bridge_language"
LOCALE = Path(__file__).parent / "locale"


@cache
def translations(language: str) -> gettext.NullTranslations:
    """Every compiled catalogue of a language, as one; texts that none has stay as they are."""
    found = gettext.NullTranslations()
    for file in sorted((LOCALE / language / "LC_MESSAGES").glob("*.mo"), reverse=True):
        with file.open("rb") as opened:
            catalogue = gettext.GNUTranslations(opened)
        catalogue.add_fallback(found)
        found = catalogue
    return found


def language_of(request: Request) -> str:
    """The language somebody chose, else the first that the browser asks for and we have."""
    chosen = request.cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    return _accepted(request.headers.get("accept-language", ""))


def _accepted(header: str) -> str:
    """RFC 9110 section 12.5.4: the acceptable language of most weight."""
    weighed: list[tuple[float, str]] = []
    for each in header[:1000].split(","):
        tag, _, parameter = each.partition(";")
        name = tag.strip().lower().partition("-")[0]
        if name in LANGUAGES:
            weighed.append((_weight(parameter), name))
    best = max(weighed, key=lambda pair: pair[0], default=(0.0, ""))
    return best[1] if best[0] > 0 else "en"


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0
