"""Which order an arriving study belongs to: the words of a decision and of its evidence.

Keys, strongest first: Study Instance UID, request attributes, accession number with issuer,
performed step, order number. The patient never picks an order; it confirms or forbids what a key
found. The rules are in `domain.matching_rules`, the decision is taken in `domain.decision`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.identifiers import Identifier
from bridge.domain.names import fold
from bridge.domain.order import Order, Procedure
from bridge.domain.patient import Attributes, Patient
from bridge.domain.study import Study
from bridge.domain.surrogate import as_carried

BY_RULES = "bridge"
"""Who decides when no person does."""


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


class Verdict(StrEnum):
    """How one field of the images compares with the same field of the order.

    `SOUNDS_ALIKE`: a name that is spelled otherwise and heard alike. `UNKNOWN`: one of the two does
    not say.
    """

    AGREES = "agrees"
    SOUNDS_ALIKE = "sounds alike"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One field that was compared: what the study carries, what the order says, the verdict."""

    field: str
    study: str
    order: str
    verdict: Verdict

    @property
    def agrees(self) -> bool:
        """Whether both say the same."""
        return self.verdict is Verdict.AGREES


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
class RankedCandidate:
    """An order that was considered, for a person to judge: the higher the score, the likelier.

    `number` is its accession number or else another one; `keys` led to it, none for what only
    patient, time and place suggest.
    """

    procedure_pk: int
    number: str
    keys: tuple[Key, ...]
    agreement: PatientAgreement
    score: int
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchDecision:
    """The answer, why, and who gave it. `procedure_pks` is empty unless matched or suggested.

    `candidates` are all that were considered, the likeliest first.
    """

    outcome: Outcome
    reason: str
    procedure_pks: tuple[int, ...] = ()
    candidates: tuple[RankedCandidate, ...] = ()
    decided_by: str = BY_RULES

    def is_as(self, other: MatchDecision) -> bool:
        """Whether both say the same of the same orders, whatever single values were compared."""
        return _gist(self) == _gist(other)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What was compared with the likeliest order."""
        return self.candidates[0].evidence if self.candidates else ()


def _gist(decision: MatchDecision) -> tuple[object, ...]:
    considered = {(each.procedure_pk, each.keys, each.agreement) for each in decision.candidates}
    said = (decision.outcome, decision.reason, decision.decided_by)
    return (*said, {*decision.procedure_pks}, considered)


def waiting_keys(study: Study) -> frozenset[str]:
    """What an order or a patient may bring that can decide a study which waits.

    Keys are texts of the kind and the value: `keys_brought` gives those of orders.
    """
    patients = {each.value for each in _patient_ids(study)}
    name = person_key(study.patient_name, study.attributes.get("PatientBirthDate", ""))
    return order_keys(study) | _as_keys({"patient": patients, "name": {name}})


def order_keys(study: Study) -> frozenset[str]:
    """What an order may bring that makes one more candidate of it, whatever the study is now.

    A procedure ID that comes without accession number and Study UID counts with the patient only.
    """
    items = study.request_attributes
    accessions = [*study.accessions, *(item.accession for item in items)]
    alone = [item.rp_id for item in items if item.rp_id and not item.study_instance_uid]
    numbers = study.announced.orders if study.announced else ()
    said = {
        "uid": {study.study_instance_uid, *(item.study_instance_uid for item in items)},
        "accession": {each.value for each in accessions if each},
        "request": {f"{rp_id} {each.value}" for rp_id in alone for each in _patient_ids(study)},
        "number": {
            each.value
            for said in numbers
            for each in (said.placer, said.filler, said.accession)
            if each
        },
        "performed": set(study.performed_step_uids),
    }
    return _as_keys(said)


def keys_of_performed_step(sop_instance_uid: str, studies: Iterable[str]) -> frozenset[str]:
    """The keys of the studies that a performed step may decide: it names them, or they name it."""
    return _as_keys({"performed": {sop_instance_uid}, "uid": set(studies)})


def keys_after(study: Study, decision: MatchDecision) -> frozenset[str]:
    """What may change a decision that was made: nothing may where a person made it.

    A match stays open to further orders that its identifiers lead to, and to the patient its
    images name where that is not yet somebody.
    """
    if decision.outcome.waits:
        return waiting_keys(study)
    if decision.decided_by != BY_RULES:
        return frozenset()
    known = all(each.agreement is PatientAgreement.SAME for each in decision.candidates)
    return order_keys(study) if known else waiting_keys(study)


def keys_brought(orders: Iterable[Order], patient: Patient) -> frozenset[str]:
    """The keys of the studies that these orders of a patient may decide."""
    called = as_carried(each.value for each in (*patient.identifiers, *patient.aliases))
    said: dict[str, set[str]] = {
        "patient": set(called),
        "name": {person_key(patient.attributes.get("PatientName", ""), _born(patient))},
    }
    for order in orders:
        accession = order.numbers.accession
        numbers = (order.numbers.placer, order.numbers.filler, accession)
        if accession is not None:
            said.setdefault("accession", set()).update(as_carried([accession.value]))
        said.setdefault("number", set()).update(each.value for each in numbers if each)
        whose = {*called, *(each.value for each in order.former_patient_ids)}
        for procedure in order.procedures:
            said.setdefault("uid", set()).add(procedure.study_instance_uid)
            said.setdefault("request", set()).update(
                f"{rp_id} {each}" for rp_id in as_carried([procedure.rp_id]) for each in whose
            )
    return _as_keys(said)


def _patient_ids(study: Study) -> list[Identifier]:
    return [each for each in (study.patient_id, *study.further_patient_ids) if each]


def person_key(name: str, birth_date: str) -> str:
    """A name and a birth date, folded; empty unless both are said."""
    words = " ".join(fold(name.partition("=")[0].replace("^", " ")).split())
    return f"{words} {birth_date}" if words and birth_date else ""


def _born(patient: Patient) -> str:
    return patient.attributes.get("PatientBirthDate", "")


def _as_keys(said: Mapping[str, set[str]]) -> frozenset[str]:
    return frozenset(
        f"{kind}:{value}" for kind, values in said.items() for value in values if value
    )
