"""Vietnamese in the fonts from before Unicode, known by its syllables when nothing labels it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from bridge.hl7.characters import WINDOWS_LATIN, CharacterSet

# A syllable is an initial, then a rime: a nucleus with its final, or an open one. Tones are apart.
_SYLLABLE: Final = re.compile(
    r"(?:ngh|ng|nh|gh|gi|kh|ph|th|tr|ch|qu|[bcdđghklmnprstvx])?"
    r"(?:(?:a|ă|â|e|ê|i|o|ô|ơ|u|ư|iê|yê|oa|oă|oe|oo|uâ|uê|uô|uy|uyê|ươ|y)(?P<final>ch|ng|nh|[cmnpt])"
    r"|a|ai|ao|au|ay|âu|ây|e|eo|ê|êu|i|ia|iu|iêu|yêu|o|oi|oa|oai|oao|oay|oe|oeo|ô|ôi|ơ|ơi|y"
    r"|u|ui|ua|uê|uơ|uy|uya|uyu|uây|uôi|ư|ưa|ưi|ưu|ươi|ươu)"
)
_TONES: Final = "\u0300\u0301\u0303\u0309\u0323"
_STOPPED: Final = ("c", "p", "t", "ch")
_TONES_OF_STOPPED: Final = "\u0301\u0323"
_WORD: Final = re.compile(r"[^\W\d_]+")
_BREAKS: Final = re.compile(rb"[\r\n|^~&]+")
_CANDIDATES: Final = ("tcvn3", "vni", "viscii", "cp1258")
_ENOUGH_WORDS: Final = 2


def recognize(raw: bytes) -> str | None:
    """Name the set in which every word beyond ASCII is a Vietnamese syllable, or None.

    At least two different words must be, and they must read otherwise than in windows-1252: what
    reads so as French or German as well is left to them.
    """
    parts = [part for part in _BREAKS.split(raw) if not part.isascii()]
    passage = b"\r".join(parts)
    fitting = [codec for codec in _CANDIDATES if _is_vietnamese(passage, codec)]
    # VISCII is the rarest by far: it is believed when none of the others can be.
    likely = [codec for codec in fitting if codec != "viscii"] or fitting
    return likely[0] if len(likely) == 1 else None


def is_syllable(word: str) -> bool:
    """True when `word`, in NFC, is built as a Vietnamese syllable."""
    parts = unicodedata.normalize("NFD", word.lower())
    tones = [part for part in parts if part in _TONES]
    letters = unicodedata.normalize("NFC", "".join(part for part in parts if part not in _TONES))
    found = _SYLLABLE.fullmatch(letters)
    if found is None or len(tones) > 1:
        return False
    return found["final"] not in _STOPPED or (bool(tones) and tones[0] in _TONES_OF_STOPPED)


def _is_vietnamese(passage: bytes, codec: str) -> bool:
    text = CharacterSet(codec).decode(passage)
    words = {word for word in _WORD.findall(text) if not word.isascii()}
    if len(words) < _ENOUGH_WORDS or not all(is_syllable(word) for word in words):
        return False
    outside = re.sub(r"\w|[\x00-\x7f]", "", text)
    return not outside and text != CharacterSet(WINDOWS_LATIN).decode(passage)
