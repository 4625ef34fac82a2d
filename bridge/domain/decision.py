"""Decide which order an arriving study belongs to, by the site's rules (STANDARDS 6)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from bridge.domain.matching import (
    Candidate,
    Key,
    MatchDecision,
    Outcome,
    PatientAgreement,
    RankedCandidate,
)
from bridge.domain.matching_rules import Finding, MatchingRules, Rule, Situation
from bridge.domain.order import Procedure
from bridge.domain.patient_comparison import agreement_with
from bridge.domain.ranking import in_rank, ranked
from bridge.domain.step_status import StepStatus
from bridge.domain.study import Study

_STRENGTH = tuple(Key)
_GIVEN_UP = frozenset({StepStatus.CANCELED, StepStatus.DISCONTINUED})


@dataclass(frozen=True, slots=True)
class _Case:
    """A study to be decided by rules, and whether the patient its images name is one we know."""

    study: Study
    rules: MatchingRules
    patient_is_known: bool

    def agreement(self, candidate: Candidate) -> PatientAgreement:
        """How its patient compares with the study's."""
        return agreement_with(
            self.study, candidate, self.rules, patient_is_known=self.patient_is_known
        )

    def ranked(self, found: Iterable[Candidate]) -> tuple[RankedCandidate, ...]:
        """What is shown of these."""
        return in_rank(
            [ranked(self.study, each, self.agreement(each), self.rules) for each in found]
        )

    def by_rule(self, rule: Rule, found: Iterable[Candidate]) -> MatchDecision:
        """What a rule says of these: only a match or a choice names procedures."""
        shown = list(found)
        named = rule.outcome in (Outcome.MATCHED, Outcome.CANDIDATES)
        return MatchDecision(
            outcome=rule.outcome,
            reason=rule.reason,
            procedure_pks=tuple(sorted({c.procedure.pk for c in shown})) if named else (),
            candidates=self.ranked(shown),
        )

    def by_table(self, finding: Finding, found: list[Candidate]) -> MatchDecision:
        """The cell for the patient who agrees least."""
        worst = max(map(self.agreement, found), key=list(PatientAgreement).index)
        return self.by_rule(self.rules.rule(finding, worst), found)


def decide(
    study: Study,
    candidates: Iterable[Candidate],
    rules: MatchingRules,
    *,
    patient_is_known: bool,
    wrong_entry: bool = False,
    performed_together: Collection[int] = (),
    several_patients: bool = False,
) -> MatchDecision:
    """Decide where `study` belongs. The order in which candidates are given does not matter.

    `patient_is_known` tells whether the Patient ID in the images is that of a patient we hold:
    an ID nobody has may be a typing error, somebody else's ID is another patient. `wrong_entry`
    tells that the modality withdrew its choice (DCM 110514): the images say who they do not show.
    `performed_together` are the pks of the procedures that one performed step of the study names.
    `several_patients` tells that its images name patients who are not one record.
    """
    case = _Case(study, rules, patient_is_known)
    found = _of_one_issuer(case, sorted(candidates, key=lambda c: (_rank(c), c.procedure.pk)))
    if wrong_entry:
        return case.by_rule(rules.situations[Situation.WRONG_ENTRY], found)
    found = _of_one_accession(found)
    if _names_several(study, found) if found else several_patients:
        return case.by_rule(rules.situations[Situation.SEVERAL_PATIENTS], found)
    if not found:
        return case.by_rule(rules.situations[Situation.NOTHING], ())
    if group := _group(study, found, _ordered_together(found) or performed_together):
        return _decided(case, Finding.REQUEST_ATTRIBUTES, group)
    return _contradiction(case, found) or _by_strongest(case, found)


def is_given_up(procedure: Procedure) -> bool:
    """Whether nothing of a procedure is wanted any more."""
    return bool(procedure.steps) and all(step.status in _GIVEN_UP for step in procedure.steps)


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
    return case.by_table(Finding.CONTRADICTION, found)


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
            return case.by_table(Finding.SEVERAL, strongest)
    return _decided(case, Finding(_STRENGTH[_rank(strongest[0])].value), strongest)


def _decided(case: _Case, finding: Finding, found: list[Candidate]) -> MatchDecision:
    """By the key that found them, unless nothing of it is wanted any more."""
    given_up = all(is_given_up(c.procedure) for c in found)
    return case.by_table(Finding.CANCELED if given_up else finding, found)


def _narrowed(study: Study, found: list[Candidate]) -> list[Candidate]:
    """Among procedures one key found alike, those that a further key or the modality confirms."""
    most = max(len(c.keys) for c in found)
    found = [c for c in found if len(c.keys) == most]
    modalities = {s.modality for s in study.series}
    fitting = [c for c in found if modalities & {s.modality for s in c.procedure.steps}]
    return fitting or found
