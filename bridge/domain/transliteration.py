"""Names of other scripts in ASCII letters, for devices that can show no others.

Cyrillic as passports have it (ICAO 9303-3), Greek after ELOT 743, kana after Hepburn, Hangul after
the Revised Romanization without its sound changes. Ideographs have no reading of their own, and
scripts that leave vowels out would come out unreadable: both stay as they are.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_LATIN: Final = {
    **{"đ": "d", "ð": "d", "ø": "o", "ł": "l", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe"},
    **{"þ": "th", "ħ": "h", "ŧ": "t", "ŋ": "ng", "ə": "a", "ĸ": "k", "ſ": "s", "ŉ": "n"},
}
_CYRILLIC: Final = {
    **dict(zip("абвгдеёзийклмнопрстуфыэ", "abvgdeeziiklmnoprstufye", strict=True)),
    **{"ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "ie", "ь": ""},
    **{"ю": "iu", "я": "ia", "є": "ie", "і": "i", "ї": "i", "ґ": "g", "ў": "u", "ђ": "dj"},
    **{"ј": "j", "љ": "lj", "њ": "nj", "ћ": "c", "џ": "dz", "ѓ": "g", "ќ": "k", "ѕ": "dz"},
    **{"ә": "a", "ғ": "g", "қ": "k", "ң": "n", "ө": "o", "ұ": "u", "ү": "u", "һ": "h"},
}
_GREEK: Final = {
    **dict(zip("αβγδεζηικλμνξοπρστυφως", "avgdeziiklmnxoprstyfos", strict=True)),
    **{"θ": "th", "χ": "ch", "ψ": "ps"},
}
_GREEK_PAIRS: Final = {"ου": "ou", "αυ": "av", "ευ": "ev", "γγ": "ng", "γκ": "gk", "γχ": "nch"}
_SIGNS: Final = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc\u02b9\u2035", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **{"\u00d7": "x", "\u20ac": "EUR", "\u00a3": "GBP", "\u3001": ",", "\u3002": "."},
    **{"\u00b5": "u", "\u00b0": "deg", "\u2122": "(TM)", "\u00ae": "(R)", "\u00a9": "(C)"},
    **{"\u30fb": " ", "\u00b7": " ", "\u00bf": "", "\u00a1": ""},
}
_CASED: Final = _LATIN | _CYRILLIC | _GREEK

_KANA_ROWS: Final = {
    "": "あいうえお",
    "k": "かきくけこ",
    "s": "さしすせそ",
    "t": "たちつてと",
    "n": "なにぬねの",
    "h": "はひふへほ",
    "m": "まみむめも",
    "r": "らりるれろ",
    "g": "がぎぐげご",
    "z": "ざじずぜぞ",
    "d": "だぢづでど",
    "b": "ばびぶべぼ",
    "p": "ぱぴぷぺぽ",
}
_KANA: Final = {
    **{
        kana: row + vowel
        for row, line in _KANA_ROWS.items()
        for kana, vowel in zip(line, "aiueo", strict=True)
    },
    **{"し": "shi", "ち": "chi", "つ": "tsu", "ふ": "fu", "じ": "ji", "ぢ": "ji", "づ": "zu"},
    **{"や": "ya", "ゆ": "yu", "よ": "yo", "わ": "wa", "ゐ": "i", "ゑ": "e", "を": "o"},
    **{"ん": "n", "ゔ": "vu", "ぁ": "a", "ぃ": "i", "ぅ": "u", "ぇ": "e", "ぉ": "o"},
}
_SMALL_Y: Final = {"ゃ": "ya", "ゅ": "yu", "ょ": "yo"}
_SMALL_VOWELS: Final = {"ぁ": "a", "ぃ": "i", "ぅ": "u", "ぇ": "e", "ぉ": "o"}
_DOUBLED, _LONG = "っ", "ー"
_KATAKANA_TO_HIRAGANA: Final = ord("ァ") - ord("ぁ")
_KANA_RUN: Final = re.compile("[ぁ-ゔァ-ヴー]+")
_KATAKANA: Final = re.compile("[ァ-ヴ]")

_HANGUL: Final = re.compile("[가-힣]")
_LEADS: Final = "g kk n d tt r m b pp s ss  j jj ch k t p h".split(" ")  # noqa: SIM905
_VOWELS: Final = "a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i".split(" ")  # noqa: SIM905
_TAILS: Final = " k k k n n n t l k m l l l p l m p p t t ng t t k t p t".split(" ")  # noqa: SIM905

_WIDE: Final = re.compile("[\u3000\uff01-\uff9f]+")
_GREEK_PAIR: Final = re.compile("|".join(_GREEK_PAIRS), re.IGNORECASE)


@lru_cache(maxsize=4096)
def transliterate(text: str) -> str:
    """Write what can be in ASCII letters; marks on Latin letters and other scripts stay."""
    text = _WIDE.sub(lambda wide: unicodedata.normalize("NFKC", wide[0]), text)
    text = _GREEK_PAIR.sub(_greek_pair, _without_greek_marks(text))
    text = _HANGUL.sub(_hangul, _KANA_RUN.sub(_kana, text))
    return "".join(_letter(text, at) for at in range(len(text)))


def _letter(text: str, at: int) -> str:
    letter = text[at]
    if letter.isascii():
        return letter
    small = letter.lower()
    latin = _CASED.get(small)
    if latin is None:
        return _SIGNS.get(letter) or _of_parts(letter)
    if small == letter:
        return latin
    return latin.capitalize() if text[at + 1 : at + 2].islower() else latin.upper()


def _of_parts(letter: str) -> str:
    """What a sign is in compatibility with ASCII (² is 2, № is No); else the letter."""
    if letter in _SIGNS:
        return ""
    if unicodedata.category(letter)[0] in "LM" and letter not in "ªº":
        return letter
    plain = unicodedata.normalize("NFKD", letter).replace("\u2044", "/")
    return plain if plain.isascii() else letter


def _without_greek_marks(text: str) -> str:
    """Greek vowels without accents; those of other scripts make other letters."""
    return "".join(_greek_base(letter) if _is_greek(letter) else letter for letter in text)


def _is_greek(letter: str) -> bool:
    return "\u0370" <= letter <= "\u03ff" or "\u1f00" <= letter <= "\u1fff"


def _greek_base(letter: str) -> str:
    return unicodedata.normalize("NFD", letter)[0]


def _greek_pair(pair: re.Match[str]) -> str:
    latin = _GREEK_PAIRS[pair[0].lower()]
    if pair[0].islower():
        return latin
    return latin.upper() if pair[0].isupper() else latin.capitalize()


def _hangul(syllable: re.Match[str]) -> str:
    number = ord(syllable[0]) - ord("가")
    lead, rest = divmod(number, len(_VOWELS) * len(_TAILS))
    vowel, tail = divmod(rest, len(_TAILS))
    return (_LEADS[lead] + _VOWELS[vowel] + _TAILS[tail]).upper()


def _kana(run: re.Match[str]) -> str:
    hiragana = _KATAKANA.sub(lambda kana: chr(ord(kana[0]) - _KATAKANA_TO_HIRAGANA), run[0])
    written = ""
    doubled = False
    for kana in hiragana:
        if kana == _DOUBLED:
            doubled = True
            continue
        latin = _KANA.get(kana, "")
        if kana in _SMALL_Y:
            written, latin = _join_small_y(written, _SMALL_Y[kana])
        elif kana in _SMALL_VOWELS and written[-1:] in ("u", "e", "o", "i"):
            written = written[:-1]
        if doubled and latin:
            written += "t" if latin.startswith("ch") else latin[0]
            doubled = False
        written += "" if kana == _LONG else latin
    return written.upper()


def _join_small_y(written: str, latin: str) -> tuple[str, str]:
    """きゃ is kya, しゃ is sha."""
    if not written.endswith("i"):
        return written, latin
    stem = written[:-1]
    return stem, latin[1:] if stem.endswith(("sh", "ch", "j")) else latin
