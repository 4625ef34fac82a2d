"""Reasons that the bridge gives in words of its own, in the language of whoever reads them.

Reasons are written where a decision is made, in English, and kept as texts: in the journal, in the
audit trail, with orders and deliveries. Nothing there knows of languages. They are recognised here,
by the catalogue `reasons`: its texts are patterns in which `{}` stands for whatever is put in, and
what is put in may be a reason itself. `tools.reasons` collects them from the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from markupsafe import Markup, escape

from bridge.console.language import entries, translations

CATALOGUE = "reasons"
HOLE = "{}"
_SEPARATORS = ("; ", ": ", ", ", " → ")
"""What stands between several reasons, and between what a reason is about and itself."""
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A reason with holes, and how it is said."""

    shape: re.Pattern[str]
    said: str


class Reasons:
    """Says reasons in one language; `known` are patterns by what they are in English."""

    def __init__(self, language: str, known: Mapping[str, str]) -> None:
        self._language = language
        self._words = translations(language)
        self._patterns = tuple(_patterns(known))
        self.say = lru_cache(maxsize=4096)(self._say)

    def mark(self, text: str) -> str:
        """A reason for a page; one that nobody knows how to say is marked as English."""
        said = self.say(text)
        if said != text or self._language == "en" or not text:
            return escape(said)
        return Markup('<span lang="en">{}</span>').format(text)

    def _say(self, text: str, depth: int = 0) -> str:
        """A reason as this language says it; what it does not know stays as it is.

        A single word is nobody's reason, but what somebody typed; inside a reason it is ours.
        """
        if depth > _DEEPEST or not (depth or " " in text):
            return text
        word = self._words.gettext(text) if text else ""
        if word != text:
            return word
        for pattern in self._patterns:
            if found := pattern.shape.fullmatch(text):
                return pattern.said.format(*(self._say(each, depth + 1) for each in found.groups()))
        for separator in _SEPARATORS:
            first, there, rest = text.partition(separator)
            if there:
                return self._say(first, depth + 1) + there + self._say(rest, depth + 1)
        return text


@cache
def reasons(language: str) -> Reasons:
    """The reasons of a language."""
    return Reasons(language, entries(language, CATALOGUE))


def _patterns(known: Mapping[str, str]) -> Iterable[_Pattern]:
    """The more a pattern says itself, the sooner it is tried."""
    for text in sorted(filter(lambda each: HOLE in each, known), key=_spoken, reverse=True):
        # One word with something after it may be anybody's: "patient 123", not "patient by phone".
        hole = r"(\S*?)" if text.replace(HOLE, "").strip().isalpha() else "(.*?)"
        shape = hole.join(map(re.escape, text.split(HOLE)))
        yield _Pattern(re.compile(shape, re.DOTALL), known[text])


def _spoken(text: str) -> int:
    return len(text.replace(HOLE, ""))
