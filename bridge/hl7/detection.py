"""Which character set the bytes of a message are in: MSH-18 weighed against the bytes themselves.

Senders mislabel. UTF-8 that is valid beats a blank or single-byte label; bytes that nothing fits
are decoded with replacement characters and a warning, since the journal keeps the original.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from bridge.domain import code_extension
from bridge.hl7 import vietnamese_text
from bridge.hl7.characters import (
    ASCII,
    CODECS,
    REPLACEMENT,
    UTF_8,
    WINDOWS_LATIN,
    CharacterSet,
    character_set,
    labelled,
    normalize,
    reduce_label,
)
from bridge.hl7.double_encoding import mend_double_encoding
from bridge.hl7.errors import CharacterSetRefused
from bridge.hl7.iso2022 import restore_sequences

__all__ = ["Decoded", "declared", "decode"]

_REFUSED: Final = re.compile(r"(UNICODE)?UTF(16|32)(LE|BE)?$")
_TWO_BYTE_MARKS: Final = (b"\xff\xfe", b"\xfe\xff", b"M\0", b"\0M", b"\0\0")
_LINE_END: Final = re.compile(rb"[\r\n]+")
_KANJI_RUN: Final = re.compile(rb"\x1b\$[@B].*?\x1b\([BJ]", re.DOTALL)
_COUNTRY, _LABEL = 16, 17  # MSH-17 and MSH-18 in a header that was split
_FIRST_LIKELY_LABEL: Final = 12

# Text in these is hardly ever valid UTF-8 by accident, and never with a letter of three bytes.
_MULTI_BYTE: Final = frozenset(
    {"shift_jis", "cp932", "euc_jp", "euc_kr", "cp949", "gb18030", "big5", "cp950", "euc_tw"}
)
_LAST_OF_TWO_BYTES: Final = "\u07ff"

# What else senders write under a label: the set of their system, which holds more.
_INSTEAD: Final = {
    "cp932": ("euc_jp",),
    "cp949": ("johab",),
    "cp950": ("big5hkscs", "gb18030"),
    "euc_tw": ("cp950", "big5hkscs"),
    "gb18030": ("cp950",),
}
# What senders that announce ISO 2022 write all the same: the 8-bit set their system uses.
_EIGHT_BIT: Final = {
    **dict.fromkeys(("ISOIR87", "ISO2022IR87", "ISOIR159", "ISO2022IR159"), ("cp932", "euc_jp")),
    **dict.fromkeys(("ISOIR149", "ISO2022IR149", "KSX1001"), ("cp949",)),
    **dict.fromkeys(("ISOIR58", "ISO2022IR58"), ("gb18030",)),
}
# The codes of MSH-17 (ISO 3166), and what systems of the country write when they do not say.
_OF_COUNTRY: Final = {
    "JPN": ("cp932", "euc_jp"),
    "KOR": ("cp949",),
    "CHN": ("gb18030",),
    "TWN": ("cp950",),
    "HKG": ("big5hkscs",),
    "THA": ("tis_620",),
    **dict.fromkeys(("RUS", "UKR", "BGR", "SRB", "BLR", "KAZ"), ("cp1251",)),
    **dict.fromkeys(("POL", "CZE", "SVK", "HUN", "ROU", "SVN", "HRV"), ("cp1250",)),
    **dict.fromkeys(("GRC", "CYP"), ("cp1253",)),
    "TUR": ("cp1254",),
    "ISR": ("cp1255",),
    **dict.fromkeys(("LTU", "LVA", "EST"), ("cp1257",)),
}
_VIETNAM: Final = "VNM"
# ISO 8859 has no letters from 80 to 9F; Windows does, and its pages are taken for the parts.
_WINDOWS: Final = {
    **{"iso8859-1": "cp1252", "iso8859-15": "cp1252", "iso8859-2": "cp1250"},
    **{"iso8859-4": "cp1257", "iso8859-13": "cp1257", "iso8859-5": "cp1251"},
    **{"iso8859-6": "cp1256", "iso8859-7": "cp1253", "iso8859-8": "cp1255"},
    **{"iso8859-9": "cp1254", "iso8859-11": "cp874", "tis_620": "cp874"},
}
_DELIMITER: Final = re.compile(rb"([|^~&\r\n])")
_REPLACEMENT_BYTES: Final = REPLACEMENT.encode(UTF_8)
_CONTROL_RANGE: Final = re.compile(rb"[\x80-\x9f]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message as text, the character set that gave it, and what was wrong with the label."""

    text: str
    character_set: CharacterSet
    warnings: tuple[str, ...] = ()


def declared(raw: bytes) -> tuple[str, ...]:
    """Return the repetitions of MSH-18 as they stand in the bytes; one empty string when blank."""
    fields = _header_fields(raw)
    if len(fields) <= _LABEL or not fields[_LABEL]:
        return ("",)
    repetition = fields[1][1:2] or b"~"
    return tuple(part.decode("latin-1") for part in fields[_LABEL].split(repetition))


def decode(raw: bytes, *, override: str | None = None, fallback: str = UTF_8) -> Decoded:
    """Turn the bytes of one message into text; never fails over bytes that do not fit.

    `override` is the peer's configured character set, believed before MSH-18; `fallback` is the
    site's, tried when the label says nothing useful.

    Raises:
        CharacterSetRefused: the message is, or claims to be, in UTF-16 or UTF-32.
        LookupError: `override` or `fallback` is unknown; a fault of the configuration.
    """
    warnings: list[str] = []
    unmarked = raw.removeprefix(codecs.BOM_UTF8)
    stated = _stated(unmarked, override, warnings)
    if len(unmarked) < len(raw):
        warnings.append("UTF-8 byte order mark before MSH")
        stated = CharacterSet(UTF_8) if stated == ASCII else stated
    restored = restore_sequences(unmarked)
    if code_extension.switches(restored):
        return _read_switching(restored, stated, warnings)
    if unmarked.isascii() and stated.codec not in _USING_CONTROLS:
        return Decoded(unmarked.decode("ascii"), stated, tuple(warnings))
    if override:
        return _read(unmarked, stated, warnings)
    chosen = _Evidence(unmarked, stated, fallback).choose(warnings)
    if chosen is None:
        return _read_by_field(unmarked, warnings)
    decoded = _read(unmarked, chosen, warnings)
    mended = mend_double_encoding(decoded.text)
    if mended == decoded.text:
        return decoded
    warning = "text that was encoded as UTF-8 twice was read so"
    return replace(decoded, text=normalize(mended), warnings=(*decoded.warnings, warning))


# These put letters on control characters.
_USING_CONTROLS: Final = frozenset({"viscii", "tcvn3"})


def _header_fields(raw: bytes) -> list[bytes]:
    """MSH cut at its field separator, which may also be a second byte of a letter in it."""
    header = _LINE_END.split(raw[:8192].lstrip(b"\x0b\r\n\t "), maxsplit=1)[0]
    if b"\x1b" in header:
        header = _KANJI_RUN.sub(b"", header)
    separator = header[3:4]
    fields = header.split(separator) if separator else []
    if header.isascii():
        return fields
    for field in fields[_FIRST_LIKELY_LABEL:]:
        codec = CODECS.get(reduce_label(field.decode("latin-1")), "")
        if codec in _MULTI_BYTE:
            text = CharacterSet(codec).decode_as_is(header)
            again = [part.encode("utf-8") for part in text.split(separator.decode("latin-1"))]
            return again if again[_LABEL : _LABEL + 1] == [field] else fields
    return fields


def _stated(raw: bytes, override: str | None, warnings: list[str]) -> CharacterSet:
    """The character set of the peer's configuration, or else of MSH-18."""
    if raw.startswith(_TWO_BYTE_MARKS):
        raise CharacterSetRefused("message is in UTF-16 or UTF-32", location="MSH^1^18")
    if override:
        return character_set(override)
    labels = declared(raw)
    unknown, is_refused = _judge(labels)
    if is_refused:
        raise CharacterSetRefused("MSH-18 names UTF-16 or UTF-32", location="MSH^1^18")
    warnings.extend(unknown)
    return labelled(labels)


@lru_cache(maxsize=256)
def _judge(labels: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """What is to be said of labels, and whether one of them cannot be taken."""
    names = [reduce_label(label) for label in labels]
    unknown = tuple(
        f"MSH-18 repetition {position} is not a known character set"
        for position, name in enumerate(names, start=1)
        if name not in CODECS
    )
    return unknown, any(_REFUSED.match(name) for name in names)


class _Evidence:
    """The label, the bytes, and what can be told from both."""

    def __init__(self, raw: bytes, stated: CharacterSet, fallback: str) -> None:
        self._raw = raw
        self._stated = stated
        self._fallback = fallback
        self._fields = _header_fields(raw)

    def choose(self, warnings: list[str]) -> CharacterSet | None:
        """Give the character set of the whole message; None when its fields are in several."""
        stated = self._stated
        fits_utf_8 = CharacterSet(UTF_8).fits(self._raw)
        if stated.codec == UTF_8:
            if fits_utf_8:
                return stated
            warnings.append("MSH-18 says UTF-8, the bytes are not")
            return self._guess(warnings)
        if fits_utf_8 and not (stated.codec in _MULTI_BYTE and not self._is_surely_utf_8()):
            warnings.append(f"MSH-18 says {stated.codec}, the bytes are UTF-8")
            return CharacterSet(UTF_8)
        if stated.codec == ASCII.codec:
            return self._choose_unlabelled(warnings)
        return self._mend_label(warnings)

    def _is_surely_utf_8(self) -> bool:
        return any(letter > _LAST_OF_TWO_BYTES for letter in self._raw.decode(UTF_8))

    def _mend_label(self, warnings: list[str]) -> CharacterSet:
        """Another set than the stated one when that explains bytes that it does not."""
        stated = self._stated
        windows = _WINDOWS.get(stated.codec)
        if windows and _CONTROL_RANGE.search(self._raw):
            if CharacterSet(windows).fits(self._raw):
                label = stated.codec.replace("iso8859-", "8859/")
                page = windows.replace("cp", "windows-")
                warnings.append(f"MSH-18 says {label}, the bytes are {page}")
                return CharacterSet(windows)
        elif not stated.fits(self._raw):
            for codec in _INSTEAD.get(stated.codec, ()):
                if CharacterSet(codec).fits(self._raw):
                    warnings.append(f"MSH-18 says {stated.codec}, the bytes are {codec}")
                    return CharacterSet(codec)
        return stated

    def _choose_unlabelled(self, warnings: list[str]) -> CharacterSet | None:
        names = [reduce_label(label) for label in declared(self._raw)]
        for name in names:
            for codec in _EIGHT_BIT.get(name, ()):
                if CharacterSet(codec).fits(self._raw):
                    warnings.append(f"MSH-18 says ISO 2022, the bytes are {codec}")
                    return CharacterSet(codec)
        warnings.append("MSH-18 says ASCII, the bytes are not")
        return self._guess(warnings)

    def _guess(self, warnings: list[str]) -> CharacterSet | None:
        """The site's set, the country's, that of Vietnamese before Unicode; else Latin letters."""
        site = character_set(self._fallback)
        fits_site = site.fits(self._raw)
        # A set of single bytes fits anything, also UTF-8 with a letter cut at a length limit.
        if self._is_partly_utf_8() and not (fits_site and site.codec in _MULTI_BYTE):
            return None
        if fits_site:
            return site
        field = self._fields[_COUNTRY] if len(self._fields) > _COUNTRY else b""
        country = field.decode("latin-1").strip().upper()
        for codec in _OF_COUNTRY.get(country, ()):
            if CharacterSet(codec).fits(self._raw):
                warnings.append(f"read as {codec}, after the country of MSH-17")
                return CharacterSet(codec)
        may_be_vietnamese = country in ("", _VIETNAM)
        if may_be_vietnamese and (found := vietnamese_text.recognize(self._raw)):
            warnings.append(f"read as Vietnamese in {found}")
            return CharacterSet(found)
        return CharacterSet(WINDOWS_LATIN)

    def _is_partly_utf_8(self) -> bool:
        """True when most bytes are UTF-8, and that cannot be chance.

        A stray byte, such as a letter cut at a length limit, is then the exception, or some values
        come from a system that writes otherwise.
        """
        text = self._raw.decode(UTF_8, "replace")
        broken = text.count(REPLACEMENT)
        letters = [letter for letter in text if not letter.isascii() and letter != REPLACEMENT]
        if self._stated.codec == UTF_8:
            return len(letters) > broken
        return any(letter > _LAST_OF_TWO_BYTES for letter in letters) and len(letters) >= broken


def _read(raw: bytes, chosen: CharacterSet, warnings: list[str]) -> Decoded:
    text = chosen.decode(raw)
    came = raw.count(_REPLACEMENT_BYTES) if chosen.codec == UTF_8 else 0
    if came:
        warnings.append("letters were lost before the message came (U+FFFD)")
    if text.count(REPLACEMENT) > came:
        warnings.append(f"bytes that are not {chosen.codec} were replaced")
    return Decoded(text, chosen, tuple(warnings))


def _read_by_field(raw: bytes, warnings: list[str]) -> Decoded:
    """Each value in UTF-8 when it can be, as an engine leaves it that joins several senders."""
    values = (_read_value(value) for value in _DELIMITER.split(raw))
    text = normalize("".join(values))
    warnings.append("some values are UTF-8 and some are not")
    if REPLACEMENT in text:
        warnings.append("bytes that are not utf-8 were replaced")
    return Decoded(text, CharacterSet(UTF_8), tuple(warnings))


def _read_value(value: bytes) -> str:
    text = value.decode(UTF_8, "replace")
    whole = sum(not letter.isascii() for letter in text) - text.count(REPLACEMENT)
    return text if whole or REPLACEMENT not in text else value.decode(WINDOWS_LATIN, "replace")


def _read_switching(raw: bytes, stated: CharacterSet, warnings: list[str]) -> Decoded:
    if not stated.switching:
        warnings.append("ISO 2022 escape sequences that MSH-18 does not announce")
    codec = UTF_8 if stated.codec == ASCII.codec else stated.codec
    switching = replace(stated, codec=codec, switching=True)
    text = switching.decode(raw)
    if REPLACEMENT in text:
        warnings.append("bytes that do not fit their ISO 2022 character set were replaced")
    return Decoded(text, switching, tuple(warnings))
