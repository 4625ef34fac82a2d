"""How names sound: fuzzy semantic matching of person names (PS3.4 C.2.2.2.1.2).

One rule for Vietnamese and for European names, after accents are folded away. Each word becomes
the sounds of its consonants and the kind of its first vowel, so that spellings which are heard
alike are one: Nguyễn and Nguyen, Trang and Chang, Xuân and Suan, Thúy and Tuy, Hoàng and Huỳnh,
Meyer and Maier, Schmidt and Schmitt, Philipp and Filip. Vietnamese words are short: without their
vowel Lê and Lộ would be the same.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from bridge.domain.names import fold

# What is written for one sound, the longest first, at the beginning of a word, at its end, and
# elsewhere. Letters that stand for themselves are not listed; what maps to nothing is not heard.
_AT_THE_START: Final = (
    (r"GI(?=[AEOU])", "D"),  # Giang, Dang
    (r"TR|CH(?![RL])", "C"),  # Trang, Chang; but Christian
    (r"SCH", "S"),
    (r"Y(?=[AEIOU])|J", "J"),
    (r"X", "S"),
    (r"KN|GN", "N"),
)
_ANYWHERE: Final = (
    (r"NGH|NG|NH", "N"),
    (r"SCH|SH|TZ|TS|CZ|SZ", "S"),
    (r"CH", "K"),
    (r"PH|PF", "F"),
    (r"TH|DT", "T"),
    (r"KH|CK|QU|Q", "K"),
    (r"GH", "G"),
    (r"C(?=[EIY])", "S"),
    (r"C", "K"),
    (r"X", "KS"),
    (r"Z", "S"),
    (r"W", "V"),
)
_AT_THE_END: Final = ((r"D$", "T"), (r"B$", "P"), (r"G$", "K"))
_VOWELS: Final = re.compile(r"[AEIOUY]+")
_KINDS: Final = {"A": "A", "E": "E", "I": "E", "Y": "E", "O": "U", "U": "U"}
_BROAD: Final = ("EI", "EY", "AI", "AY")  # Meyer, Maier

_WORD: Final = re.compile(r"[^\W\d_]+")
_PLAIN: Final = re.compile(r"[A-Z]+")


def sounds_of(name: str) -> str:
    """The sounds of each word of a PN, between blanks: ` NUN FAN AN `; empty when it has none."""
    words = [_sound(word) for word in _WORD.findall(fold(name.replace("^", " ").replace("=", " ")))]
    return f" {' '.join(dict.fromkeys(words))} " if words else ""


def sounds_sought(key: str) -> tuple[str, ...]:
    """What each word of a PN key must be found as in `sounds_of`, wherever it stands there.

    A word that ends with `*` is the beginning of one. A key with other wildcards sounds like
    nothing: there is no answer.
    """
    words = fold(key.replace("^", " ").replace("=", " ")).split()
    if any(_has_inner_wildcard(word) for word in words):
        return ()
    return tuple(sought for word in words for sought in _sought(word))


def sounds_like(key: str, name: str) -> bool:
    """Whether every word of the key is heard among those of the name."""
    sought, sounds = sounds_sought(key), sounds_of(name)
    return bool(sought) and all(each in sounds for each in sought)


def sound_alike(one: str, other: str) -> bool:
    """Whether two PN values sound alike, word by word in any order; one may have words more."""
    mine, yours = ({*sounds_of(each).split()} for each in (one, other))
    return bool(mine and yours) and (mine <= yours or yours <= mine)


def _has_inner_wildcard(word: str) -> bool:
    return "?" in word or "*" in word.rstrip("*")


def _sought(word: str) -> list[str]:
    """What is looked for: each part of a word whole, the last as a beginning before a `*`."""
    parts = [_sound(part) for part in _WORD.findall(word)]
    ends = [" "] * len(parts)
    if parts and word.endswith("*"):
        ends[-1] = ""
    return [f" {part}{end}" for part, end in zip(parts, ends, strict=True)]


@lru_cache(maxsize=8192)
def _sound(word: str) -> str:
    """One folded word; a word in other letters than A to Z stays as it is."""
    if not _PLAIN.fullmatch(word):
        return word
    begun = ""
    for pattern, sound in _AT_THE_START:
        rest, found = re.subn(rf"^(?:{pattern})", "", word)
        if found:
            begun, word = sound, rest
            break
    for pattern, sound in (*_ANYWHERE, *_AT_THE_END):
        word = re.sub(pattern, sound, word)
    word = _with_one_vowel(begun + word)
    word = word[:1] + word[1:].replace("H", "")
    return re.sub(r"(.)\1+", r"\1", word)


def _with_one_vowel(word: str) -> str:
    """Keep the kind of the first vowels and leave out the others."""
    first = _VOWELS.search(word)
    if first is None:
        return word
    vowels = first[0]
    kind = "A" if vowels[:2] in _BROAD else _KINDS[vowels[0]]
    return word[: first.start()] + kind + _VOWELS.sub("", word[first.end() :])
