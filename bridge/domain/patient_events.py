"""What messages tell of patients: who is who, who was taken for two, and who is gone."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.identifiers import Identifier
from bridge.domain.patient import PatientDetails
from bridge.domain.visit import NO_NUMBERS, VisitNumbers


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientUpdated:
    """Demographics of a patient as the sender now knows them (ADT^A08 and its kin)."""

    event: str
    patient: PatientDetails
    occurred_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientsMerged:
    """ADT^A40 and its ancestors: `retired` was the same person as `survivor` all along.

    `retired_aliases` are further numbers of the retired record (MRG-4, MRG-2 beside MRG-1).
    """

    survivor: PatientDetails
    retired: tuple[Identifier, ...]
    retired_aliases: tuple[Identifier, ...] = ()
    occurred_at: str = ""
    location: str = "MRG^1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientsLinked:
    """ADT^A24 and A37, FHIR link of type seealso: two records of one person that stay two.

    `linked` False takes the link back; where the two had been merged, it takes the merge back.
    """

    patients: tuple[PatientDetails, PatientDetails]
    linked: bool = True
    occurred_at: str = ""
    location: str = "PID^1"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifiersMoved:
    """ADT^A43: identifiers, and everything recorded under them, belong to another patient."""

    patient: PatientDetails
    moved: tuple[Identifier, ...]
    occurred_at: str = ""
    location: str = "MRG^1"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifierChanged:
    """ADT^A47 (and A46): the same person is known by another identifier from now on."""

    patient: PatientDetails
    previous: tuple[Identifier, ...]
    occurred_at: str = ""
    location: str = "MRG^1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRemoved:
    """ADT^A23 and A29, FHIR DELETE: the sender drops a record; kept while anything hangs on it.

    Where `visit` names one, only that visit is dropped (A23 is about an episode).
    """

    event: str
    patient: PatientDetails
    visit: VisitNumbers = NO_NUMBERS
    occurred_at: str = ""
    location: str = "PID^1"
