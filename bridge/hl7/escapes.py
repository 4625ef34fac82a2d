"""Delimiters and escape sequences of ER7 text (HL7 v2.5.1 2.5.4, 2.7; truncation: v2.7 2.5.5.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from bridge.hl7.characters import ASCII, REPLACEMENT, UTF_8, WINDOWS_LATIN, CharacterSet
from bridge.hl7.errors import HeaderUnreadable

STANDARD: Final = "^~\\&"
_TRUNCATION: Final = "#"
_UTF_8: Final = CharacterSet(UTF_8)
_MOST_BLANKS: Final = 99
_FIRST_PRINTABLE: Final = 0x20
# What neither a database nor another format holds; line ends and tabs are text.
_NO_CONTROLS: Final = {code: None for code in range(_FIRST_PRINTABLE) if chr(code) not in "\t\n\r"}


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The characters of MSH-1 and MSH-2; `truncation` is empty before v2.7."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""


@lru_cache(maxsize=256)
def parse_delimiters(separator: str, encoding: str) -> tuple[Delimiters, str | None]:
    """Read MSH-1 and MSH-2; return the delimiters and a warning when some had to be assumed.

    Raises:
        HeaderUnreadable: a delimiter is a letter, a digit or a blank: something else stands there.
    """
    if not separator or _is_text(separator):
        raise HeaderUnreadable("MSH-1 is not a field separator", location="MSH^1^1")
    if any(_is_text(character) for character in encoding):
        raise HeaderUnreadable("MSH-2 does not hold encoding characters", location="MSH^1^2")
    if encoding == "^~&":
        return Delimiters(separator), r"MSH-2 lacks the escape character; \ assumed"
    if len(set(encoding + separator)) != len(encoding) + 1:
        return Delimiters(separator), f"MSH-2 repeats a character; {STANDARD} assumed"
    whole = encoding + STANDARD[len(encoding) :]
    component, repetition, escape, subcomponent = tuple(whole[:4])
    delimiters = Delimiters(separator, component, repetition, escape, subcomponent, whole[4:5])
    if len(encoding) >= len(STANDARD):
        return delimiters, None
    return delimiters, f"MSH-2 is too short; {whole} assumed"


def _is_text(character: str) -> bool:
    return character.isalnum() or character.isspace() or ord(character) < _FIRST_PRINTABLE


@dataclass(frozen=True)
class Encoding:
    r"""How the text of one message is written: delimiters, and the character set of `\X..\`."""

    delimiters: Delimiters = Delimiters()
    character_set: CharacterSet = ASCII

    def unescape(self, text: str) -> str:
        r"""Replace escape sequences by what they stand for.

        `\.br\`, `\.sp\` and `\.ce\` become line ends, `\.sk\` blanks, highlighting and the other
        formatting commands nothing. What is not an escape sequence stays as it stands.
        """
        if self.delimiters.escape not in text:
            return text
        return self._sequence.sub(self._replace, text)

    def escape(self, text: str) -> str:
        """Write `text` so that it survives as one subcomponent; the inverse of `unescape`."""
        return text.translate(self._escapes)

    @cached_property
    def _sequence(self) -> re.Pattern[str]:
        mark = re.escape(self.delimiters.escape)
        sign = "" if self.delimiters.escape in "+-" else "[+-]?"
        return re.compile(
            rf"(?P<hex>(?:{mark}X(?:[0-9A-Fa-f]{{2}})+{mark})+)"
            rf"|{mark}(?P<name>[FSTREPHN]){mark}"
            rf"|{mark}\.(?P<format>(?i:br|sp|sk|ce|in|ti|fi|nf))(?P<count>{sign}\d{{0,4}}){mark}"
        )

    @cached_property
    def _names(self) -> dict[str, str]:
        marks = self.delimiters
        return {
            "F": marks.field,
            "S": marks.component,
            "T": marks.subcomponent,
            "R": marks.repetition,
            "E": marks.escape,
            "P": marks.truncation or _TRUNCATION,
            "H": "",
            "N": "",
        }

    @cached_property
    def _escapes(self) -> dict[int, str]:
        mark = self.delimiters.escape
        table = {code: f"{mark}X{code:02X}{mark}" for code in range(_FIRST_PRINTABLE)}
        delimiters = [self._names[name] for name in "FSTRE"]
        if "." not in delimiters:
            table[ord("\n")] = f"{mark}.br{mark}"
        for name, delimiter in zip("FSTRE", delimiters, strict=True):
            table[ord(delimiter)] = f"{mark}{name}{mark}"
        if self.delimiters.truncation:
            table[ord(self.delimiters.truncation)] = f"{mark}P{mark}"
        return table

    def _replace(self, found: re.Match[str]) -> str:
        if name := found["name"]:
            return self._names[name]
        if digits := found["hex"]:
            return self._decode_hex(digits)
        return _format(found["format"].lower(), found["count"])

    def _decode_hex(self, written: str) -> str:
        """Neighbouring sequences are read together: each may hold one byte of the same letter."""
        mark = self.delimiters.escape
        raw = bytes.fromhex(written.replace(f"{mark}X", "").replace(mark, ""))
        for character_set in (self.character_set, _UTF_8):
            text = character_set.decode(raw)
            if REPLACEMENT not in text:
                return text.translate(_NO_CONTROLS)
        return raw.decode(WINDOWS_LATIN, "replace").translate(_NO_CONTROLS)


@lru_cache(maxsize=256)
def encoding(delimiters: Delimiters, character_set: CharacterSet) -> Encoding:
    """Return the encoding for these; senders use few, so their tables are made once."""
    return Encoding(delimiters, character_set)


def _format(command: str, count: str) -> str:
    lines = {"br": "\n", "ce": "\n", "sp": "\n", "sk": " "}.get(command, "")
    times = int(count) if count.isdigit() and command in ("sp", "sk") else 1
    return lines * min(times, _MOST_BLANKS)
