"""Surrogates for identifiers that are too long for DICOM (PS3.5 6.2; STANDARDS 2.3).

An identifier cut short would be another one. Modalities are shown a short text in its place, always
the same for the same identifier, and what comes back with it is about the original.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from bridge.domain.identifiers import Identifier

LONGEST_SH = 16
LONGEST_LO = 64

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O, U: nobody misreads them
_MARK = "X"
_WILDCARDS = frozenset("*?")
_DIGITS = LONGEST_SH - len(_MARK)


def surrogate_of(value: str) -> str:
    """The surrogate of an identifier: 16 characters that hold 75 bits of its hash."""
    number = int.from_bytes(hashlib.sha256(value.encode()).digest(), "big")
    digits = []
    for _ in range(_DIGITS):
        number, digit = divmod(number, len(_LETTERS))
        digits.append(_LETTERS[digit])
    return _MARK + "".join(digits)


def may_be_surrogate(value: str) -> bool:
    """Whether a text has the form of a surrogate, so that it is worth asking what it stands for."""
    return (
        len(value) == LONGEST_SH
        and value.startswith(_MARK)
        and all(letter in _LETTERS for letter in value[len(_MARK) :])
    )


def as_carried(values: Iterable[str]) -> list[str]:
    """The identifiers as images may carry them: themselves, or the surrogate they were shown."""
    found = []
    for value in values:
        found.append(value)
        if len(value) > LONGEST_SH:
            found.append(surrogate_of(value))
    return found


def sought(value: str, longest: int) -> str:
    """What to look for in what modalities see, when somebody asks for an identifier.

    Numbers read from paper by a scanner, or known to a viewer, may be longer than DICOM shows.
    """
    is_whole = len(value) > longest and not _WILDCARDS & set(value)
    return surrogate_of(value) if is_whole else value


def shown(identifier: Identifier, longest: int) -> Identifier:
    """An identifier as modalities see it: itself, unless it is longer than `longest`."""
    if len(identifier.value) <= longest:
        return identifier
    return Identifier(surrogate_of(identifier.value), identifier.authority, identifier.type_code)
