"""The patient as orders and ADT messages describe one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.domain.identifiers import Identifier

Attributes = Mapping[str, str]
"""DICOM keyword → text of the value. An absent keyword was not said; an empty text deletes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientDetails:
    """What one message says of a patient.

    `identifiers` is in the sender's order of preference: the first is the Patient ID. `attributes`
    are of DICOM's Patient modules (PatientName, PatientBirthDate, PatientSex, …), each as the text
    DICOM carries. `aliases` are further numbers that never become the Patient ID (PID-2, PID-4);
    without an authority of their own they are of none, for nobody knows who assigned them.
    """

    identifiers: tuple[Identifier, ...]
    attributes: Attributes = field(default_factory=dict)
    aliases: tuple[Identifier, ...] = ()

    @property
    def name(self) -> str:
        """PatientName (0010,0010) in Unicode, or an empty text."""
        return self.attributes.get("PatientName", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A patient as held: identifiers of every authority, aliases of merged records included.

    `removed` says that its senders dropped the record and nobody has named it since.
    """

    pk: int
    identifiers: tuple[Identifier, ...]
    attributes: Attributes
    aliases: tuple[Identifier, ...] = ()
    removed: bool = False

    @property
    def patient_id(self) -> Identifier:
        """The identifier that goes into Patient ID (0010,0020)."""
        return self.identifiers[0]

    def is_called(self, identifier: Identifier) -> bool:
        """Whether `identifier` is, or once was, this patient's."""
        known = (*self.identifiers, *self.aliases)
        return any(identifier.agrees_with(mine) for mine in known)


def merged(old: Attributes, said: Attributes) -> dict[str, str]:
    """`old` with what a message said laid over it: an empty text deletes (HL7 null `""`)."""
    result = {**old, **said}
    return {keyword: text for keyword, text in result.items() if text != ""}


_DEMOGRAPHICS = ("PatientName", "PatientBirthDate", "PatientSex")


def former_demographics(before: Attributes, after: Attributes) -> dict[str, str]:
    """Name, birth date and sex of `before`, where `after` says one of them otherwise; else none."""
    said = {keyword: text for keyword in _DEMOGRAPHICS if (text := before.get(keyword, ""))}
    contradicted = any(after.get(keyword, text) not in ("", text) for keyword, text in said.items())
    return said if contradicted else {}
