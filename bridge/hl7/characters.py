"""Character sets of HL7 v2 (v2.5.1 2.15.9.18, table 0211): labels, and text in the sets they name.

Text is always in Unicode normalisation form C. Decoding comes before splitting, because the second
bytes of several Asian character sets look like delimiters.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from bridge.domain import code_extension
from bridge.domain.cns11643 import decode_euc_tw, encode_euc_tw
from bridge.domain.code_extension import GRAPHIC_SETS, REPLACEMENT, Repertoire
from bridge.domain.names import to_ascii
from bridge.hl7 import vietnamese

__all__ = ["REPLACEMENT", "CharacterSet", "character_set", "encode", "normalize"]

UTF_8: Final = "utf-8"
WINDOWS_LATIN: Final = "cp1252"
SINGLE_BYTE_PARTS: Final = (*range(1, 12), *range(13, 17))

_REGISTERED: Final = {
    **{100: 1, 101: 2, 109: 3, 110: 4, 144: 5, 127: 6, 126: 7, 138: 8, 148: 9},
    **{157: 10, 166: 11, 179: 13, 199: 14, 203: 15, 226: 16},
}
_JAPANESE: Final = {14: "JIS X 0201", 13: "JIS X 0201", 87: "JIS X 0208", 159: "JIS X 0212"}

# Table 0211 and what sites write instead, both reduced to capitals and digits. Asian sets are read
# as their vendors extended them: nothing else explains the bytes that the extensions use.
CODECS: Final = {
    **dict.fromkeys(("", "ASCII", "USASCII", "ISOIR6", "ISO2022IR6"), "ascii"),
    **{f"8859{part}": f"iso8859-{part}" for part in SINGLE_BYTE_PARTS},
    **{f"ISO8859{part}": f"iso8859-{part}" for part in SINGLE_BYTE_PARTS},
    **{f"ISOIR{number}": f"iso8859-{part}" for number, part in _REGISTERED.items()},
    **{f"ISO2022IR{number}": f"iso8859-{part}" for number, part in _REGISTERED.items()},
    "LATIN1": "iso8859-1",
    **dict.fromkeys(("ISOIR14", "ISOIR13", "ISO2022IR13", "SHIFTJIS", "SJIS"), "cp932"),
    **dict.fromkeys(("ISOIR87", "ISO2022IR87", "ISOIR159", "ISO2022IR159"), "ascii"),
    "EUCJP": "euc_jp",
    **dict.fromkeys(("KSX1001", "KSC5601", "ISOIR149", "ISO2022IR149", "EUCKR"), "cp949"),
    **dict.fromkeys(("GB180302000", "GB18030", "GBK", "GB2312"), "gb18030"),
    **dict.fromkeys(("ISOIR58", "ISO2022IR58"), "gb18030"),
    "BIG5": "cp950",
    "BIG5HKSCS": "big5hkscs",
    **dict.fromkeys(("CNS116431992", "CNS11643", "EUCTW"), "euc_tw"),
    "TIS620": "tis_620",
    **dict.fromkeys(("UNICODE", "UNICODEUTF8", "UTF8", "ISOIR192"), UTF_8),
    **{f"WINDOWS{page}": f"cp{page}" for page in range(1250, 1259)},
    **{f"CP{page}": f"cp{page}" for page in range(1250, 1259)},
    "KOI8R": "koi8_r",
    "VISCII": "viscii",
    **dict.fromkeys(("TCVN", "TCVN3", "TCVN5712", "ABC"), "tcvn3"),
    "VNI": "vni",
}

# What a label means under ISO 2022: the graphic set that its escape sequences designate.
_GRAPHIC: Final = {
    **{f"8859{part}": f"8859/{part}" for part in SINGLE_BYTE_PARTS},
    **{f"ISOIR{number}": f"8859/{part}" for number, part in _REGISTERED.items()},
    **{f"ISO2022IR{number}": f"8859/{part}" for number, part in _REGISTERED.items()},
    **{f"ISOIR{number}": name for number, name in _JAPANESE.items()},
    **{f"ISO2022IR{number}": name for number, name in _JAPANESE.items()},
    **dict.fromkeys(("KSX1001", "KSC5601", "ISOIR149", "ISO2022IR149"), "KS X 1001"),
    **dict.fromkeys(("ISOIR58", "ISO2022IR58", "GB2312"), "GB 2312"),
    "CNS116431992": "CNS 11643/1",
}
# Labels that speak of ISO 2022 by themselves; two or more labels of any kind do so too.
SWITCHING: Final = frozenset(
    {"ISOIR87", "ISOIR159", "ISOIR149", "KSX1001", "ISOIR14", "ISOIR13", "ISOIR58"}
    | {f"ISO2022IR{number}" for number in (13, 58, 87, 149, 159)}
)

_Decode = Callable[[bytes], str]
_Encode = Callable[[str], bytes | None]

# Character sets that Python has no codec for, or one that cannot write them.
_OWN_DECODERS: Final[dict[str, _Decode]] = {
    "viscii": vietnamese.decode_viscii,
    "tcvn3": vietnamese.decode_tcvn3,
    "vni": vietnamese.decode_vni,
    "euc_tw": decode_euc_tw,
}
_OWN_ENCODERS: Final[dict[str, _Encode]] = {
    "viscii": vietnamese.encode_viscii,
    "tcvn3": vietnamese.encode_tcvn3,
    "vni": vietnamese.encode_vni,
    "cp1258": vietnamese.encode_windows_1258,
    "euc_tw": encode_euc_tw,
}
_DELIMITERS: Final = b"|^~&"


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """One way to read bytes: a codec, and whether ISO 2022 escape sequences switch within it.

    `others` names the graphic sets that may be switched to when writing.
    """

    codec: str
    switching: bool = False
    others: tuple[str, ...] = ()

    def decode(self, raw: bytes) -> str:
        """Decode `raw`, with U+FFFD for what does not fit; the result is in NFC."""
        return normalize(self.decode_as_is(raw))

    def decode_as_is(self, raw: bytes) -> str:
        """Decode `raw` without normalisation."""
        if self.switching and code_extension.ESCAPE in raw:
            return code_extension.decode(
                raw,
                self._decode_plain,
                delimiters=b"" if self.codec in ("ascii", UTF_8) else _DELIMITERS,
                field_separator=_DELIMITERS[:1],
            )
        return self._decode_plain(raw)

    def fits(self, raw: bytes) -> bool:
        """True when the codec explains every byte."""
        if self.codec in _OWN_DECODERS:
            return REPLACEMENT not in self._decode_plain(raw)
        try:
            raw.decode(self.codec)
        except UnicodeDecodeError:
            return False
        return True

    def encode(self, text: str) -> bytes:
        """Encode `text`; what does not fit is folded to ASCII, or else becomes `?`."""
        text = normalize(text)
        whole = self._encode_whole(text)
        if whole is not None:
            return whole
        fitting = (letter if self.carries(letter) else to_ascii(letter) for letter in text)
        mended = "".join(part if self.carries(part) else "?" for part in fitting)
        return self._encode_whole(mended) or b""

    def without_strangers(self, text: str) -> str:
        """`text` in NFC, with what the set does not have written in ASCII, or else left out.

        Never with `?` in its place: who reads a name must not take a letter of ours for its own.
        """
        text = normalize(text)
        if self.carries(text):
            return text
        parts = (letter if self.carries(letter) else to_ascii(letter) for letter in text)
        return "".join(part for part in parts if self.carries(part))

    def _decode_plain(self, raw: bytes) -> str:
        if own := _OWN_DECODERS.get(self.codec):
            return own(raw)
        return raw.decode(self.codec, "replace")

    def carries(self, text: str) -> bool:
        """True when all of `text`, in NFC, can be encoded."""
        return text.isascii() or self._encode_whole(text) is not None

    def _encode_whole(self, text: str) -> bytes | None:
        if self.others or self.switching:
            return code_extension.encode(text, self._repertoire(), _DELIMITERS.decode("ascii"))
        if own := _OWN_ENCODERS.get(self.codec):
            encoded = [own(letter) for letter in text]
            return None if None in encoded else b"".join(part for part in encoded if part)
        try:
            return text.encode(self.codec)
        except UnicodeEncodeError:
            return None

    def _repertoire(self) -> Repertoire:
        initial = _INITIAL_SETS.get(self.codec)
        return Repertoire(
            initial=GRAPHIC_SETS[initial] if initial else None,
            others=tuple(GRAPHIC_SETS[name] for name in self.others if name != initial),
            home=b"(J" if self.codec == "cp932" else b"(B",
        )


_INITIAL_SETS: Final = {
    **{f"iso8859-{part}": f"8859/{part}" for part in SINGLE_BYTE_PARTS},
    "cp932": "JIS X 0201",
    "cp949": "KS X 1001",
    "gb18030": "GB 2312",
    "euc_tw": "CNS 11643/1",
}
ASCII: Final = CharacterSet("ascii")


def normalize(text: str) -> str:
    """Return `text` in Unicode normalisation form C."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


@lru_cache(maxsize=256)
def reduce_label(label: str) -> str:
    """Return a label as the tables here have it: capitals and digits."""
    return re.sub("[^A-Z0-9]", "", label.upper())


def labelled(labels: Sequence[str]) -> CharacterSet:
    """Return the character set of the repetitions of MSH-18; an unknown first one is ASCII."""
    return _labelled(tuple(labels))


@lru_cache(maxsize=256)
def _labelled(labels: tuple[str, ...]) -> CharacterSet:
    names = [reduce_label(label) for label in labels]
    codec = CODECS.get(names[0], "ascii")
    switching = len(names) > 1 or not SWITCHING.isdisjoint(names)
    known = (_GRAPHIC[name] for name in names if name in _GRAPHIC)
    others = tuple(dict.fromkeys(known)) if switching and codec != UTF_8 else ()
    return CharacterSet(codec, switching, others)


def character_set(label: str) -> CharacterSet:
    """Return the character set for a label of table 0211, a site label or a Python codec name.

    For configuration, not for MSH-18: a Python codec name is accepted here, and several labels
    joined by `~`.

    Raises:
        LookupError: nobody knows the label, or the codec cannot carry HL7 delimiters.
    """
    labels = label.split("~")
    if all(reduce_label(each) in CODECS for each in labels):
        return labelled(labels)
    codec = codecs.lookup(label).name
    if b"MSH|^~\\&".decode(codec) != "MSH|^~\\&":
        raise LookupError(f"character set {label} cannot carry HL7 delimiters")
    return CharacterSet(codec)


def encode(text: str, label: str) -> bytes:
    """Encode `text` for an MSH-18 of `label`; what does not fit is folded or becomes `?`.

    Raises:
        LookupError: the label is unknown.
    """
    return character_set(label).encode(text)
