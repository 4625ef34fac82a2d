"""ISO 2022 escape sequences within a message (HL7 v2.5.1 2.7.2, 2.15.9.20; DICOM PS3.3 C.12.1.1.2).

Python's own codecs each know some sequences and none of the 8-bit ones, so a line is cut at its
sequences and each run decoded by what was last announced.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_SEQUENCE: Final = re.compile(rb"\x1b([\x20-\x2f]+[\x30-\x7e])")
_LINE: Final = re.compile(rb"([\r\n]+)")
_WRITTEN: Final = re.compile(
    rb"\\(?:C([0-9A-Fa-f]{4})|M([0-9A-Fa-f]{4}(?:[0-9A-Fa-f]{2})?))\\",
)

# 7-bit sets that replace ASCII until the next sequence.
_LOWER: Final = {
    b"$@": "iso2022_jp_ext",
    b"$B": "iso2022_jp_ext",
    b"$(D": "iso2022_jp_ext",
    b"(I": "iso2022_jp_ext",
    b"$A": "iso2022_jp_2",
    b"$(C": "iso2022_jp_2",
}
# 8-bit sets that stand beside ASCII until the end of the line.
_UPPER: Final = {
    b"$)C": "euc_kr",
    b"$)A": "gb2312",
    b")I": "shift_jis",
    b"-A": "iso8859-1",
    b"-B": "iso8859-2",
    b"-C": "iso8859-3",
    b"-D": "iso8859-4",
    b"-L": "iso8859-5",
    b"-G": "iso8859-6",
    b"-F": "iso8859-7",
    b"-H": "iso8859-8",
    b"-M": "iso8859-9",
    b"-T": "tis_620",
}


def switches(raw: bytes) -> bool:
    """True when `raw` holds an escape sequence that announces a character set."""
    return b"\x1b" in raw and _SEQUENCE.search(raw) is not None


def restore_sequences(raw: bytes) -> bytes:
    r"""Put real escape sequences where ER7 writes them as `\Cxxyy\` or `\Mxxyyzz\`."""
    return _WRITTEN.sub(
        lambda written: b"\x1b" + bytes.fromhex((written[1] or written[2]).decode("ascii")), raw
    )


def decode(raw: bytes, decode_default: Callable[[bytes], str]) -> str:
    """Decode text with escape sequences; each line begins in the default set again."""
    return "".join(_decode_line(line, decode_default) for line in _LINE.split(raw))


def _decode_line(line: bytes, decode_default: Callable[[bytes], str]) -> str:
    first, *rest = _SEQUENCE.split(line)
    text = [decode_default(first)]
    upper: str | None = None
    for sequence, run in zip(rest[::2], rest[1::2], strict=True):
        upper = _UPPER.get(sequence, upper)
        if lower := _LOWER.get(sequence):
            text.append((b"\x1b" + sequence + run).decode(lower, "replace"))
        else:
            text.append(run.decode(upper, "replace") if upper else decode_default(run))
    return "".join(text)
