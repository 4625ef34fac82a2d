"""Code extension by escape sequences (ISO/IEC 2022), which HL7 v2 and DICOM both use.

A sequence designates a graphic set to G0, in place of ASCII, or to G1, beside it. Lines begin in
the initial sets again, and values do after a delimiter (PS3.5 6.1.2.5.3; HL7 v2.5.1 2.15.9.20).
Python's own codecs each know some sequences, and none of those for G1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from bridge.domain import cns11643

REPLACEMENT: Final = "\ufffd"
ESCAPE: Final = b"\x1b"

_SEQUENCE: Final = re.compile(rb"\x1b([\x20-\x2f]+[\x30-\x7e])")
_LINE: Final = re.compile(rb"([\r\n\f]+)")
_SHIFTED: Final = re.compile(rb"\x0e([^\x0f\r\n]*)\x0f?")
_HIGH: Final = re.compile(rb"([\x80-\xff]+)")
_TO_HIGH: Final = bytes(byte | 0x80 for byte in range(256))
_TO_LOW: Final = bytes(byte & 0x7F for byte in range(256))
_GRAPHIC: Final = range(0x21, 0x7F)
_CONTROLS: Final = frozenset("\t\n\f\r")

_UTF_8_BEGINS, _UTF_8_ENDS = b"%G", b"%@"
_JIS_X_0212_MARK: Final = b"\x8f"
_LAST_LOW_LEAD: Final = 0x9F  # of Shift-JIS; the next ones begin with E0


@dataclass(frozen=True, slots=True)
class GraphicSet:
    """A set of graphic characters, each of `width` bytes.

    `decode` reads bytes with their high bits set, and gives U+FFFD for what the set does not hold;
    `encode` writes one character so, or gives None. `sequence` designates the set, without its
    escape character; `is_upper` tells that it does so to G1.
    """

    name: str
    sequence: bytes
    is_upper: bool
    width: int
    decode: Callable[[bytes], str]
    encode: Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Repertoire:
    """What one text may be written in.

    `initial` is in G1 from the beginning (None: nothing is, only ASCII); `home` designates the
    initial G0 again. `others` need their escape sequences.
    """

    initial: GraphicSet | None = None
    others: tuple[GraphicSet, ...] = ()
    home: bytes = b"(B"


def switches(raw: bytes) -> bool:
    """True when `raw` holds an escape sequence that designates a set."""
    return ESCAPE in raw and _SEQUENCE.search(raw) is not None


def knows(sequence: bytes) -> bool:
    """True when `sequence`, without its escape character, designates a set that is known here."""
    return sequence in _DESIGNATED or sequence in _HOMES


def decode(
    raw: bytes,
    decode_initial: Callable[[bytes], str],
    *,
    delimiters: bytes = b"",
    field_separator: bytes = b"",
) -> str:
    """Decode text with escape sequences; U+FFFD stands for what no set explains.

    `decode_initial` reads what stands in the initial sets. The initial G1 is back at a delimiter;
    give none when there is no initial G1: the last one stays, since 8-bit bytes must be something.
    `field_separator` ends a G0 set that is never left on its line, which only a fault can explain.
    """
    reader = _Reader(decode_initial, delimiters, field_separator)
    return "".join(reader.read_line(line) for line in _LINE.split(raw))


def encode(text: str, repertoire: Repertoire, delimiters: str = "") -> bytes | None:
    """Encode all of `text`, or give None; the initial sets are back before each delimiter."""
    writer = _Writer(repertoire)
    for letter in text:
        if letter in delimiters or letter in _CONTROLS:
            writer.go_home()
        if not writer.write(letter):
            return None
    writer.go_home()
    return bytes(writer.written)


class _Reader:
    """The state of decoding: what is in G0 (None: the initial set) and in G1."""

    def __init__(
        self, decode_initial: Callable[[bytes], str], delimiters: bytes, separator: bytes
    ) -> None:
        self._initial = decode_initial
        self._separator = separator
        self._cut = re.compile(b"([" + re.escape(delimiters) + b"])") if delimiters else None
        self._lower: GraphicSet | None = None
        self._upper: GraphicSet | None = None

    def read_line(self, line: bytes) -> str:
        self._lower = self._upper = None
        if ESCAPE not in line:
            return self._initial(line)
        first, *rest = _SEQUENCE.split(_unshift(line))
        text = [self._initial(first)]
        in_utf_8 = False
        for number, (sequence, run) in enumerate(zip(rest[::2], rest[1::2], strict=True), start=1):
            in_utf_8 = sequence == _UTF_8_BEGINS or (in_utf_8 and sequence != _UTF_8_ENDS)
            if not self._designate(sequence):
                text.append(REPLACEMENT)
            is_last = number * 2 == len(rest)
            text.append(run.decode("utf-8", "replace") if in_utf_8 else self._run(run, is_last))
        return "".join(text)

    def _designate(self, sequence: bytes) -> bool:
        if sequence in _HOMES:
            self._lower = None
        elif designated := _DESIGNATED.get(sequence):
            if designated.is_upper:
                self._upper = designated
            else:
                self._lower = designated
        else:
            return False
        return True

    def _run(self, run: bytes, is_last: bool) -> str:
        if self._lower is None:
            return self._beside_initial(run)
        text: list[str] = []
        at = 0
        while at < len(run):
            if is_last and run[at : at + 1] == self._separator:
                self._lower = None
                return "".join(text) + self._beside_initial(run[at:])
            size = self._lower.width if run[at] in _GRAPHIC else 1
            text.append(self._piece(run[at : at + size]))
            at += size
        return "".join(text)

    def _piece(self, piece: bytes) -> str:
        """One character of G0, a byte of G1, or a control character."""
        if self._lower is not None and piece[0] in _GRAPHIC:
            return _decode_one(self._lower, piece.translate(_TO_HIGH))
        return self._beside_initial(piece)

    def _beside_initial(self, run: bytes) -> str:
        """Bytes with ASCII, or what stands for it, in G0."""
        if self._upper is None:
            return self._initial(run)
        parts = self._cut.split(run) if self._cut else [run]
        text = self._with_upper(parts[0], self._upper)
        if len(parts) > 1:
            self._upper = None
            text += self._initial(b"".join(parts[1:]))
        return text

    def _with_upper(self, run: bytes, upper: GraphicSet) -> str:
        parts = _HIGH.split(run)
        parts_as_text = [
            upper.decode(part) if number % 2 else self._initial(part)
            for number, part in enumerate(parts)
        ]
        return "".join(parts_as_text)


class _Writer:
    """The state of encoding."""

    def __init__(self, repertoire: Repertoire) -> None:
        self.written = bytearray()
        self._repertoire = repertoire
        self._lower: GraphicSet | None = None
        self._upper = repertoire.initial

    def go_home(self) -> None:
        """Return to the initial sets. G1 returns by itself, but only at delimiters."""
        if self._lower is not None:
            self.written += ESCAPE + self._repertoire.home
            self._lower = None
        self._upper = self._repertoire.initial

    def write(self, letter: str) -> bool:
        """Write one letter in the current set, else in the first that holds it."""
        if letter.isascii():
            self._leave_lower()
            self.written += letter.encode("ascii")
            return True
        repertoire = self._repertoire
        for candidate in (self._lower, self._upper, repertoire.initial, *repertoire.others):
            encoded = candidate.encode(letter) if candidate else None
            if candidate and encoded:
                self._designate(candidate)
                self.written += encoded if candidate.is_upper else encoded.translate(_TO_LOW)
                return True
        return False

    def _designate(self, chosen: GraphicSet) -> None:
        if chosen.is_upper:
            self._leave_lower()
            if self._upper is not chosen:
                self.written += ESCAPE + chosen.sequence
                self._upper = chosen
        elif self._lower is not chosen:
            self.written += ESCAPE + chosen.sequence
            self._lower = chosen

    def _leave_lower(self) -> None:
        if self._lower is not None:
            self.written += ESCAPE + self._repertoire.home
            self._lower = None


def _unshift(line: bytes) -> bytes:
    """What stands between SHIFT OUT and SHIFT IN is G1's, with its high bits off."""
    if b"\x0e" not in line:
        return line
    return _SHIFTED.sub(lambda shifted: shifted[1].translate(_HIGH_GRAPHIC), line)


_HIGH_GRAPHIC: Final = bytes(byte | 0x80 if byte in _GRAPHIC else byte for byte in range(256))


@lru_cache(maxsize=8192)
def _decode_one(graphic_set: GraphicSet, piece: bytes) -> str:
    return graphic_set.decode(piece) if len(piece) == graphic_set.width else REPLACEMENT


def _decoder(codec: str) -> Callable[[bytes], str]:
    return lambda raw: raw.decode(codec, "replace")


def _encoder(codec: str, width: int) -> Callable[[str], bytes | None]:
    def encode_one(letter: str) -> bytes | None:
        try:
            encoded = letter.encode(codec)
        except UnicodeError:
            return None
        return encoded if len(encoded) == width and encoded[0] in _UPPER_HALF else None

    return encode_one


_UPPER_HALF: Final = range(0xA0, 0x100)


def _part(name: str, sequence: bytes, codec: str, width: int = 1) -> GraphicSet:
    upper = sequence[-2:-1] in (b"-", b")")
    return GraphicSet(name, sequence, upper, width, _decoder(codec), _encoder(codec, width))


def _decode_jis(raw: bytes) -> str:
    """JIS X 0208, and the rows that vendors added to it (windows-31J), among them 髙 and ①."""
    text = raw.decode("euc_jp", "replace")
    if REPLACEMENT not in text:
        return text
    return "".join(_vendor_kanji(raw[at : at + 2]) for at in range(0, len(raw), 2))


def _vendor_kanji(pair: bytes) -> str:
    row, cell = pair[0] - 0xA1, pair[1] - 0xA1
    lead = 0x81 + row // 2
    trail = cell + (0x9F if row % 2 else 0x40)
    if not row % 2 and trail >= 0x7F:  # noqa: PLR2004 - Shift-JIS leaves DEL out
        trail += 1
    lead += 0x40 if lead > _LAST_LOW_LEAD else 0
    return bytes([lead, trail]).decode("cp932", "replace")


def _decode_jis_supplement(raw: bytes) -> str:
    marked = (_JIS_X_0212_MARK + raw[at : at + 2] for at in range(0, len(raw), 2))
    return b"".join(marked).decode("euc_jp", "replace")


def _encode_jis_supplement(letter: str) -> bytes | None:
    try:
        encoded = letter.encode("euc_jp")
    except UnicodeError:
        return None
    return encoded[1:] if encoded.startswith(_JIS_X_0212_MARK) else None


def _cns(sequence: bytes, plane: int) -> GraphicSet:
    return GraphicSet(
        f"CNS 11643 plane {plane}",
        sequence,
        is_upper=sequence[1:2] == b")",
        width=2,
        decode=lambda raw: cns11643.decode_plane(raw, plane),
        encode=lambda letter: cns11643.encode_in_plane(letter, plane),
    )


# Registration numbers of ISO's register are what DICOM names the sets by (PS3.3 C.12.1.1.2).
GRAPHIC_SETS: Final = {
    "8859/1": _part("ISO-IR 100", b"-A", "iso8859-1"),
    "8859/2": _part("ISO-IR 101", b"-B", "iso8859-2"),
    "8859/3": _part("ISO-IR 109", b"-C", "iso8859-3"),
    "8859/4": _part("ISO-IR 110", b"-D", "iso8859-4"),
    "8859/5": _part("ISO-IR 144", b"-L", "iso8859-5"),
    "8859/6": _part("ISO-IR 127", b"-G", "iso8859-6"),
    "8859/7": _part("ISO-IR 126", b"-F", "iso8859-7"),
    "8859/8": _part("ISO-IR 138", b"-H", "iso8859-8"),
    "8859/9": _part("ISO-IR 148", b"-M", "iso8859-9"),
    "8859/10": _part("ISO-IR 157", b"-V", "iso8859-10"),
    "8859/11": _part("ISO-IR 166", b"-T", "iso8859-11"),
    "8859/13": _part("ISO-IR 179", b"-Y", "iso8859-13"),
    "8859/14": _part("ISO-IR 199", b"-_", "iso8859-14"),
    "8859/15": _part("ISO-IR 203", b"-b", "iso8859-15"),
    "8859/16": _part("ISO-IR 226", b"-f", "iso8859-16"),
    "JIS X 0201": _part("ISO-IR 13", b")I", "shift_jis"),
    "JIS X 0208": GraphicSet("ISO-IR 87", b"$B", False, 2, _decode_jis, _encoder("euc_jp", 2)),
    "JIS X 0212": GraphicSet(
        "ISO-IR 159", b"$(D", False, 2, _decode_jis_supplement, _encode_jis_supplement
    ),
    "KS X 1001": _part("ISO-IR 149", b"$)C", "euc_kr", 2),
    "GB 2312": _part("ISO-IR 58", b"$)A", "gb2312", 2),
    "CNS 11643/1": _cns(b"$)G", 1),
    "CNS 11643/2": _cns(b"$(H", 2),
}

# Sequences for the same sets that senders use instead.
_DESIGNATED: Final = {
    **{one.sequence: one for one in GRAPHIC_SETS.values()},
    b"$@": GRAPHIC_SETS["JIS X 0208"],
    b"$(B": GRAPHIC_SETS["JIS X 0208"],
    b"(I": _part("ISO-IR 13", b"(I", "shift_jis"),
    b"$(C": _part("ISO-IR 149", b"$(C", "euc_kr", 2),
    b"$A": _part("ISO-IR 58", b"$A", "gb2312", 2),
    b"$(A": _part("ISO-IR 58", b"$(A", "gb2312", 2),
    b"$(G": _cns(b"$(G", 1),
}
# What brings the initial G0 back: ASCII, JIS X 0201's Roman set, and the switches of UTF-8.
_HOMES: Final = frozenset({b"(B", b"(J", b"(H", _UTF_8_BEGINS, _UTF_8_ENDS})
