"""Which order an arriving study belongs to: the decision and its evidence.

Keys, strongest first: Study Instance UID, request attributes, accession number with issuer,
performed step, order number. The patient never picks an order; it confirms or forbids what a key
found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bridge.domain.identifiers import Identifier, is_placeholder
from bridge.domain.names import same_name
from bridge.domain.order import Order, Procedure
from bridge.domain.patient import Attributes, Patient
from bridge.domain.study import Study


class Outcome(StrEnum):
    """What a decision says. Only `MATCHED` links a study to an order.

    `REJECTED` is a person's word alone: the images are kept, and shown to nobody.
    """

    MATCHED = "matched"
    CANDIDATES = "candidates"
    CONFLICT = "conflict"
    UNSCHEDULED = "unscheduled"
    REJECTED = "rejected"

    @property
    def waits(self) -> bool:
        """Whether somebody or something is still to say where the study belongs."""
        return self not in (Outcome.MATCHED, Outcome.REJECTED)


class Key(StrEnum):
    """What led from the study to an order."""

    STUDY_INSTANCE_UID = "Study Instance UID"
    REQUEST_ATTRIBUTES = "Request Attributes Sequence"
    ACCESSION_NUMBER = "Accession Number"
    PERFORMED_STEP = "Performed Procedure Step"
    ORDER_NUMBER = "Order Number"


class PatientAgreement(StrEnum):
    """How the patient of the images compares with the patient of the order.

    `ALIKE`: the Patient ID is missing or nobody's, but name and birth date agree. `LINKED`: it is
    that of a record which a sender linked to the order's patient (ADT^A24) and did not merge.
    """

    SAME = "same"
    ALIKE = "alike"
    UNKNOWN = "unknown"
    LINKED = "linked"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One field that was compared: what the study carries, what the order says, the verdict."""

    field: str
    study: str
    order: str
    agrees: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An order and procedure that some key of the study led to.

    `formerly` is what records said that were merged into the patient's, `linked` the identifiers
    of records that are linked to it.
    """

    order: Order
    procedure: Procedure
    patient: Patient
    keys: frozenset[Key]
    formerly: tuple[Attributes, ...] = ()
    linked: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchDecision:
    """The answer, why, and who gave it. `procedure_pks` is empty unless matched or suggested."""

    outcome: Outcome
    reason: str
    procedure_pks: tuple[int, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    decided_by: str = "bridge"


@dataclass(frozen=True, slots=True)
class _Rule:
    """One cell of the decision table."""

    outcome: Outcome
    reason: str


_MATCH, _QUEUE, _CONFLICT = Outcome.MATCHED, Outcome.CANDIDATES, Outcome.CONFLICT
_SAME, _ALIKE, _UNKNOWN, _LINKED, _OTHER = PatientAgreement
_ACROSS_LINK = "the images name a patient who is linked to the order's, not merged"

# The strongest key that found the order × how the patient compares. A clinician can proof-read it.
DECISIONS: dict[tuple[Key, PatientAgreement], _Rule] = {
    (Key.STUDY_INSTANCE_UID, _SAME): _Rule(_MATCH, "Study Instance UID and patient agree"),
    (Key.STUDY_INSTANCE_UID, _ALIKE): _Rule(
        _MATCH, "Study Instance UID, name and birth date agree; the Patient ID is unknown"
    ),
    (Key.STUDY_INSTANCE_UID, _UNKNOWN): _Rule(_QUEUE, "the images do not identify the patient"),
    (Key.STUDY_INSTANCE_UID, _LINKED): _Rule(_QUEUE, _ACROSS_LINK),
    (Key.STUDY_INSTANCE_UID, _OTHER): _Rule(_CONFLICT, "Study Instance UID of another patient"),
    (Key.REQUEST_ATTRIBUTES, _SAME): _Rule(
        _MATCH, "requested procedure, step and patient agree; the modality gave its own Study UID"
    ),
    (Key.REQUEST_ATTRIBUTES, _ALIKE): _Rule(_QUEUE, "only name and birth date confirm the patient"),
    (Key.REQUEST_ATTRIBUTES, _UNKNOWN): _Rule(_QUEUE, "the images do not identify the patient"),
    (Key.REQUEST_ATTRIBUTES, _LINKED): _Rule(_QUEUE, _ACROSS_LINK),
    (Key.REQUEST_ATTRIBUTES, _OTHER): _Rule(_CONFLICT, "requested procedure of another patient"),
    (Key.ACCESSION_NUMBER, _SAME): _Rule(
        _MATCH, "accession number and patient agree; the modality gave its own Study UID"
    ),
    (Key.ACCESSION_NUMBER, _ALIKE): _Rule(_QUEUE, "only name and birth date confirm the patient"),
    (Key.ACCESSION_NUMBER, _UNKNOWN): _Rule(_QUEUE, "the images do not identify the patient"),
    (Key.ACCESSION_NUMBER, _LINKED): _Rule(_QUEUE, _ACROSS_LINK),
    (Key.ACCESSION_NUMBER, _OTHER): _Rule(_CONFLICT, "accession number of another patient"),
    (Key.PERFORMED_STEP, _SAME): _Rule(_MATCH, "performed step and patient agree"),
    (Key.PERFORMED_STEP, _ALIKE): _Rule(_QUEUE, "only name and birth date confirm the patient"),
    (Key.PERFORMED_STEP, _UNKNOWN): _Rule(_QUEUE, "the images do not identify the patient"),
    (Key.PERFORMED_STEP, _LINKED): _Rule(_QUEUE, _ACROSS_LINK),
    (Key.PERFORMED_STEP, _OTHER): _Rule(_CONFLICT, "performed step of another patient"),
    # What a study that was announced says it was done for (ImagingStudy.basedOn).
    (Key.ORDER_NUMBER, _SAME): _Rule(_MATCH, "order number and patient agree"),
    (Key.ORDER_NUMBER, _ALIKE): _Rule(_QUEUE, "only name and birth date confirm the patient"),
    (Key.ORDER_NUMBER, _UNKNOWN): _Rule(_QUEUE, "the images do not identify the patient"),
    (Key.ORDER_NUMBER, _LINKED): _Rule(_QUEUE, _ACROSS_LINK),
    (Key.ORDER_NUMBER, _OTHER): _Rule(_CONFLICT, "order of another patient"),
}

_STRENGTH = (
    Key.STUDY_INSTANCE_UID,
    Key.REQUEST_ATTRIBUTES,
    Key.ACCESSION_NUMBER,
    Key.PERFORMED_STEP,
    Key.ORDER_NUMBER,
)


@dataclass(frozen=True, slots=True)
class _Case:
    """A study to be decided, and whether the patient its images name is one we know."""

    study: Study
    patient_is_known: bool

    def agreement(self, candidate: Candidate) -> PatientAgreement:
        """As `patient_agreement`; images of an order that was moved carry whom it was made for."""
        identifier, former = self.study.patient_id, candidate.order.former_patient_ids
        if identifier is not None and any(identifier.agrees_with(each) for each in former):
            return PatientAgreement.SAME
        return patient_agreement(
            self.study,
            candidate.patient,
            patient_is_known=self.patient_is_known,
            formerly=candidate.formerly,
            linked=candidate.linked,
        )


def decide(
    study: Study,
    candidates: Iterable[Candidate],
    *,
    patient_is_known: bool,
    wrong_entry: bool = False,
    performed_together: Collection[int] = (),
) -> MatchDecision:
    """Decide where `study` belongs. The order in which candidates are given does not matter.

    `patient_is_known` tells whether the Patient ID in the images is that of a patient we hold:
    an ID nobody has may be a typing error, somebody else's ID is another patient. `wrong_entry`
    tells that the modality withdrew its choice (DCM 110514): the images say who they do not show.
    `performed_together` are the pks of the procedures that one performed step of the study names.
    """
    case = _Case(study, patient_is_known)
    found = _of_one_issuer(case, sorted(candidates, key=lambda c: (_rank(c), c.procedure.pk)))
    if wrong_entry:
        return _conflict(case, found, "the modality had chosen the wrong worklist entry")
    if not found:
        return MatchDecision(outcome=Outcome.UNSCHEDULED, reason="no order carries its identifiers")
    found = _of_one_accession(found)
    if _names_several(study, found):
        return _conflict(case, found, "its images name several patients")
    if group := _group(study, found, _ordered_together(found) or performed_together):
        return _by_table(case, Key.REQUEST_ATTRIBUTES, group)
    return _contradiction(case, found) or _by_strongest(case, found)


def patient_agreement(
    study: Study,
    patient: Patient,
    *,
    patient_is_known: bool,
    formerly: Sequence[Attributes] = (),
    linked: Sequence[Identifier] = (),
) -> PatientAgreement:
    """Compare by Patient ID and issuer, aliases of merges included; by name and birth date else.

    Images under the number of a merged record (a John Doe) show what that record said: `formerly`.
    `linked` are the identifiers of records that are linked to the patient's.
    """
    identifier = study.patient_id
    if identifier is not None and patient.is_called(identifier):
        records = (patient, *(replace(patient, attributes=each) for each in formerly))
        differs = all(_differs(study, each) for each in records)
        return PatientAgreement.OTHER if differs else PatientAgreement.SAME
    if identifier is not None and patient_is_known and not is_placeholder(identifier.value):
        across = any(identifier.agrees_with(each) for each in linked)
        return PatientAgreement.LINKED if across else PatientAgreement.OTHER
    name, birth_date, _ = _demographics(study, patient)
    alike = name.study and birth_date.study and name.agrees and birth_date.agrees
    return PatientAgreement.ALIKE if alike else PatientAgreement.UNKNOWN


def _differs(study: Study, patient: Patient) -> bool:
    """Whether more than one of name, birth date and sex is another: one may be a typing error."""
    told = [e for e in _demographics(study, patient) if e.study and e.order]
    return sum(not e.agrees for e in told) > 1


def _demographics(study: Study, patient: Patient) -> tuple[Evidence, Evidence, Evidence]:
    def pair(keyword: str) -> tuple[str, str]:
        return study.attributes.get(keyword, ""), patient.attributes.get(keyword, "")

    ours = patient.attributes.get("PatientName", "")
    birth, sex = pair("PatientBirthDate"), pair("PatientSex")
    return (
        Evidence("PatientName", study.patient_name, ours, same_name(study.patient_name, ours)),
        Evidence("PatientBirthDate", *birth, birth[0] == birth[1]),
        Evidence("PatientSex", *sex, sex[0] == sex[1]),
    )


def _of_one_issuer(case: _Case, found: list[Candidate]) -> list[Candidate]:
    """An accession number without issuer may be two orders': the patient tells which was meant."""
    accession = case.study.accession
    if accession is None or accession.authority:
        return found
    strangers = [
        c
        for c in found
        if c.keys == {Key.ACCESSION_NUMBER} and case.agreement(c) is PatientAgreement.OTHER
    ]
    others = [c for c in found if c not in strangers]
    return others or found


def _names_several(study: Study, found: list[Candidate]) -> bool:
    """Whether images of one study name patients who are not all the patient of the order."""
    if not study.further_patient_ids or study.patient_id is None:
        return False
    named = (study.patient_id, *study.further_patient_ids)
    return any(
        not (c.patient.is_called(each) or each in c.order.former_patient_ids)
        for c in found
        for each in named
    )


def _of_one_accession(found: list[Candidate]) -> list[Candidate]:
    """Orders may share an accession number: where a further key finds one, it is the one meant."""
    meant = {c.order.pk for c in found if c.keys > {Key.ACCESSION_NUMBER}}
    by_number_alone = {Key.ACCESSION_NUMBER}
    return [c for c in found if not meant or c.order.pk in meant or c.keys != by_number_alone]


def _rank(candidate: Candidate) -> int:
    return min(_STRENGTH.index(key) for key in candidate.keys)


def _contradiction(case: _Case, found: list[Candidate]) -> MatchDecision | None:
    """Keys of one study that lead to different orders: somebody typed over a worklist entry."""
    if len({c.order.pk for c in found}) == 1:
        return None
    by_uid = {c.order.pk for c in found if Key.STUDY_INSTANCE_UID in c.keys}
    others = {c.order.pk for c in found if c.keys - {Key.STUDY_INSTANCE_UID}}
    if not by_uid or others <= by_uid:
        return None
    if any(case.agreement(c) is PatientAgreement.OTHER for c in found):
        return _conflict(case, found, "its identifiers name orders of different patients")
    evidence = tuple(e for c in found for e in _evidence(case.study, c))
    return MatchDecision(
        outcome=Outcome.CANDIDATES,
        reason="Study Instance UID and accession number name different orders",
        procedure_pks=tuple(sorted({c.procedure.pk for c in found})),
        evidence=evidence,
    )


def _conflict(case: _Case, found: list[Candidate], reason: str) -> MatchDecision:
    evidence = tuple(e for c in found for e in _evidence(case.study, c))
    return MatchDecision(outcome=Outcome.CONFLICT, reason=reason, evidence=evidence)


def _ordered_together(found: list[Candidate]) -> list[int]:
    """A RIS that groups examinations gives their procedures one Study Instance UID."""
    sharing = [c.procedure.pk for c in found if Key.STUDY_INSTANCE_UID in c.keys]
    return sharing if len(sharing) > 1 else []


def _group(study: Study, found: list[Candidate], together: Collection[int]) -> list[Candidate]:
    """The group case (PS3.17 and IHE PGP): several requests, served by one acquisition.

    The images name them all (Request Attributes Sequence), or the performed step does (Scheduled
    Step Attributes Sequence). The Study Instance UID may be of one of them or new; no key may lead
    outside the group.
    """
    several = len(study.request_attributes) > 1 or len(together) > 1
    named = [c for c in found if Key.REQUEST_ATTRIBUTES in c.keys or c.procedure.pk in together]
    orders = {c.order.pk for c in named}
    inside = all(
        c in named or (c.order.pk in orders and Key.STUDY_INSTANCE_UID not in c.keys) for c in found
    )
    return named if several and len(named) > 1 and inside else []


def _by_strongest(case: _Case, found: list[Candidate]) -> MatchDecision:
    strongest = [c for c in found if _rank(c) == _rank(found[0])]
    if len(strongest) > 1:
        strongest = _narrowed(case.study, strongest)
        if len(strongest) > 1:
            return _several(case, strongest)
    return _by_table(case, _STRENGTH[_rank(strongest[0])], strongest)


def _narrowed(study: Study, found: list[Candidate]) -> list[Candidate]:
    """Among procedures one key found alike, those that a further key or the modality confirms."""
    most = max(len(c.keys) for c in found)
    found = [c for c in found if len(c.keys) == most]
    modalities = {s.modality for s in study.series}
    fitting = [c for c in found if modalities & {s.modality for s in c.procedure.steps}]
    return fitting or found


def _several(case: _Case, found: list[Candidate]) -> MatchDecision:
    evidence = tuple(e for c in found for e in _evidence(case.study, c))
    agreements = {case.agreement(c) for c in found}
    other = PatientAgreement.OTHER in agreements
    return MatchDecision(
        outcome=Outcome.CONFLICT if other else Outcome.CANDIDATES,
        reason="accession number of another patient" if other else "several procedures fit",
        procedure_pks=() if other else tuple(sorted(c.procedure.pk for c in found)),
        evidence=evidence,
    )


def _by_table(case: _Case, key: Key, found: list[Candidate]) -> MatchDecision:
    agreements = [case.agreement(c) for c in found]
    worst = max(agreements, key=list(PatientAgreement).index)
    rule = DECISIONS[key, worst]
    linked = rule.outcome is not Outcome.CONFLICT
    return MatchDecision(
        outcome=rule.outcome,
        reason=rule.reason,
        procedure_pks=tuple(sorted({c.procedure.pk for c in found})) if linked else (),
        evidence=tuple(e for c in found for e in _evidence(case.study, c)),
    )


def _evidence(study: Study, candidate: Candidate) -> tuple[Evidence, ...]:
    procedure, numbers = candidate.procedure, candidate.order.numbers
    uid = procedure.study_instance_uid
    ours, theirs = _text(numbers.accession), _text(study.accession)
    patient_id = _text(study.patient_id)
    called = study.patient_id is not None and candidate.patient.is_called(study.patient_id)
    return (
        Evidence(
            "StudyInstanceUID", study.study_instance_uid, uid, study.study_instance_uid == uid
        ),
        Evidence("AccessionNumber", theirs, ours, theirs != "" and theirs == ours),
        Evidence("PatientID", patient_id, _text(candidate.patient.patient_id), called),
        *_demographics(study, candidate.patient),
    )


def _text(identifier: Identifier | None) -> str:
    return identifier.value if identifier else ""
