"""CNS 11643-1992 planes 1 and 2, the Chinese characters of Taiwan (HL7 table 0211).

Python has no codec of it. Both planes hold the characters of Big5 in nearly the same order, so that
stretches of equal order say everything. Its 8-bit form is EUC-TW, with 8E A2 before plane 2.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_ROW: Final = 94
_BIG5_ROW: Final = 157
_BIG5_LOWER: Final = 63  # second bytes 40 to 7E; those from A1 follow
_REPLACEMENT: Final = "\ufffd"
_PIECE: Final = re.compile(
    rb"[\x00-\x7f]+|\x8e[\xa1-\xb0][\xa1-\xfe]{2}|[\xa1-\xfe]{2}|.", re.DOTALL
)
_SINGLE_SHIFT: Final = b"\x8e"
_PLANE_0: Final = 0xA0

# Plane, position of the first character in it, how many, and how much further on they are in Big5.
_STRETCHES: Final = """
1 0 5 0; 1 6 15 0; 1 21 2 2; 1 24 1 -2; 1 29 44 0; 1 73 1 1; 1 74 1 -1; 1 75 22 0; 1 98 1 0;
1 100 27 0; 1 127 1 1; 1 128 1 -1; 1 129 19 0; 1 148 1 1; 1 149 1 -1; 1 150 4 0; 1 155 1 -134;
1 156 78 0; 1 282 29 -48; 1 312 1 -48; 1 314 142 -48; 1 470 20 5631; 1 3290 1412 -2819;
1 4702 424 -2818; 1 5126 1 -3243; 1 5127 1876 -2819; 1 7003 1 -2432; 1 7004 387 -2820;
1 7391 525 -2819; 1 7916 1 -2630; 1 7917 105 -2820; 1 8023 83 -2820; 1 8106 84 -2819;
1 8190 1 -2673; 1 8191 54 -2820; 1 8245 1 -2819; 1 8246 1 -2821; 1 8247 90 -2820;
1 8337 354 -2819; 2 0 10 6280; 2 10 33 6281; 2 43 1 6329; 2 44 48 6280; 2 92 46 6281;
2 138 1 6448; 2 139 167 6280; 2 306 1840 6281; 2 2146 1 6928; 2 2147 108 6281; 2 2255 537 6282;
2 2792 1 5635; 2 2793 100 6282; 2 2893 1 5643; 2 2894 399 6281; 2 3293 1637 6282;
2 4930 1 6831; 2 4931 146 6281; 2 5077 1 6822; 2 5078 287 6280; 2 5365 1 7143; 2 5366 116 6279;
2 5482 137 6280; 2 5619 104 6281; 2 5723 1 6702; 2 5724 222 6280; 2 5946 198 6281;
2 6144 82 6282; 2 6226 86 6283; 2 6312 1 5914; 2 6313 8 6282; 2 6321 153 6283; 2 6474 56 6284;
2 6530 1 6584; 2 6531 113 6283; 2 6644 1 5959; 2 6645 142 6282; 2 6787 1 5970; 2 6788 45 6281;
2 6833 71 6282; 2 6904 1 6476; 2 6905 194 6281; 2 7099 490 6282; 2 7589 1 6325; 2 7590 43 6281;
2 7633 1 6282; 2 7634 11 6283; 2 7645 1 6271; 2 7646 4 6282
"""


def decode_plane(pairs: bytes, plane: int) -> str:
    """Read pairs of 8-bit bytes of one plane; U+FFFD stands for what is not in it."""
    letters = _letters()
    return "".join(
        letters.get((plane, pairs[at : at + 2]), _REPLACEMENT) for at in range(0, len(pairs), 2)
    )


def encode_in_plane(letter: str, plane: int) -> bytes | None:
    """Give the two 8-bit bytes of a letter, or None when the plane does not hold it."""
    found = _codes().get(letter)
    return found[1] if found and found[0] == plane else None


def decode_euc_tw(raw: bytes) -> str:
    """Read EUC-TW; U+FFFD stands for what is not in it."""
    return "".join(_decode_piece(piece) for piece in _PIECE.findall(raw))


def encode_euc_tw(letter: str) -> bytes | None:
    """Write one letter in EUC-TW, or None when it is in neither plane."""
    if letter.isascii():
        return letter.encode("ascii")
    plane, code = _codes().get(letter, (0, b""))
    if plane == 1:
        return code
    return _SINGLE_SHIFT + bytes([_PLANE_0 + plane]) + code if plane else None


def _decode_piece(piece: bytes) -> str:
    if piece.isascii():
        return piece.decode("ascii")
    if piece.startswith(_SINGLE_SHIFT) and len(piece) > 1:
        return decode_plane(piece[2:], piece[1] - _PLANE_0)
    return decode_plane(piece, 1)


@lru_cache(maxsize=1)
def _letters() -> dict[tuple[int, bytes], str]:
    letters = {}
    for stretch in _STRETCHES.split(";"):
        plane, first, count, offset = map(int, stretch.split())
        for position in range(first, first + count):
            row, cell = divmod(position, _ROW)
            letters[plane, bytes([0xA1 + row, 0xA1 + cell])] = _big5(position + offset)
    return letters


@lru_cache(maxsize=1)
def _codes() -> dict[str, tuple[int, bytes]]:
    return {letter: place for place, letter in reversed(_letters().items())}


def _big5(position: int) -> str:
    row, cell = divmod(position, _BIG5_ROW)
    second = 0x40 + cell if cell < _BIG5_LOWER else 0xA1 + cell - _BIG5_LOWER
    return bytes([0xA1 + row, second]).decode("cp950")
