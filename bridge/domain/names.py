"""Person names as DICOM holds them (PS3.5 6.2 PN), and how names are folded to be compared."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from bridge.domain.transliteration import transliterate


def to_ascii(text: str) -> str:
    """Fold letters to ASCII (NGUYỄN VĂN ÁNH → NGUYEN VAN ANH); what cannot be written so stays."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFD", transliterate(unicodedata.normalize("NFC", text)))
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
    must not look like two patients, so the words are compared, not the carets. Of a name in several
    scripts one group that agrees is enough: many devices keep or show only one.
    """
    mine, yours = _groups(left), _groups(right)
    return not mine.isdisjoint(yours) or not (mine or yours)


def _groups(name: str) -> frozenset[tuple[str, ...]]:
    """The words of each component group that has any."""
    groups = (tuple(fold(group.replace("^", " ")).split()) for group in name.split("="))
    return frozenset(group for group in groups if group)
