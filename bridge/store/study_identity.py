"""Whose the images of a study say they are, as it is kept with the study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.domain.identifiers import Identifier
from bridge.domain.study import InstanceHeader
from bridge.store import documents

_BEGUN = ("StudyDate", "StudyTime")


@dataclass(frozen=True, slots=True)
class StudyIdentity:
    """Whose the images say they are, and what for; the same whichever of them came first."""

    patient_id: Identifier | None
    patient_name: str
    accession: Identifier | None
    further_patient_ids: tuple[Identifier, ...] = ()
    further_accessions: tuple[Identifier, ...] = ()

    def completed_by(self, header: InstanceHeader) -> StudyIdentity:
        """With what a further instance tells; another patient's number is not lost."""
        patients = _distinct(self.patient_id, *self.further_patient_ids, header.patient_id)
        accessions = _distinct(self.accession, *self.further_accessions, header.accession)
        return StudyIdentity(
            next(iter(patients), None),
            fuller_text(self.patient_name, header.patient_name),
            next(iter(accessions), None),
            patients[1:],
            accessions[1:],
        )


def fuller_text(one: str, other: str) -> str:
    """Of two that differ the longer, which tells more; of two as long the one that sorts last."""
    return max(one, other, key=lambda each: (len(each), each))


def completed_attributes(held: Mapping[str, str], said: Mapping[str, str]) -> dict[str, str]:
    """What the images of a study say, by keyword; a study began when its first image was made."""
    found = {
        keyword: fuller_text(held.get(keyword, ""), said.get(keyword, ""))
        for keyword in {**held, **said}
    }
    begun = [each for each in (_begun(held), _begun(said)) if each[0]]
    if begun:
        found |= dict(zip(_BEGUN, min(begun), strict=True))
    return {keyword: text for keyword, text in found.items() if text or keyword in held}


def _begun(said: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(said.get(keyword, "") for keyword in _BEGUN)


def _distinct(*said: Identifier | None) -> tuple[Identifier, ...]:
    """Each once, in an order of their own; one without issuer is the one that has an issuer."""
    by_key = {each.key: each for each in said if each is not None}
    issued = {value for value, issuer in by_key if issuer}
    keys = sorted(key for key in by_key if key[1] or key[0] not in issued)
    return tuple(by_key[key] for key in keys)


def dump_identity(identity: StudyIdentity) -> documents.Document:
    """As a document."""
    return [
        documents.dump_identifier(identity.patient_id),
        identity.patient_name,
        documents.dump_identifier(identity.accession),
        [documents.dump_identifier(each) for each in identity.further_patient_ids],
        [documents.dump_identifier(each) for each in identity.further_accessions],
    ]


def load_identity(document: documents.Document) -> StudyIdentity:
    """The inverse of `dump_identity`; there was a time when only one accession number was kept."""
    patient_id, patient_name, accession, further, *accessions = document
    return StudyIdentity(
        documents.load_identifier(patient_id),
        patient_name,
        documents.load_identifier(accession),
        documents.load_identifiers(further),
        documents.load_identifiers(accessions[0] if accessions else ()),
    )
