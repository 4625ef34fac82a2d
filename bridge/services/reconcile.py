"""Find the order an arriving study belongs to, record why, and publish what is matched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bridge.domain.decision import decide
from bridge.domain.delivery import EventKind
from bridge.domain.identifiers import Identifier
from bridge.domain.matching import (
    Candidate,
    Key,
    MatchDecision,
    PatientAgreement,
    keys_brought,
)
from bridge.domain.matching_rules import MatchingRules
from bridge.domain.order import Order, Procedure
from bridge.domain.patient import Patient
from bridge.domain.patient_comparison import agreement_with, patient_agreement
from bridge.domain.performed_step import PerformedStep
from bridge.domain.resolution import Resolution, allowed, resolved, shown_as
from bridge.domain.study import RequestAttributes, Study, StudyState
from bridge.domain.study_news import Decided, changed_while_arriving, news_of
from bridge.services.annul_order import is_void
from bridge.services.identify_announced import identified
from bridge.services.moved_study import moved_to
from bridge.services.performed_orders import is_of
from bridge.services.present_study import Presentation, presentation
from bridge.services.publish_study import PublishStudy
from bridge.services.surrogates import of_study
from bridge.services.transaction import Transaction


class Reconcile:
    """Matches studies to orders, whichever of the two came first.

    `rules` gives the site's table as it stands now. `presents_orders` tells whether images of
    an AE title are found under what their order says, or always under what they say themselves.
    """

    def __init__(
        self,
        publish: PublishStudy,
        rules: Callable[[], MatchingRules],
        *,
        presents_orders: Callable[[str], bool] = lambda _ae_title: True,
    ) -> None:
        self._publish = publish
        self._rules = rules
        self._presents_orders = presents_orders

    def study(
        self,
        tx: Transaction,
        study_instance_uid: str,
        now: float,
        rejected_as: EventKind | None = None,
    ) -> MatchDecision | None:
        """Decide where a study belongs; None when nothing of it has arrived.

        The transaction either changes orders itself or holds them still. `rejected_as` says that
        something of the study was rejected just now.
        """
        held = tx.studies.lock(study_instance_uid)
        if held is None:
            return None
        resolution = tx.resolutions.current(held.pk)
        study = _as_decided_on(tx, held, resolution)
        before = tx.studies.procedures_of(study.pk)
        known = study.patient_id is not None and tx.patients.is_known(study.patient_id)
        decision = (resolution and resolved(resolution)) or decide(
            study,
            allowed(candidates(tx, study), resolution),
            self._rules(),
            patient_is_known=known,
            wrong_entry=_is_of_wrong_entry(tx, study),
            performed_together=_performed_together(tx, study) or _announced_together(tx, study),
            several_patients=_names_several_patients(tx, study),
        )
        is_new = tx.studies.decide(study, decision, StudyState.AVAILABLE, now)
        is_shown_otherwise = self._present(tx, study_instance_uid)
        is_taken_away = bool({*before} - {*decision.procedure_pks})
        decided = Decided(
            was_matched=bool(before),
            outcome=decision.outcome,
            is_new=is_new,
            is_corrected=is_shown_otherwise or is_taken_away,
            rejected_as=rejected_as,
        )
        for words in news_of(decided):
            self._publish.announce(tx, study_instance_uid, words, now)
        return decision

    def first_image(self, tx: Transaction, study_instance_uid: str, now: float) -> None:
        """Images of a study have begun to come, or to be announced."""
        self._publish.announce(tx, study_instance_uid, (EventKind.STUDY_FIRST_IMAGE,), now)

    def rejected(
        self, tx: Transaction, study_instance_uid: str, kind: EventKind, now: float
    ) -> None:
        """Something of a study was rejected: who was told of it hears so at once.

        One that still grows is decided on when it has settled. The transaction holds orders still.
        """
        if not tx.studies.is_arriving(study_instance_uid):
            self.study(tx, study_instance_uid, now, kind)
            return
        study = tx.studies.lock(study_instance_uid)
        if study is not None and tx.studies.procedures_of(study.pk):
            words = (kind, EventKind.STUDY_CHANGED)
            self._publish.announce(tx, study_instance_uid, words, now)

    @property
    def rules(self) -> MatchingRules:
        """The site's table as it stands now."""
        return self._rules()

    def found(self, tx: Transaction, study_instance_uid: str) -> Study | None:
        """As `locked`, for reading only."""
        study = tx.studies.find(study_instance_uid)
        if study is None:
            return None
        return _as_decided_on(tx, study, tx.resolutions.current(study.pk))

    def locked(self, tx: Transaction, study_instance_uid: str) -> Study | None:
        """A study, locked, as it is decided on: who it shows, under which original numbers."""
        study = tx.studies.lock(study_instance_uid)
        if study is None:
            return None
        return _as_decided_on(tx, study, tx.resolutions.current(study.pk))

    def agreement(self, tx: Transaction, study: Study, patient: Patient) -> PatientAgreement:
        """How the patient of a study compares with a record, by the site's rules."""
        known = study.patient_id is not None and tx.patients.is_known(study.patient_id)
        formerly = tx.patients.formerly(patient.pk)
        return patient_agreement(
            study, patient, self._rules(), patient_is_known=known, formerly=formerly
        )

    def agreement_with(
        self, tx: Transaction, study: Study, candidate: Candidate
    ) -> PatientAgreement:
        """How the patient of a study compares with that of an order, by the site's rules."""
        known = study.patient_id is not None and tx.patients.is_known(study.patient_id)
        return agreement_with(study, candidate, self._rules(), patient_is_known=known)

    def waiting(
        self, tx: Transaction, orders: Sequence[Order], patient: Patient, now: float
    ) -> frozenset[str]:
        """Decide anew on the studies that a patient or these orders may decide otherwise.

        Returns their Study Instance UIDs.
        """
        concerned = tx.studies.waiting(keys_brought(orders, patient))
        for study_instance_uid in concerned:
            self.study(tx, study_instance_uid, now)
        return frozenset(concerned)

    def changed(
        self, tx: Transaction, orders: Sequence[Order], patient: Patient, now: float
    ) -> None:
        """Follow a change of orders or of their patient: decide anew on all that it may concern.

        What is matched is told again. One that is still arriving is decided when it has settled.
        """
        decided = self.waiting(tx, orders, patient, now)
        procedures = [p.pk for order in orders for p in order.procedures]
        for study_instance_uid in tx.studies.of_procedures(procedures):
            if study_instance_uid in decided:
                continue
            if tx.studies.is_arriving(study_instance_uid):
                is_shown_otherwise = self._present(tx, study_instance_uid)
                words = changed_while_arriving(is_corrected=is_shown_otherwise)
                self._publish.announce(tx, study_instance_uid, words, now)
            else:
                self.study(tx, study_instance_uid, now)

    def presented(self, tx: Transaction, study_instance_uid: str) -> Presentation | None:
        """As what a study is found; None for what its images say themselves."""
        found = presentation(tx, study_instance_uid)
        by_order = found is not None and any(map(self._presents_orders, found.sources))
        return found if by_order else None

    def _present(self, tx: Transaction, study_instance_uid: str) -> bool:
        """Say as whose and which order's it is found; true when that is new."""
        presented = self.presented(tx, study_instance_uid)
        return tx.studies.present(study_instance_uid, presented.coercion if presented else None)


def _as_decided_on(tx: Transaction, study: Study, resolution: Resolution | None) -> Study:
    patient = moved_to(tx, study.pk, resolution)
    said = identified(tx, of_study(tx, study))
    return said if patient is None else shown_as(said, patient)


def candidates(tx: Transaction, study: Study) -> tuple[Candidate, ...]:
    """Every procedure that some key of the study leads to, each with all the keys that do."""
    patient_of = _Patients(tx)
    found: dict[int, tuple[Order, Procedure, set[Key]]] = {}
    for key, order, procedure in _led_to(tx, study, patient_of):
        if not is_void(order):
            found.setdefault(procedure.pk, (order, procedure, set()))[2].add(key)
    return tuple(
        candidate_of(tx, order, procedure, keys, patient_of(order))
        for order, procedure, keys in found.values()
    )


def candidate_of(
    tx: Transaction,
    order: Order,
    procedure: Procedure,
    keys: Iterable[Key] = (),
    patient: Patient | None = None,
) -> Candidate:
    """A procedure that `keys` led to, with all that is known of its patient."""
    return Candidate(
        order=order,
        procedure=procedure,
        patient=patient or tx.patients.get(order.patient_pk),
        keys=frozenset(keys),
        formerly=tx.patients.formerly(order.patient_pk),
        linked=_linked(tx, order.patient_pk),
    )


def _linked(tx: Transaction, patient_pk: int) -> tuple[Identifier, ...]:
    """Every identifier of the records that are linked to a patient's."""
    patients = [tx.patients.get(pk) for pk in tx.merges.linked_to(patient_pk)]
    return tuple(each for p in patients for each in (*p.identifiers, *p.aliases))


def _names_several_patients(tx: Transaction, study: Study) -> bool:
    """Whether images of one study name patients who are not one record."""
    if study.patient_id is None or not study.further_patient_ids:
        return False
    named = (study.patient_id, *study.further_patient_ids)
    holders = [{each.pk for each in tx.patients.called(i.value)} for i in named]
    return not set.intersection(*holders)


class _Patients:
    """The patients of orders, each read once."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._read: dict[int, Patient] = {}

    def __call__(self, order: Order) -> Patient:
        if order.patient_pk not in self._read:
            self._read[order.patient_pk] = self._tx.patients.get(order.patient_pk)
        return self._read[order.patient_pk]


def _led_to(
    tx: Transaction, study: Study, patient_of: _Patients
) -> Iterable[tuple[Key, Order, Procedure]]:
    for order in tx.orders.with_study_instance_uids([study.study_instance_uid]):
        for procedure in order.procedures:
            if procedure.study_instance_uid == study.study_instance_uid:
                yield Key.STUDY_INSTANCE_UID, order, procedure
    for item in study.request_attributes:
        for order, procedure in _requested(tx, study, item, patient_of):
            yield Key.REQUEST_ATTRIBUTES, order, procedure
    for order, procedure in _performed(tx, study):
        yield Key.PERFORMED_STEP, order, procedure
    whole = ((Key.ACCESSION_NUMBER, _by_accession), (Key.ORDER_NUMBER, _announced_for))
    for key, find in whole:
        for order in find(tx, study):
            for procedure in order.procedures:
                yield key, order, procedure


def _by_accession(tx: Transaction, study: Study) -> list[Order]:
    if not study.accessions:
        return []
    return [
        order
        for order in tx.orders.with_accession_numbers(each.value for each in study.accessions)
        if order.numbers.accession and _carries(study, order.numbers.accession)
    ]


def _carries(study: Study, accession: Identifier) -> bool:
    return any(accession.agrees_with(each) for each in study.accessions)


def _announced_for(tx: Transaction, study: Study) -> list[Order]:
    """The orders that who announced a study says it was done for."""
    named = study.announced.orders if study.announced else ()
    found = {order.pk: order for each in named for order in tx.orders.with_numbers(each)}
    return list(found.values())


def _announced_together(tx: Transaction, study: Study) -> frozenset[int]:
    """The pks of the procedures of several orders that one announced study was done for."""
    orders = _announced_for(tx, study)
    if len(orders) < 2 or any(len(each.procedures) != 1 for each in orders):  # noqa: PLR2004
        return frozenset()
    return frozenset(each.procedures[0].pk for each in orders)


def _requested(
    tx: Transaction,
    study: Study,
    item: RequestAttributes,
    patient_of: _Patients,
) -> Iterable[tuple[Order, Procedure]]:
    """Procedures one item of Request Attributes Sequence names.

    A Requested Procedure ID is unique only inside its accession, so it counts together with the
    accession number, the requested Study Instance UID, or else the step ID and the same patient.
    """
    accession = item.accession or study.accession
    for order in tx.orders.with_rp_ids([item.rp_id]) if item.rp_id else ():
        ours = order.numbers.accession
        for procedure in order.procedures:
            if procedure.rp_id != item.rp_id:
                continue
            if accession and ours:
                named = ours.agrees_with(accession) or (
                    item.accession is None and _carries(study, ours)
                )
            elif item.study_instance_uid:
                named = procedure.study_instance_uid == item.study_instance_uid
            else:
                same = study.patient_id and is_of(order, patient_of(order), study.patient_id)
                named = bool(same) and item.sps_id in {s.sps_id for s in procedure.steps}
            if named:
                yield order, procedure


def _is_of_wrong_entry(tx: Transaction, study: Study) -> bool:
    """Whether a performed step that was withdrawn made these images, or every one that named them.

    A right step may follow a withdrawn one under the same worklist entry, and so the same study.
    """
    performed = tx.performed_steps.of_study(study.study_instance_uid)
    wrong = [
        each
        for each in (*performed, *tx.performed_steps.with_uids(study.performed_step_uids))
        if each.wrong_entry
    ]
    made_by = any(
        each.sop_instance_uid in study.performed_step_uids
        or each.instances.keys() & study.instance_uids
        for each in wrong
    )
    return made_by or (bool(performed) and all(each.wrong_entry for each in performed))


def _performed(tx: Transaction, study: Study) -> Iterable[tuple[Order, Procedure]]:
    step_pks = {pk for each in _performed_steps(tx, study) for pk in each.step_pks}
    return _procedures_of(tx, step_pks)


def _performed_together(tx: Transaction, study: Study) -> frozenset[int]:
    """The pks of the procedures that one performed step of the study names: the group case."""
    found = (
        {procedure.pk for _, procedure in _procedures_of(tx, set(each.step_pks))}
        for each in _performed_steps(tx, study)
        if len(each.step_pks) > 1
    )
    return frozenset(max(found, key=len, default=()))


def _performed_steps(tx: Transaction, study: Study) -> list[PerformedStep]:
    """The performed steps of a study, but those the modality withdrew."""
    of_study = tx.performed_steps.of_study(study.study_instance_uid)
    referenced = tx.performed_steps.with_uids(study.performed_step_uids)
    return [each for each in (*of_study, *referenced) if not each.wrong_entry]


def _procedures_of(tx: Transaction, step_pks: set[int]) -> Iterable[tuple[Order, Procedure]]:
    for order in tx.orders.with_steps(step_pks) if step_pks else ():
        for procedure in order.procedures:
            if any(step.pk in step_pks for step in procedure.steps):
                yield order, procedure
