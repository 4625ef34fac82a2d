"""Order after the fact what was done without an order, by a person's word.

The order goes the way of every order; its steps are over before anybody could see them.
"""

from __future__ import annotations

import json
from dataclasses import replace

from bridge.domain.errors import DuplicateKey, InvalidTransition, RequiredFieldMissing, UnknownKey
from bridge.domain.identifiers import Authority, Identifier, is_placeholder
from bridge.domain.matching import MatchDecision, Outcome, PatientAgreement
from bridge.domain.order import (
    CodedConcept,
    Order,
    OrderNumbers,
    OrderReceived,
    ProcedureDetails,
    StepDetails,
)
from bridge.domain.patient import Patient, PatientDetails
from bridge.domain.resolution import Resolution, ResolutionAction
from bridge.domain.study import Study, StudyState
from bridge.services.annul_order import OPERATOR, is_void, moment_of
from bridge.services.complete_order import Mode
from bridge.services.receive_message import InboundMessage, ReceiveMessage, journal_entry, overall
from bridge.services.reconcile import Reconcile
from bridge.services.transaction import Clock, Store, Transaction

_OF_THE_PATIENT = ("PatientBirthDate", "PatientSex")
# They tell how images were made or read, not which procedure was done.
_COMPANIONS = frozenset({"SR", "PR", "KO", "DOC", "REG", "SEG", "FID", "AU", "PLAN", "OT"})


class OrderStudy:
    """Makes orders of unscheduled studies. `mode` tells who assigns accession numbers."""

    def __init__(
        self,
        *,
        store: Store,
        messages: ReceiveMessage,
        reconcile: Reconcile,
        clock: Clock,
        site: Authority,
        mode: Mode,
    ) -> None:
        self._store = store
        self._messages = messages
        self._reconcile = reconcile
        self._clock = clock
        self._site = site
        self._mode = mode

    def order(
        self, study_instance_uid: str, who: str, reason: str, procedure: CodedConcept | None = None
    ) -> MatchDecision:
        """Order what a study shows, as done, and link the study to it.

        The patient and the accession number are those of its images; without a `procedure` it is
        called what they call it. Raises UnknownKey when there is no such study, InvalidTransition
        when it is matched, rejected or still arriving, DuplicateKey when its patient or its
        accession number is somebody else's, RequiredFieldMissing when something is not said.
        """
        if not who.strip() or not reason.strip():
            raise RequiredFieldMissing("who decides, and why, must be said")

        def work(tx: Transaction) -> MatchDecision:
            tx.orders.hold_still()
            study, now = self._unscheduled(tx, study_instance_uid), self._clock()
            event = self._event(tx, study, procedure, now)
            self._apply(tx, event, study, (who.strip(), reason.strip()), now)
            return self._link(tx, event.numbers, study, who.strip(), reason.strip(), now)

        return self._store.transact(work)

    def _unscheduled(self, tx: Transaction, study_instance_uid: str) -> Study:
        study = self._reconcile.locked(tx, study_instance_uid)
        if study is None:
            raise UnknownKey(f"there is no study {study_instance_uid}")
        current = tx.resolutions.current(study.pk)
        if tx.studies.procedures_of(study.pk):
            raise InvalidTransition("the study is matched to an order already")
        if current is not None and current.action is ResolutionAction.REJECT:
            raise InvalidTransition("the study is rejected; take that back first")
        hidden = tx.rejections.of_study(study_instance_uid)
        if hidden and study.instance_uids <= hidden:
            raise InvalidTransition("all images of the study are rejected; restore it first")
        if study.state is StudyState.RECEIVING:
            raise InvalidTransition("the study is still arriving; its order may be found yet")
        return study

    def _event(
        self, tx: Transaction, study: Study, procedure: CodedConcept | None, now: float
    ) -> OrderReceived:
        return OrderReceived(
            control="NW",
            status="CM",
            patient=self._patient(tx, study),
            numbers=self._numbers(tx, study),
            procedures=(_procedure(study, procedure),),
            occurred_at=moment_of(now),
            location=f"study {study.study_instance_uid}",
        )

    def _patient(self, tx: Transaction, study: Study) -> PatientDetails:
        """The record that the images name, which they do not change, or else a new one."""
        named = study.patient_id
        if named is None or is_placeholder(named.value):
            raise RequiredFieldMissing("the images name no patient")
        if study.further_patient_ids:
            raise DuplicateKey("the images name several patients")
        known = [each for each in tx.patients.called(named.value) if each.is_called(named)]
        if len(known) > 1:
            raise DuplicateKey(f"several patients are called {named.value}")
        if known:
            self._refuse_another(tx, study, known[0])
            return PatientDetails(identifiers=(known[0].patient_id,))
        said = {keyword: study.attributes.get(keyword, "") for keyword in _OF_THE_PATIENT}
        said["PatientName"] = study.patient_name
        return PatientDetails(
            identifiers=(Identifier(named.value, named.authority or self._site),),
            attributes={keyword: text for keyword, text in said.items() if text},
        )

    def _refuse_another(self, tx: Transaction, study: Study, patient: Patient) -> None:
        if self._reconcile.agreement(tx, study, patient) is PatientAgreement.OTHER:
            raise DuplicateKey("the Patient ID in the images is that of somebody else")

    def _numbers(self, tx: Transaction, study: Study) -> OrderNumbers:
        """The accession number of the images, and one of ours that finds the order again."""
        accession = study.accession
        ours = Identifier(f"STUDY-{study.pk}", self._site)
        taken = [
            *tx.orders.with_accession_numbers([accession.value] if accession else []),
            *tx.orders.with_order_numbers([ours.value]),
        ]
        if any(_has(order, accession, ours) and not is_void(order) for order in taken):
            raise DuplicateKey("an order of the study's number exists: link the study to it")
        if accession is None and self._mode is Mode.RIS:
            raise RequiredFieldMissing("the images have no accession number; the RIS assigns them")
        if accession is not None and not accession.authority:
            accession = Identifier(accession.value, self._site)
        return OrderNumbers(accession=accession, filler=ours)

    def _apply(
        self,
        tx: Transaction,
        event: OrderReceived,
        study: Study,
        asked_by: tuple[str, str],
        now: float,
    ) -> None:
        """As a message of nobody's: journaled with who asked for it and why."""
        uid, (who, reason) = study.study_instance_uid, asked_by
        (asked,) = event.procedures
        said = {
            "study": uid,
            "by": who,
            "reason": reason,
            "procedure": asked.code.value if asked.code else "",
            **asked.attributes,
        }
        message = InboundMessage(
            protocol=OPERATOR,
            peer=who,
            source=OPERATOR,
            type="order of a study",
            control_id=uid,
            raw=json.dumps(said, ensure_ascii=False).encode(),
            received_at=now,
            # Whoever numbers orders here, it is we who place this one.
            mode=Mode.HIS_ONLY.value,
        )
        warnings: list[str] = []
        disposition = overall(self._messages.apply(tx, message, [event], warnings))
        entry = journal_entry(message, [event])
        # The same may be asked of the same study again: it is not a message that was repeated.
        kept = replace(entry, disposition=disposition, warnings=tuple(warnings), dedupe_key=None)
        tx.journal.add(kept)

    def _link(
        self,
        tx: Transaction,
        numbers: OrderNumbers,
        study: Study,
        who: str,
        reason: str,
        now: float,
    ) -> MatchDecision:
        (order,) = tx.orders.with_numbers(OrderNumbers(filler=numbers.filler))
        resolution = Resolution(
            action=ResolutionAction.LINK,
            procedure_pks=tuple(each.pk for each in order.procedures),
            who=who,
            reason=reason,
            at=now,
        )
        tx.resolutions.add(study.pk, resolution)
        decision = self._reconcile.study(tx, study.study_instance_uid, now)
        return decision or MatchDecision(outcome=Outcome.UNSCHEDULED, reason="no such study")


def _has(order: Order, accession: Identifier | None, ours: Identifier) -> bool:
    held = order.numbers
    return bool(
        (accession and held.accession and held.accession.agrees_with(accession))
        or (held.filler and held.filler.agrees_with(ours))
    )


def _procedure(study: Study, asked: CodedConcept | None) -> ProcedureDetails:
    """What was done, as asked or else as the images call it."""
    modality = _modality(study)
    text = (asked.meaning or asked.value) if asked else study.attributes.get("StudyDescription", "")
    text = text or modality
    step = StepDetails(
        modality=modality,
        start_date=study.attributes.get("StudyDate", ""),
        start_time=study.attributes.get("StudyTime", "").partition(".")[0],
        attributes={"ScheduledProcedureStepDescription": text},
    )
    return ProcedureDetails(
        study_instance_uid=study.study_instance_uid,
        code=asked if asked and asked.value else None,
        attributes={"RequestedProcedureDescription": text},
        steps=(step,),
    )


def _modality(study: Study) -> str:
    """That of the first series with images of the patient."""
    modalities = [each.modality for each in study.whole_series if each.modality]
    primary = [each for each in modalities if each not in _COMPANIONS]
    return next(iter([*primary, *modalities]), "OT")
