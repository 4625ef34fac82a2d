"""Specific Character Set (0008,0005): PS3.3 C.12.1.1.2, PS3.5 section 6.1 and Annexes H to K."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from bridge.domain import code_extension
from bridge.domain.code_extension import GRAPHIC_SETS, REPLACEMENT, GraphicSet, Repertoire
from bridge.domain.names import to_ascii
from bridge.domain.scripts import IDEOGRAPHIC, group_of

UNICODE: Final = "ISO_IR 192"

# What stands alone, and the codec of it.
_ALONE: Final = {UNICODE: "utf-8", "GB18030": "gb18030", "GBK": "gbk"}
_DEFAULT_REPERTOIRE: Final = ("", "ISO_IR 6", "ISO 2022 IR 6")
# Sets of one byte a letter, which may be the first or only value, and those of two.
_SINGLE_BYTE: Final = {
    number: GRAPHIC_SETS[f"8859/{part}"]
    for number, part in {
        **{100: 1, 101: 2, 109: 3, 110: 4, 144: 5, 127: 6, 126: 7, 138: 8, 148: 9},
        **{166: 11, 203: 15},
    }.items()
} | {13: GRAPHIC_SETS["JIS X 0201"]}
_MULTI_BYTE: Final = {
    87: GRAPHIC_SETS["JIS X 0208"],
    159: GRAPHIC_SETS["JIS X 0212"],
    149: GRAPHIC_SETS["KS X 1001"],
    58: GRAPHIC_SETS["GB 2312"],
}
_GRAPHIC_SETS: Final = {f"ISO 2022 IR {number}": one for number, one in _SINGLE_BYTE.items()} | {
    f"ISO 2022 IR {number}": one for number, one in _MULTI_BYTE.items()
}
# What devices write under these instead of escape sequences: the 8-bit set of their system.
_EIGHT_BIT: Final = {
    **dict.fromkeys(("13", "87", "159"), "cp932"),
    "149": "cp949",
    "58": "gb18030",
}
_JIS_ROMAN, _ASCII = b"(J", b"(B"

# Of names and of values; after them the first set is in place again (PS3.5 6.1.2.5.3). Texts that
# are no names are written so too: who reads them need not know what they are.
_DELIMITERS: Final = "^=\\"
_MOST_GROUPS: Final = 3

# What letters leave behind that were left out: blanks side by side or at an edge, empty brackets.
_HOLES: Final = re.compile(r" ?\( *\)| (?= )| (?=\^)|(?<=\^) ")


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """The values of one Specific Character Set; none means the default repertoire.

    Text that arrives is decoded whatever it claims to be: as UTF-8 or else as Latin-1 when its
    bytes contradict the declaration, never with replacement characters.
    """

    terms: tuple[str, ...] = ()

    @property
    def has_extensions(self) -> bool:
        """Whether texts may switch between several sets by escape sequences (ISO 2022)."""
        return len(self.terms) > 1

    def decode(self, value: bytes) -> str:
        """Give the text of `value` in NFC."""
        if value.isascii() and b"\x1b" not in value and b"\x0e" not in value:
            return value.decode("ascii")
        text = self._decode_switching(value) if code_extension.switches(value) else None
        return unicodedata.normalize("NFC", text or self._decode_plain(value))

    def reads(self, value: bytes) -> bool:
        """Whether `value` is written in the set, as far as its bytes tell."""
        if value.isascii() and b"\x1b" not in value and b"\x0e" not in value:
            return True
        if code_extension.switches(value):
            return self._decode_switching(value) is not None
        return REPLACEMENT not in self._decode_first(value)

    def carries(self, text: str) -> bool:
        """Whether the set can carry the whole `text`."""
        return text.isascii() or self._encoded(text) is not None

    def encode(self, text: str, *, is_name: bool = False, limit: int | None = None) -> bytes:
        """Encode what the set can carry of `text`, the rest folded to ASCII, never as `?`.

        What cannot be folded either is left out; a text of which nothing remains gives no bytes.
        Folded text that is longer than `limit` characters (of each component group) is cut.
        """
        if text.isascii():
            return text.encode("ascii")
        if is_name:
            names = [self._encode_name(name, limit) for name in text.split("\\")]
            return b"\\".join(name for name in names if name)
        encoded = self._encoded(text)
        return _folded(text, limit) if encoded is None else encoded

    def _encode_name(self, name: str, limit: int | None) -> bytes:
        """Each component group is carried whole, or folded when it is the first, or left out.

        The first holds single-byte characters, without escape sequences (PS3.5 6.2.1.2): a name
        that came in ideographs alone becomes the second group, in kana or Hangul alone the third.
        """
        groups = [*name.split("="), "", ""][:_MOST_GROUPS]
        first = groups[0].encode("ascii") if groups[0].isascii() else self._alphabetic(groups[0])
        if first is None:
            own = group_of(groups[0]) or IDEOGRAPHIC
            groups[own] = groups[own] or groups[0]
        others = [self._encoded(group) or b"" for group in groups[1:]]
        if not first:
            first = _folded(groups[0], limit) or _romanized(groups[2:] + groups[1:2], limit)
        return b"=".join((first, *others)).rstrip(b"=")

    def _alphabetic(self, group: str) -> bytes | None:
        """The group in the first of several sets, or in the only one."""
        if self.has_extensions:
            repertoire = _repertoire(self.terms)
            return code_extension.encode(group, Repertoire(repertoire.initial), _DELIMITERS)
        return self._encoded(group)

    def _encoded(self, text: str) -> bytes | None:
        """Encode all of `text`, or nothing."""
        if text.isascii():
            return text.encode("ascii")
        codec = _ALONE.get(self.terms[0]) if self.terms else None
        if codec is None:
            return _encode(text, self.terms)
        try:
            return text.encode(codec)
        except UnicodeEncodeError:
            return None

    def _decode_switching(self, value: bytes) -> str | None:
        initial = _repertoire(self.terms).initial
        delimiters = _DELIMITERS.encode("ascii") if initial else b""
        text = code_extension.decode(value, self._decode_first, delimiters=delimiters)
        return None if REPLACEMENT in text else text

    def _decode_first(self, value: bytes) -> str:
        """What stands in the first set."""
        if self.terms and self.terms[0] in _ALONE:
            return value.decode(_ALONE[self.terms[0]], "replace")
        initial = _repertoire(self.terms).initial
        return initial.decode(value) if initial else value.decode("ascii", "replace")

    def _decode_plain(self, value: bytes) -> str:
        text = self._decode_first(value)
        if REPLACEMENT not in text:
            return text
        for codec in ("utf-8", *_eight_bit_codecs(self.terms)):
            try:
                return value.decode(codec)
            except UnicodeError:
                continue
        return value.decode("latin-1")


DEFAULT = CharacterSet()
UTF8 = CharacterSet((UNICODE,))


@lru_cache(maxsize=256)
def character_set(value: str) -> CharacterSet:
    """Read the text of (0008,0005) or of a configuration, forgiving its spelling."""
    terms = tuple(_normalised(term) for term in value.split("\\"))
    alone = next((term for term in terms if term in _ALONE), None)
    if alone is not None:
        return CharacterSet((alone,))
    extended = tuple(term.replace("ISO_IR", "ISO 2022 IR") for term in terms)
    known = tuple(
        "" if term in _DEFAULT_REPERTOIRE else term
        for term in extended
        if term in _DEFAULT_REPERTOIRE or term in _GRAPHIC_SETS
    )
    others = tuple(dict.fromkeys(term for term in known[1:] if term))
    first = known[0] if known else ""
    if first and _GRAPHIC_SETS[first] in _MULTI_BYTE.values():
        first, others = "", (first, *others)
    if others:
        return CharacterSet((first, *others))
    return CharacterSet((first.replace("ISO 2022 IR", "ISO_IR"),)) if first else DEFAULT


def unknown_terms(value: str) -> tuple[str, ...]:
    """The values of (0008,0005) that name no character set, as they are written."""
    terms = [term for term in value.rstrip(" \0").split("\\") if term.strip(" \0")]
    return tuple(term for term in terms if not _is_known(_normalised(term.strip("\0"))))


def _is_known(term: str) -> bool:
    extended = term.replace("ISO_IR", "ISO 2022 IR")
    return term in _ALONE or term in _DEFAULT_REPERTOIRE or extended in _GRAPHIC_SETS


def _normalised(term: str) -> str:
    spelt = re.sub(r"[\s_\-]+", " ", term.strip().upper())
    spelt = re.sub(r"^ISO ?IR ?(\d+)$", r"ISO_IR \1", spelt)
    return re.sub(r"^ISO ?2022 ?IR ?(\d+)$", r"ISO 2022 IR \1", spelt)


@lru_cache(maxsize=256)
def _repertoire(terms: tuple[str, ...]) -> Repertoire:
    """What texts may be written in; ISO_IR 13 has the Roman set of JIS X 0201 beside it."""
    sets: list[GraphicSet | None] = [
        _GRAPHIC_SETS.get(term.replace("ISO_IR", "ISO 2022 IR")) for term in terms
    ]
    initial = sets[0] if sets else None
    home = _JIS_ROMAN if initial is _SINGLE_BYTE[13] else _ASCII
    return Repertoire(initial, tuple(one for one in sets[1:] if one), home)


@lru_cache(maxsize=4096)
def _encode(text: str, terms: tuple[str, ...]) -> bytes | None:
    return code_extension.encode(text, _repertoire(terms), _DELIMITERS)


def _eight_bit_codecs(terms: tuple[str, ...]) -> list[str]:
    numbers = (term.rpartition(" ")[2] for term in terms)
    return [_EIGHT_BIT[number] for number in numbers if number in _EIGHT_BIT]


def _folded(text: str, limit: int | None) -> bytes:
    """What ASCII can carry of one group or text; nothing when no word is left."""
    folded = "".join(letter for letter in to_ascii(text) if letter.isascii())
    if not any(letter.isalnum() for letter in folded):
        return b""
    folded = _HOLES.sub("", folded)
    return folded[:limit].strip(" ").encode("ascii")


def _romanized(groups: list[str], limit: int | None) -> bytes:
    """The first group whose script has a reading, kana before ideographs."""
    for group in groups:
        if group and to_ascii(group).isascii():
            return _folded(group, limit)
    return b""
