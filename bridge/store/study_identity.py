"""Whose the images of a study say they are, as it is kept with the study."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.identifiers import Identifier
from bridge.domain.study import InstanceHeader
from bridge.store import documents


@dataclass(frozen=True, slots=True)
class StudyIdentity:
    """Whose the images say they are, and what for."""

    patient_id: Identifier | None
    patient_name: str
    accession: Identifier | None
    further_patient_ids: tuple[Identifier, ...] = ()

    def completed_by(self, header: InstanceHeader) -> StudyIdentity:
        """With what a further instance tells; another patient's number is not lost."""
        other = header.patient_id
        known = [each for each in (self.patient_id, *self.further_patient_ids) if each]
        further = self.further_patient_ids
        if other and known and not any(other.agrees_with(each) for each in known):
            further = (*further, other)
        return StudyIdentity(
            self.patient_id or other,
            self.patient_name or header.patient_name,
            self.accession or header.accession,
            further,
        )


def dump_identity(identity: StudyIdentity) -> documents.Document:
    """As a document."""
    return [
        documents.dump_identifier(identity.patient_id),
        identity.patient_name,
        documents.dump_identifier(identity.accession),
        [documents.dump_identifier(each) for each in identity.further_patient_ids],
    ]


def load_identity(document: documents.Document) -> StudyIdentity:
    """The inverse of `dump_identity`."""
    patient_id, patient_name, accession, further = document
    others = (documents.load_identifier(each) for each in further)
    return StudyIdentity(
        documents.load_identifier(patient_id),
        patient_name,
        documents.load_identifier(accession),
        tuple(each for each in others if each is not None),
    )
