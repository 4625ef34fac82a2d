"""Person names as DICOM holds them (PS3.5 6.2 PN), and how names are folded to be compared."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

# Letters that have no canonical decomposition and yet are only a stroke away from ASCII.
_UNDECOMPOSED = str.maketrans(
    {
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "Ð": "D",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "ı": "i",
        "ß": "ss",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "þ": "th",
        "Þ": "TH",
        "\u2019": "'",
        "\u2013": "-",
        "\u2014": "-",
        "\u00a0": " ",
    }
)


def to_ascii(text: str) -> str:
    """Fold Latin letters to ASCII (NGUYỄN VĂN ÁNH → NGUYEN VAN ANH); other scripts stay."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFD", text.translate(_UNDECOMPOSED))
    return unicodedata.normalize("NFC", "".join(_without_accents(decomposed)))


def _without_accents(decomposed: str) -> Iterator[str]:
    """Drop marks on ASCII letters only: in other scripts (が, й) they make another letter."""
    on_ascii = False
    for character in decomposed:
        if not unicodedata.combining(character):
            on_ascii = character.isascii()
        elif on_ascii:
            continue
        yield character


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """The form in which names are compared: NFC, no accents, upper case, single spaces, no tail."""
    folded = to_ascii(unicodedata.normalize("NFC", text)).upper()
    return " ".join(folded.split()).rstrip("^= ")


def fold_name(name: str) -> str:
    """Fold a PN by component group, dropping empty trailing components of each group."""
    groups = ("^".join(part.strip() for part in g.split("^")) for g in name.split("="))
    return "=".join(fold(group) for group in groups).rstrip("=")


def same_name(left: str, right: str) -> bool:
    """Whether two PN values name the same person once folded; components may be run together.

    A HIS that sends a whole Vietnamese name in one component and a modality that splits it again
    must not look like two patients, so the words are compared, not the carets.
    """
    return _words(left) == _words(right)


def _words(name: str) -> tuple[str, ...]:
    return tuple(fold(name.split("=", maxsplit=1)[0].replace("^", " ")).split())
