"""Vietnamese character sets from before Unicode, as sites still label them: VISCII, TCVN3, VNI.

Python has no codec for them. A decoder takes bytes, never fails, and returns text that still needs
Unicode normalisation (NFC); an encoder takes one letter in NFC, and gives None for one that is not
in its set. windows-1258 is here too: Python's codec can read it, and not write composed letters.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# RFC 1456; six capitals that are rare take the places of control characters.
_VISCII_LOW = {0x02: "Ẳ", 0x05: "Ẵ", 0x06: "Ẫ", 0x14: "Ỷ", 0x19: "Ỹ", 0x1E: "Ỵ"}
_VISCII_HIGH = (
    "ẠẮẰẶẤẦẨẬẼẸẾỀỂỄỆỐỒỔỖỘỢỚỜỞỊỎỌỈỦŨỤỲ"
    "Õắằặấầẩậẽẹếềểễệốồổỗ\u1ee0ƠộờởịỰỨỪỬơớƯ"
    "ÀÁÂÃẢĂẳẵÈÉÊẺÌÍĨỳĐứÒÓÔạỷừửÙÚỹỵÝỡư"
    "àáâãảăữẫèéêẻìíĩỉđựòóôõỏọụùúũủýợỮ"
)

# TCVN 5712:1993. The ABC fonts, which is what "TCVN3" means in practice, use the lower half of this
# table for capitals too; the upper rows (0x80 to 0x9F) and the letters on control characters come
# from the full standard.
_TCVN_LOW = dict(zip((1, 2, *range(4, 7), *range(17, 24)), "ÚỤỪỬỮỨỰỲỶỸÝỴ", strict=True))
_TCVN_HIGH = (
    "ÀẢÃÁẠẶẬÈẺẼÉẸỆÌỈĨÍỊÒỎÕÓỌỘỜỞỠỚỢÙỦŨ"
    "\u00a0ĂÂÊÔƠƯĐăâêôơưđẰ\u0300\u0309\u0303\u0301\u0323àảãáạẲằẳẵắ"
    "ẴẮẦẨẪẤỀặầẩẫấậèỂẻẽéẹềểễếệìỉỄẾỒĩíị"
    "òỔỏõóọồổỗốộờởỡớợùỖủũúụừửữứựỳỷỹýỵỐ"
)

# VNI writes a letter and then its marks as one further byte of windows-1252.
_VNI_MARKS = str.maketrans(
    {
        "ù": "\u0301",
        "ø": "\u0300",
        "û": "\u0309",
        "õ": "\u0303",
        "ï": "\u0323",
        "â": "\u0302",
        "á": "\u0302\u0301",
        "à": "\u0302\u0300",
        "å": "\u0302\u0309",
        "ã": "\u0302\u0303",
        "ä": "\u0302\u0323",
        "ê": "\u0306",
        "é": "\u0306\u0301",
        "è": "\u0306\u0300",
        "ú": "\u0306\u0309",
        "ü": "\u0306\u0303",
        "ë": "\u0306\u0323",
    }
)
_VNI_LETTERS = str.maketrans("ñÑôÔöÖæÆóÓòÒîÎ", "đĐơƠưƯỉỈĩĨịỊỵỴ")
_VNI_VOWEL_AND_MARK = re.compile("([aeoyuôö])([ùøûõïâáàåãäêéèúüë])", re.IGNORECASE)


_TONES = "\u0300\u0309\u0303\u0301\u0323"

# The stretch in which capitals of the ABC fonts are told: a field.
_FIELD = re.compile(r"[^|\r\n]+")
_CAPITALS = re.compile("[A-Z]{2}")
_SMALL_ASCII = re.compile("[a-z]")


def _decode_single_byte(raw: bytes, letters: dict[int, str]) -> str:
    return raw.decode("latin-1").translate(letters)


def _table(low: dict[int, str], high: str) -> dict[int, str]:
    return {**low, **{0x80 + position: letter for position, letter in enumerate(high)}}


_VISCII = _table(_VISCII_LOW, _VISCII_HIGH)
_TCVN = _table(_TCVN_LOW, _TCVN_HIGH)


def decode_viscii(raw: bytes) -> str:
    """Read VISCII (RFC 1456)."""
    return _decode_single_byte(raw, _VISCII)


def decode_tcvn3(raw: bytes) -> str:
    """Read TCVN 5712:1993, known as TCVN3 or ABC.

    Its fonts of capitals show small letters: where all else in a field is capitals, these are too.
    """
    return _FIELD.sub(_raise_capitals, _decode_single_byte(raw, _TCVN))


def _raise_capitals(field: re.Match[str]) -> str:
    text = field[0]
    if text.isascii() or not _CAPITALS.search(text) or _SMALL_ASCII.search(text):
        return text
    return text.upper()


def decode_vni(raw: bytes) -> str:
    """Read VNI for Windows: base letter, then a byte for the marks above and below it."""

    def compose(pair: re.Match[str]) -> str:
        letter, mark = pair.groups()
        return letter.translate(_VNI_LETTERS) + mark.lower().translate(_VNI_MARKS)

    # Pairs first: the second bytes are letters of their own elsewhere. What is left is single.
    text = raw.decode("cp1252", "replace")
    pieces = _VNI_VOWEL_AND_MARK.split(text)
    singles = [piece.translate(_VNI_LETTERS) for piece in pieces[::3]]
    pairs = [compose(pair) for pair in _VNI_VOWEL_AND_MARK.finditer(text)]
    return "".join(single + pair for single, pair in zip(singles, [*pairs, ""], strict=True))


def encode_viscii(letter: str) -> bytes | None:
    """Write one letter in VISCII."""
    return _codes_of("viscii").get(letter)


def encode_tcvn3(letter: str) -> bytes | None:
    """Write one letter in TCVN 5712:1993; a rare one as letter and tone mark."""
    return _codes_of("tcvn3").get(letter)


def encode_vni(letter: str) -> bytes | None:
    """Write one letter in VNI for Windows."""
    return _codes_of("vni").get(letter)


def encode_windows_1258(letter: str) -> bytes | None:
    """Write one letter in windows-1258: what has no place of its own, with a tone mark after it."""
    parts = unicodedata.normalize("NFD", letter)
    tones = "".join(part for part in parts if part in _TONES)
    rest = unicodedata.normalize("NFC", "".join(part for part in parts if part not in _TONES))
    for spelling in (letter, rest + tones):
        try:
            return spelling.encode("cp1258")
        except UnicodeEncodeError:
            continue
    return None


@lru_cache(maxsize=4)
def _codes_of(name: str) -> dict[str, bytes]:
    """How each letter is written, the shortest way first."""
    letters = _every_vietnamese_letter()
    if name == "vni":
        pairs = (
            f"{base}{mark}".encode("cp1252")
            for base in "aeoyuôöAEOYUÔÖ"
            for mark in map(chr, _VNI_MARKS)
            for mark in ((mark.upper(),) if base.isupper() else (mark,))
        )
        singles = (letter.encode("cp1252") for letter in "ñôöæóòîìíÑÔÖÆÓÒÎÌÍ")
        found = {normalized(decode_vni(code)): code for code in (*pairs, *singles)}
    else:
        table = _TCVN if name == "tcvn3" else _VISCII
        single = {letter: bytes([code]) for code, letter in reversed(table.items())}
        found = {**single, **_with_tones(single, letters)}
    ascii_letters = {chr(code): bytes([code]) for code in range(0x80) if chr(code) not in found}
    return {**found, **ascii_letters}


def _with_tones(single: dict[str, bytes], letters: str) -> dict[str, bytes]:
    """Letters of which only the parts have a place: a letter and its tone."""
    found = {}
    for letter in letters:
        parts = unicodedata.normalize("NFD", letter)
        tone = next((part for part in parts if part in _TONES), "")
        base = unicodedata.normalize("NFC", parts.replace(tone, "")) if tone else ""
        if letter not in single and base in single and tone in single:
            found[letter] = single[base] + single[tone]
    return found


def _every_vietnamese_letter() -> str:
    vowels = "aăâeêioôơuưy"
    small = "".join(unicodedata.normalize("NFC", v + tone) for v in vowels for tone in _TONES)
    return small + small.upper()


def normalized(text: str) -> str:
    """Return text in NFC."""
    return unicodedata.normalize("NFC", text)
