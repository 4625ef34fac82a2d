"""Identifiers with their assigning authority (HL7 CX, EI and HD; DICOM issuer attributes)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Authority:
    """Who assigned an identifier: HL7 HD, DICOM Issuer of … ID and its Qualifiers Sequence."""

    namespace: str = ""
    universal_id: str = ""
    universal_id_type: str = ""

    @property
    def key(self) -> str:
        """The text two authorities are compared by: the namespace, else the universal ID."""
        return self.namespace or self.universal_id

    def __bool__(self) -> bool:
        return bool(self.namespace or self.universal_id)


NO_AUTHORITY = Authority()


@dataclass(frozen=True, slots=True)
class Identifier:
    """A value that is unique only together with the authority that assigned it.

    `type_code` is HL7 table 0203 (`MR`, `PI`, `VN` …) and empty when not said.
    """

    value: str
    authority: Authority = NO_AUTHORITY
    type_code: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """(value, authority key): what uniqueness is judged by."""
        return (self.value, self.authority.key)

    def agrees_with(self, other: Identifier) -> bool:
        """Same value, and no authority that contradicts: a silent authority contradicts nothing."""
        if self.value != other.value:
            return False
        return not (self.authority and other.authority) or self.authority.key == other.authority.key

    def contradicts(self, other: Identifier) -> bool:
        """Another value of the same authority: it identifies something else."""
        return self.value != other.value and self.authority.key == other.authority.key


_SHORTEST_ALL_NINES = 4
PLACEHOLDERS = frozenset({"", "0", ".", "-", "UNKNOWN", "UNK", "NONE", "N/A", "NULL", '""'})


def is_placeholder(value: str) -> bool:
    """True for what senders write when they have no identifier (`0`, `UNKNOWN`, all nines …)."""
    text = value.strip().upper()
    return text in PLACEHOLDERS or (len(text) >= _SHORTEST_ALL_NINES and set(text) == {"9"})
