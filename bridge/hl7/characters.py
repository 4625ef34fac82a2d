"""Character sets of HL7 v2 (v2.5.1 2.15.9.18, table 0211): what MSH-18 says, what the bytes say.

Senders mislabel. UTF-8 that is valid beats a blank or single-byte label; bytes that nothing fits
are decoded with replacement characters and a warning, since the journal keeps the original. Text
is always in Unicode normalisation form C. Decoding comes before splitting, because the second
bytes of several Asian character sets look like delimiters.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bridge.hl7 import iso2022
from bridge.hl7.errors import CharacterSetRefused
from bridge.hl7.vietnamese import decode_tcvn3, decode_viscii, decode_vni

UTF_8: Final = "utf-8"
WINDOWS_LATIN: Final = "cp1252"
REPLACEMENT: Final = "\ufffd"

# Table 0211 and what sites write instead, both reduced to capitals and digits.
_CODECS: Final = {
    "": "ascii",
    "ASCII": "ascii",
    "USASCII": "ascii",
    "ISOIR6": "ascii",
    **{f"8859{part}": f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))},
    **{f"ISO8859{part}": f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))},
    "LATIN1": "iso8859-1",
    "ISOIR100": "iso8859-1",
    "ISOIR14": "shift_jis",
    "ISOIR13": "shift_jis",
    "ISOIR87": "ascii",
    "ISOIR159": "ascii",
    "SHIFTJIS": "cp932",
    "KSX1001": "euc_kr",
    "ISOIR149": "euc_kr",
    "EUCKR": "euc_kr",
    "GB180302000": "gb18030",
    "GB18030": "gb18030",
    "GBK": "gb18030",
    "GB2312": "gb18030",
    "BIG5": "big5",
    "CNS116431992": "big5",
    "TIS620": "tis_620",
    "ISOIR166": "tis_620",
    "UNICODE": UTF_8,
    "UNICODEUTF8": UTF_8,
    "UTF8": UTF_8,
    "ISOIR192": UTF_8,
    **{f"WINDOWS{page}": f"cp{page}" for page in range(1250, 1259)},
    **{f"CP{page}": f"cp{page}" for page in range(1250, 1259)},
    "VISCII": "viscii",
    "TCVN": "tcvn3",
    "TCVN3": "tcvn3",
    "TCVN5712": "tcvn3",
    "ABC": "tcvn3",
    "VNI": "vni",
}
_SWITCHING: Final = frozenset({"ISOIR87", "ISOIR159", "ISOIR149", "KSX1001", "ISOIR14", "ISOIR13"})
# What senders that announce ISO 2022 write all the same: the 8-bit set their system uses.
_EIGHT_BIT: Final = {
    "ISOIR87": "cp932",
    "ISOIR159": "cp932",
    "ISOIR149": "euc_kr",
    "KSX1001": "euc_kr",
}
_REFUSED: Final = re.compile(r"(UNICODE)?UTF(16|32)(LE|BE)?$")

# Text in these cannot be valid UTF-8 by accident of any likelihood; text in the others can.
_MULTI_BYTE: Final = frozenset({"shift_jis", "cp932", "euc_kr", "gb18030", "big5"})
_OWN: Final[dict[str, Callable[[bytes], str]]] = {
    "viscii": decode_viscii,
    "tcvn3": decode_tcvn3,
    "vni": decode_vni,
}

_LINE_END: Final = re.compile(rb"[\r\n]+")
_KANJI_RUN: Final = re.compile(rb"\x1b\$[@B].*?\x1b\([BJ]", re.DOTALL)
_MSH_18: Final = 17
_TWO_BYTE_MARKS: Final = (b"\xff\xfe", b"\xfe\xff", b"M\0", b"\0M", b"\0\0")


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """One way to read bytes: a codec, and whether ISO 2022 escape sequences switch within it."""

    codec: str
    switching: bool = False

    def decode(self, raw: bytes) -> str:
        """Decode `raw`, with U+FFFD for what does not fit; the result is in NFC."""
        return normalize(self.decode_as_is(raw))

    def decode_as_is(self, raw: bytes) -> str:
        """Decode `raw` without normalisation."""
        if self.switching and b"\x1b" in raw:
            return iso2022.decode(raw, CharacterSet(self.codec).decode_as_is)
        if own := _OWN.get(self.codec):
            return own(raw)
        return raw.decode(self.codec, "replace")


ASCII: Final = CharacterSet("ascii")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message as text, the character set that gave it, and what was wrong with the label."""

    text: str
    character_set: CharacterSet
    warnings: tuple[str, ...] = ()


def normalize(text: str) -> str:
    """Return `text` in Unicode normalisation form C."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def character_set(label: str) -> CharacterSet:
    """Return the character set for a label of table 0211, a site label or a Python codec name.

    For configuration, not for MSH-18: a Python codec name is accepted here.

    Raises:
        LookupError: nobody knows the label, or the codec cannot carry HL7 delimiters.
    """
    name = _reduce(label)
    if name in _CODECS:
        return CharacterSet(_CODECS[name], name in _SWITCHING)
    codec = codecs.lookup(label).name
    if b"MSH|^~\\&".decode(codec) != "MSH|^~\\&":
        raise LookupError(f"character set {label} cannot carry HL7 delimiters")
    return CharacterSet(codec)


def encode(text: str, label: str) -> bytes:
    """Encode `text` for an MSH-18 of `label`; what does not fit becomes `?`.

    Raises:
        LookupError: the label is unknown, or can be read but not written.
    """
    return text.encode(character_set(label).codec, "replace")


def declared(raw: bytes) -> tuple[str, ...]:
    """Return the repetitions of MSH-18 as they stand in the bytes; one empty string when blank."""
    header = _LINE_END.split(raw[:8192].lstrip(b"\x0b\r\n\t "), maxsplit=1)[0]
    if b"\x1b" in header:
        header = _KANJI_RUN.sub(b"", header)
    fields = header.split(header[3:4]) if header[3:4] else []
    if len(fields) <= _MSH_18 or not fields[_MSH_18]:
        return ("",)
    repetition = fields[1][1:2] or b"~"
    return tuple(part.decode("latin-1") for part in fields[_MSH_18].split(repetition))


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
    raw = unmarked
    if stated.switching:
        raw = iso2022.restore_sequences(raw)
    if iso2022.switches(raw):
        return _read_switching(raw, stated, warnings)
    if raw.isascii():
        return Decoded(raw.decode("ascii"), stated, tuple(warnings))
    chosen = stated if override else _choose(raw, stated, fallback, warnings)
    text = chosen.decode(raw)
    if REPLACEMENT in text:
        warnings.append(f"bytes that are not {chosen.codec} were replaced")
    return Decoded(text, chosen, tuple(warnings))


def _reduce(label: str) -> str:
    return re.sub("[^A-Z0-9]", "", label.upper())


def _stated(raw: bytes, override: str | None, warnings: list[str]) -> CharacterSet:
    """The character set of the peer's configuration, or else of MSH-18."""
    if raw.startswith(_TWO_BYTE_MARKS):
        raise CharacterSetRefused("message is in UTF-16 or UTF-32", location="MSH^1^18")
    if override:
        return character_set(override)
    names = [_reduce(label) for label in declared(raw)]
    if any(_REFUSED.match(name) for name in names):
        raise CharacterSetRefused("MSH-18 names UTF-16 or UTF-32", location="MSH^1^18")
    for position, name in enumerate(names, start=1):
        if name not in _CODECS:
            warnings.append(f"MSH-18 repetition {position} is not a known character set")
    first = _CODECS.get(names[0], "ascii")
    return CharacterSet(first, not _SWITCHING.isdisjoint(names))


def _choose(raw: bytes, stated: CharacterSet, fallback: str, warnings: list[str]) -> CharacterSet:
    """Weigh the label against 8-bit bytes."""
    utf_8 = _fits(raw, UTF_8)
    if stated.codec == UTF_8:
        if utf_8 or _is_mostly_utf_8(raw):
            return stated
        warnings.append("MSH-18 says UTF-8, the bytes are not")
    elif stated.codec in _MULTI_BYTE and _fits(raw, stated.codec):
        return stated
    elif utf_8:
        warnings.append(f"MSH-18 says {stated.codec}, the bytes are UTF-8")
        return CharacterSet(UTF_8)
    elif stated.codec != "ascii":
        return _mend_latin_1(raw, stated, warnings)
    elif stated.switching and (own := _eight_bit_set(raw)):
        warnings.append(f"MSH-18 says ISO 2022, the bytes are {own}")
        return CharacterSet(own)
    else:
        warnings.append("MSH-18 says ASCII, the bytes are not")
    site = character_set(fallback)
    return site if _fits(raw, site.codec) else CharacterSet(WINDOWS_LATIN)


def _eight_bit_set(raw: bytes) -> str:
    sets = (_EIGHT_BIT.get(_reduce(label), "") for label in declared(raw))
    return next((codec for codec in sets if codec and _fits(raw, codec)), "")


def _mend_latin_1(raw: bytes, stated: CharacterSet, warnings: list[str]) -> CharacterSet:
    """8859/1 with bytes in its control range is windows-1252 in truth."""
    if stated.codec == "iso8859-1" and re.search(rb"[\x80-\x9f]", raw):
        warnings.append("MSH-18 says 8859/1, the bytes are windows-1252")
        return CharacterSet(WINDOWS_LATIN)
    return stated


def _fits(raw: bytes, codec: str) -> bool:
    if codec in _OWN:
        return True
    try:
        raw.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _is_mostly_utf_8(raw: bytes) -> bool:
    """True when a stray byte, such as a letter cut at a length limit, is the exception."""
    text = raw.decode(UTF_8, "replace")
    broken = text.count(REPLACEMENT)
    return broken < sum(not letter.isascii() for letter in text) - broken


def _read_switching(raw: bytes, stated: CharacterSet, warnings: list[str]) -> Decoded:
    if not stated.switching:
        warnings.append("ISO 2022 escape sequences that MSH-18 does not announce")
    switching = CharacterSet(UTF_8 if stated.codec == ASCII.codec else stated.codec, switching=True)
    text = switching.decode(raw)
    if REPLACEMENT in text:
        warnings.append("bytes that do not fit their ISO 2022 character set were replaced")
    return Decoded(text, switching, tuple(warnings))
