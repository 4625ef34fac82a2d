"""Specific Character Set (0008,0005): PS3.3 C.12.1.1.2, PS3.5 section 6.1 and Annexes H to K."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from pydicom.charset import (
    CODES_TO_ENCODINGS,
    ENCODINGS_TO_CODES,
    STAND_ALONE_ENCODINGS,
    python_encoding,
)

from bridge.domain.names import to_ascii

UNICODE = "ISO_IR 192"

# What is sent of a text of which the receiver's character set can carry no letter at all: a type 1
# attribute must not be empty, and question marks would look like a name.
UNREPRESENTABLE = "NOT REPRESENTABLE"

# Python's codecs of these handle the escape sequences themselves.
_ESCAPING_CODECS = ("iso2022_jp", "iso2022_jp_2")

_ESCAPE = re.compile(rb"\x1b[()$\-.]+[A-Z@]")
_DELIMITERS = re.compile(r"([\^=\\\r\n\t\f])")


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """The values of one Specific Character Set; none, or `ISO_IR 6`, means the default repertoire.

    Text that arrives is decoded whatever it claims to be: as UTF-8 or else as Latin-1 when its
    bytes contradict the declaration, never with replacement characters.
    """

    terms: tuple[str, ...] = ()

    @property
    def codecs(self) -> tuple[str, ...]:
        """Python's codec of each value."""
        return _codecs(self.terms)

    @property
    def has_extensions(self) -> bool:
        """Whether texts may switch between several sets by escape sequences (ISO 2022)."""
        return len(self.terms) > 1

    def decode(self, value: bytes) -> str:
        """Give the text of `value` in NFC."""
        if value.isascii() and b"\x1b" not in value:
            return value.decode("ascii")
        text = self._decode_escaped(value) if b"\x1b" in value else None
        return unicodedata.normalize("NFC", text or _decode_plain(value, self.codecs[0]))

    def carries(self, text: str) -> bool:
        """Whether the set can carry the whole `text`."""
        return text.isascii() or self._encoded(text) is not None

    def encode(self, text: str, *, is_name: bool = False) -> bytes:
        """Encode what the set can carry of `text`, the rest folded to ASCII, never as `?`.

        A component group of a name that cannot be folded either is left out (PS3.5 6.2.1.2 allows
        each alone); so is any other character that cannot.
        """
        if text.isascii():
            return text.encode("ascii")
        groups = text.split("=") if is_name else [text]
        encoded = b"=".join(self._encoded(group) or _folded(group) for group in groups)
        return encoded.rstrip(b"=") or UNREPRESENTABLE.encode("ascii")

    def _encoded(self, text: str) -> bytes | None:
        """Encode all of `text`, or nothing. Extensions end at delimiters (PS3.5 6.1.2.5.3)."""
        parts = _DELIMITERS.split(text) if self.has_extensions else [text]
        encoded = [_encode_part(part, self.codecs) for part in parts]
        return None if None in encoded else b"".join(part for part in encoded if part)

    def _decode_escaped(self, value: bytes) -> str | None:
        try:
            return "".join(_fragments(value, self.codecs[0]))
        except UnicodeError:
            return None


DEFAULT = CharacterSet()
UTF8 = CharacterSet((UNICODE,))


@lru_cache(maxsize=256)
def character_set(value: str) -> CharacterSet:
    """Read the text of (0008,0005) or of a configuration, forgiving its spelling."""
    terms = tuple(_normalised(term) for term in value.split("\\"))
    known = tuple(term for term in terms if term in python_encoding)
    alone = next((term for term in known if term in STAND_ALONE_ENCODINGS), None)
    if alone is not None:
        return CharacterSet((alone,))
    if known in ((), ("",), ("ISO_IR 6",), ("ISO 2022 IR 6",)):
        return DEFAULT
    return CharacterSet(known)


def _normalised(term: str) -> str:
    spelt = re.sub(r"[\s_\-]+", " ", term.strip().upper())
    spelt = re.sub(r"^ISO ?IR ?(\d+)$", r"ISO_IR \1", spelt)
    return re.sub(r"^ISO ?2022 ?IR ?(\d+)$", r"ISO 2022 IR \1", spelt)


@lru_cache(maxsize=256)
def _codecs(terms: tuple[str, ...]) -> tuple[str, ...]:
    # pydicom reads the default repertoire as Latin-1; only ASCII may be sent in it.
    default = ("", "ISO_IR 6", "ISO 2022 IR 6")
    codecs = tuple("ascii" if term in default else python_encoding[term] for term in terms)
    return codecs or ("ascii",)


def _decode_plain(value: bytes, codec: str) -> str:
    for candidate in (codec, "utf-8"):
        try:
            return value.decode(candidate)
        except UnicodeError:
            continue
    return value.decode("latin-1")


def _fragments(value: bytes, initial: str) -> list[str]:
    """Decode each stretch between escape sequences in the set its sequence designates."""
    texts, codec, start = [], initial, 0
    for match in _ESCAPE.finditer(value):
        texts.append(_fragment(value[start : match.start()], codec, initial))
        designated = CODES_TO_ENCODINGS.get(match.group(), initial)
        keeps_escape = designated in _ESCAPING_CODECS
        codec, start = designated, match.start() if keeps_escape else match.end()
    return [*texts, _fragment(value[start:], codec, initial)]


def _fragment(value: bytes, codec: str, initial: str) -> str:
    if codec in (*_ESCAPING_CODECS, initial) or value.isascii():
        return value.decode(codec)
    head, delimiter, tail = _until_delimiter(value)
    return head.decode(codec) + (delimiter + tail).decode(initial)


def _until_delimiter(value: bytes) -> tuple[bytes, bytes, bytes]:
    """A delimiter of a name switches back to the first set (PS3.5 6.1.2.5.3)."""
    found = [at for at in (value.find(b"^"), value.find(b"=")) if at >= 0]
    at = min(found, default=len(value))
    return value[:at], value[at : at + 1], value[at + 1 :]


@lru_cache(maxsize=4096)
def _encode_part(part: str, codecs: tuple[str, ...]) -> bytes | None:
    """Encode with the first set that carries all of `part`, switched to by its escape sequence."""
    for codec in codecs:
        try:
            encoded = part.encode(codec)
        except UnicodeError:
            continue
        # Python's shift_jis holds kanji too; ISO_IR 13 is its single-byte half (JIS X 0201).
        if codec == "shift_jis" and len(encoded) != len(part):
            continue
        return _designated(encoded, codec, codecs[0])
    return None


def _designated(encoded: bytes, codec: str, initial: str) -> bytes:
    if codec == initial or (encoded.isascii() and codec not in _ESCAPING_CODECS):
        return encoded
    if codec not in _ESCAPING_CODECS:
        return ENCODINGS_TO_CODES[codec] + encoded
    # Back to the first set's own G0: JIS X 0201 when that is ISO_IR 13, else ASCII.
    return encoded.replace(b"\x1b(B", b"\x1b(J") if initial == "shift_jis" else encoded


def _folded(group: str) -> bytes:
    folded = "".join(c for c in to_ascii(group) if c.isascii()).strip()
    return folded.encode("ascii") if folded.strip("^") else b""
