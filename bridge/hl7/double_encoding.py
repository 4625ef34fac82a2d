"""Text that went through UTF-8 twice (`Ã¡` for á), as an interface makes it that misreads UTF-8."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_FIELD_END: Final = re.compile(r"([|\r\n]+)")
_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]+")

# Characters of windows-1252 in the range that Latin-1 leaves to controls, and their bytes.
_BYTES_OF_WINDOWS: Final = {
    letter: byte
    for byte in range(0x80, 0xA0)
    if len(letter := bytes([byte]).decode("cp1252", "ignore")) == 1
}
_LAST_BYTE: Final = 0xFF
# What the first two bytes of a letter in UTF-8 look like once misread.
_MISREAD: Final = re.compile(f"[\xc2-\xf4][\x80-\xbf{''.join(_BYTES_OF_WINDOWS)}]")
_CERTAIN: Final = 2
_LAST_OF_TWO_BYTES: Final = "\u07ff"


def mend_double_encoding(text: str) -> str:
    """Return `text` with what was certainly encoded twice as it was meant, the rest as it is.

    Certain is a field in which everything beyond ASCII is UTF-8 again and gives letters: two or
    more, or one whose bytes nobody would write side by side, or one in a message without others.
    """
    if not _MISREAD.search(text):
        return text
    parts = _FIELD_END.split(text)
    fields = {part: _Field(part) for part in parts if not part.isascii()}
    all_agree = all(field.meant for field in fields.values())
    return "".join(
        field.meant
        if (field := fields.get(part)) and field.meant and (all_agree or field.is_certain)
        else part
        for part in parts
    )


class _Field:
    """A field with letters beyond ASCII; `meant` is empty when it was not encoded twice."""

    __slots__ = ("is_certain", "meant")

    def __init__(self, text: str) -> None:
        runs = [_decode_again(run) for run in _BEYOND_ASCII.findall(text)]
        self.meant = ""
        self.is_certain = False
        if all(runs):
            letters = "".join(run for run in runs if run)
            replacements = iter(runs)
            self.meant = _BEYOND_ASCII.sub(lambda _: next(replacements) or "", text)
            self.is_certain = len(letters) >= _CERTAIN or letters > _LAST_OF_TWO_BYTES


def _decode_again(run: str) -> str | None:
    raw = bytearray()
    for letter in run:
        code = _BYTES_OF_WINDOWS.get(letter, ord(letter))
        if code > _LAST_BYTE:
            return None
        raw.append(code)
    try:
        again = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return again if all(_is_usual(letter) for letter in again) else None


def _is_usual(letter: str) -> bool:
    """Letters, marks and punctuation that people write; not phonetic signs or symbols."""
    category = unicodedata.category(letter)
    return category[0] in "LMP" and not "\u0250" <= letter <= "\u02ff"
