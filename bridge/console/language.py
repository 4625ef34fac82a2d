"""The console's languages: gettext catalogues, and which of them a browser wants."""

from __future__ import annotations

import gettext
import struct
from collections.abc import Iterator, Mapping
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


def entries(language: str, catalogue: str) -> Mapping[str, str]:
    """Every text of one compiled catalogue with what it is in a language; none where there is none.

    The catalogue is read as the GNU gettext manual describes it (The Format of GNU MO Files).
    """
    file = LOCALE / language / "LC_MESSAGES" / f"{catalogue}.mo"
    return dict(_entries(file.read_bytes())) if file.exists() else {}


def _entries(content: bytes) -> Iterator[tuple[str, str]]:
    _magic, _revision, count, texts, translated = struct.unpack_from("<5I", content)

    def text(table: int, number: int) -> str:
        length, start = struct.unpack_from("<2I", content, table + 8 * number)
        return content[start : start + length].decode()

    for number in range(count):
        yield text(texts, number), text(translated, number)


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
