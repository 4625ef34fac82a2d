"""How the patient of images compares with the patient of an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bridge.domain.identifiers import Identifier, is_placeholder
from bridge.domain.matching import Candidate, Evidence, PatientAgreement, Verdict
from bridge.domain.matching_rules import Field, MatchingRules, NameStrictness
from bridge.domain.names import fold_name, same_name
from bridge.domain.patient import Attributes, Patient
from bridge.domain.study import Study


def patient_agreement(
    study: Study,
    patient: Patient,
    rules: MatchingRules,
    *,
    patient_is_known: bool,
    formerly: Sequence[Attributes] = (),
    linked: Sequence[Identifier] = (),
) -> PatientAgreement:
    """Compare by Patient ID and issuer, aliases of merges included; by name and birth date else.

    Images may show what a record said at their time: before it was corrected, or before it was
    merged into the patient's (a John Doe). `formerly` is all of that; a former record counts only
    where its name is that of the images. `linked` are the identifiers of records that are linked to
    the patient's.
    """
    identifier = study.patient_id
    if identifier is not None and patient.is_called(identifier):
        same = not _differs(study, patient, rules) or any(
            _was_called_so(study, replace(patient, attributes=each), rules) for each in formerly
        )
        return PatientAgreement.SAME if same else PatientAgreement.OTHER
    if identifier is not None and patient_is_known and not is_placeholder(identifier.value):
        across = any(identifier.agrees_with(each) for each in linked)
        return PatientAgreement.LINKED if across else PatientAgreement.OTHER
    name, birth_date, _ = demographics(study, patient, rules)
    return PatientAgreement.ALIKE if name.agrees and birth_date.agrees else PatientAgreement.UNKNOWN


def agreement_with(
    study: Study, candidate: Candidate, rules: MatchingRules, *, patient_is_known: bool
) -> PatientAgreement:
    """As `patient_agreement`; images of an order that was moved carry whom it was made for."""
    identifier, former = study.patient_id, candidate.order.former_patient_ids
    if identifier is not None and any(identifier.agrees_with(each) for each in former):
        return PatientAgreement.SAME
    return patient_agreement(
        study,
        candidate.patient,
        rules,
        patient_is_known=patient_is_known,
        formerly=candidate.formerly,
        linked=candidate.linked,
    )


def demographics(
    study: Study, patient: Patient, rules: MatchingRules
) -> tuple[Evidence, Evidence, Evidence]:
    """Name, birth date and sex, compared."""
    name = patient.attributes.get("PatientName", "")

    def told(field: Field) -> Evidence:
        return compared(field, study.attributes.get(field, ""), patient.attributes.get(field, ""))

    return (
        _compared(Field.PATIENT_NAME, study.patient_name, name, _same(rules.names, study, name)),
        told(Field.PATIENT_BIRTH_DATE),
        told(Field.PATIENT_SEX),
    )


def compared(field: Field, study: str, order: str) -> Evidence:
    """Two texts that agree when they are the same."""
    return _compared(field, study, order, study == order)


def _compared(field: Field, study: str, order: str, same: bool) -> Evidence:
    if not study or not order:
        return Evidence(field.value, study, order, Verdict.UNKNOWN)
    return Evidence(field.value, study, order, Verdict.AGREES if same else Verdict.DIFFERS)


def _same(strictness: NameStrictness, study: Study, name: str) -> bool:
    if strictness is NameStrictness.WORDS:
        return same_name(study.patient_name, name)
    if strictness is NameStrictness.COMPONENTS:
        return fold_name(study.patient_name) == fold_name(name)
    return study.patient_name.rstrip("^= ") == name.rstrip("^= ")


def _differs(study: Study, patient: Patient, rules: MatchingRules) -> bool:
    """Whether so many of name, birth date and sex are others that it is another person."""
    told = demographics(study, patient, rules)
    return sum(each.verdict is Verdict.DIFFERS for each in told) >= rules.differences


def _was_called_so(study: Study, former: Patient, rules: MatchingRules) -> bool:
    name, *_ = demographics(study, former, rules)
    return name.agrees and not _differs(study, former, rules)
