"""Pages, rendered on the server in the language of whoever asks."""

from __future__ import annotations

import hashlib
from datetime import datetime, tzinfo
from functools import cache
from gettext import NullTranslations
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from bridge.console import navigation
from bridge.console.access import CSRF_FIELD
from bridge.console.language import LANGUAGES, language_of, translations
from bridge.console.reasons import reasons
from bridge.console.values import FILTERS
from bridge.console.words import N_, WORDS
from bridge.domain.access import SignedIn

STATIC = Path(__file__).parent / "static"
MOST_SHOWN = 200_000
"""Characters of a message that a page shows."""
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


class View:
    """Renders pages for one site, in its time zone.

    `has_viewer` tells whether images open in a viewer, so that pages lead there.
    """

    def __init__(self, *, site: str, zone: tzinfo, has_viewer: bool = False) -> None:
        self._site = site
        self._zone = zone
        self._has_viewer = has_viewer
        self._environments = {name: self._environment(name) for name in LANGUAGES}

    def page(
        self, request: Request, template: str, /, *, status: int = 200, **values: object
    ) -> HTMLResponse:
        """A page for the browser of a request; `values` are the template's own.

        Beside them a template has `user` (nobody before the sign-in), `language`, `csrf_field`,
        `csrf_token`, `navigation`, `here` (the active entry) and `path`.
        """
        user = getattr(request.state, "user", None)
        shared = {
            "user": user,
            "path": request.url.path,
            "here": navigation.active(request.url.path),
            **_token(user),
        }
        text = self.fragment(language_of(request), template, **{**shared, **values})
        return HTMLResponse(text, status_code=status)

    def fragment(self, language: str, template: str, /, **values: object) -> str:
        """A part of a page, for events; it knows nobody's session."""
        return self._environments[language].get_template(template).render(**values)

    def say(self, request: Request, text: str, **values: object) -> str:
        """A text in the language of a request."""
        said = translations(language_of(request)).gettext(text)
        return said % values if values else said

    def _environment(self, language: str) -> Environment:
        catalogue = translations(language)
        environment = Environment(
            loader=PackageLoader("bridge.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.install_gettext_translations(  # type: ignore[attr-defined]
            catalogue, newstyle=True
        )
        environment.filters |= {
            **FILTERS,
            "time": self._time,
            "clock": self._clock_time,
            "wire": wire_text,
            "word": lambda value: catalogue.gettext(WORDS.get(value, value)) if value else "",
            "reason": reasons(language).mark,
            "reason_text": reasons(language).say,
            "person": person,
            "duration": lambda seconds: duration(seconds, catalogue),
        }
        environment.globals |= {
            "site": self._site,
            "has_viewer": self._has_viewer,
            "language": language,
            "languages": LANGUAGES,
            "navigation": navigation.ENTRIES,
            "static": static_path,
            "sought": "",
        }
        return environment

    def _time(self, at: float) -> str:
        return datetime.fromtimestamp(at, self._zone).strftime("%Y-%m-%d %H:%M:%S")

    def _clock_time(self, at: float) -> str:
        return datetime.fromtimestamp(at, self._zone).strftime("%H:%M:%S")


def _token(user: SignedIn | None) -> dict[str, object]:
    token = user.csrf_token if user else ""
    field = Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, escape(token))
    return {"csrf_token": token, "csrf_field": field}


def person(name: str) -> str:
    """A PN as people write it: its first component group that says anything, without carets."""
    groups = (" ".join(group.replace("^", " ").split()) for group in name.split("="))
    return next((group for group in groups if group), "")


@cache
def static_path(name: str) -> str:
    """Where a static file is had; its content is in the address, so it may be kept for good."""
    content = (STATIC / name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


def duration(seconds: float, catalogue: NullTranslations) -> str:
    """A stretch of time, in the largest unit that it fills."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    for unit, text in ((_DAY, N_("%(n)d d")), (_HOUR, N_("%(n)d h")), (_MINUTE, N_("%(n)d min"))):
        if seconds >= unit:
            return catalogue.gettext(text) % {"n": seconds // unit}
    return ""


def wire_text(content: bytes) -> str:
    r"""Bytes of the wire as text: segments on lines of their own, other controls made visible.

    Bytes that are not UTF-8 stand as `\xNN`: what a message means is for its edge to say.
    """
    text = content[:MOST_SHOWN].decode("utf-8", "backslashreplace")
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    shown = "".join(c if c >= " " or c in "\n\t" else chr(0x2400 + ord(c)) for c in lines)
    return shown + ("\n…" if len(content) > MOST_SHOWN else "")
