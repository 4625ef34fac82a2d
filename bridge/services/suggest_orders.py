"""Suggest orders for a study that no identifier leads to one: by patient, place and time (K7).

Nothing is ever matched by this: a person looks, and links (STANDARDS 6.1). It is worked out when
somebody asks, from the orders as they are then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, tzinfo

from bridge.domain.decision import is_given_up
from bridge.domain.errors import UnknownKey
from bridge.domain.matching import RankedCandidate
from bridge.domain.order import Order, Procedure
from bridge.domain.patient import Patient
from bridge.domain.phonetics import sound_alike
from bridge.domain.ranking import begun_at, in_rank, ranked
from bridge.domain.study import Study
from bridge.domain.worklist import DateTimeRange, WorklistQuery
from bridge.services.annul_order import is_void
from bridge.services.find_anything import name_words
from bridge.services.reconcile import Reconcile, candidate_of, candidates
from bridge.services.transaction import Store, Transaction

_MOST_ENTRIES = 200  # of the worklist, and
_MOST_PATIENTS = 50  # who are called so: what is looked at, the likeliest of it is shown


class SuggestOrders:
    """Looks for the orders of stray studies; reads only. `zone` is the site's time zone."""

    def __init__(self, *, store: Store, reconcile: Reconcile, zone: tzinfo) -> None:
        self._store = store
        self._reconcile = reconcile
        self._zone = zone

    def for_study(self, study_instance_uid: str) -> tuple[RankedCandidate, ...]:
        """The likeliest orders with their evidence; those that its identifiers lead to left out.

        How many, how near and how likely at least: `suggestions` of the site's rules. Raises
        UnknownKey when there is no such study.
        """

        def work(tx: Transaction) -> tuple[RankedCandidate, ...]:
            study = self._reconcile.found(tx, study_instance_uid)
            if study is None:
                raise UnknownKey(f"there is no study {study_instance_uid}")
            return self._suggested(tx, study)

        return self._store.read(work)

    def _suggested(self, tx: Transaction, study: Study) -> tuple[RankedCandidate, ...]:
        rules = self._reconcile.rules
        led_to = {each.procedure.pk for each in candidates(tx, study)}
        found = [
            candidate_of(tx, order, procedure)
            for order, procedure in self._wanted(tx, study)
            if procedure.pk not in led_to
        ]
        likely = [
            suggestion
            for each in found
            if (
                suggestion := ranked(
                    study, each, self._reconcile.agreement_with(tx, study, each), rules
                )
            ).score
            >= rules.suggesting.least_score
        ]
        return in_rank(likely)[: rules.suggesting.most]

    def _wanted(self, tx: Transaction, study: Study) -> Iterator[tuple[Order, Procedure]]:
        """Procedures that somebody still waits for, or that were done: all but what was given up.

        Of an order that was found by place and time, those with a step there and then.
        """
        steps = {*self._of_place_and_time(tx, study), *_of_name_on_worklist(tx, study)}
        orders = {order.pk: order for order in tx.orders.with_steps(steps)} if steps else {}
        theirs = {
            order.pk: order
            for patient in _patients(tx, study)
            for order in tx.orders.of_patient(patient.pk)
        }
        for order in {**orders, **theirs}.values():
            for procedure in order.procedures:
                is_near = any(step.pk in steps for step in procedure.steps)
                if (is_near or order.pk in theirs) and not _is_over(order, procedure):
                    yield order, procedure

    def _of_place_and_time(self, tx: Transaction, study: Study) -> Iterable[int]:
        """Steps of its modalities that begin near the study, or near its arrival: clocks are wrong.

        Station and location count in the score only: who takes over a patient changes them.
        """
        modalities = tuple(sorted({each.modality for each in study.whole_series} - {""}))
        arrived = datetime.fromtimestamp(study.updated_at, self._zone).replace(tzinfo=None)
        for moment in dict.fromkeys(each for each in (begun_at(study), arrived) if each):
            query = WorklistQuery(
                modalities=modalities,
                start=_around(moment, timedelta(hours=self._reconcile.rules.suggesting.hours)),
            )
            for item in tx.worklist.find(query, _MOST_ENTRIES) if modalities else ():
                yield item.step_pk


def _of_name_on_worklist(tx: Transaction, study: Study) -> Iterable[int]:
    """Steps of whoever sounds alike and is born on the same day."""
    born = study.attributes.get("PatientBirthDate", "")
    name = study.patient_name.partition("=")[0].replace("*", " ").replace("?", " ")
    if not born or not name.strip("^ "):
        return ()
    query = WorklistQuery(
        patient_name=name, patient_birth_date=DateTimeRange(first=born, last=born), fuzzy=True
    )
    return [item.step_pk for item in tx.worklist.find(query, _MOST_ENTRIES)]


def _patients(tx: Transaction, study: Study) -> Iterable[Patient]:
    """Whoever has the Patient ID, and whoever is called alike and was born on the same day."""
    called = tx.patients.called(study.patient_id.value) if study.patient_id else ()
    words = name_words(study.patient_name)
    born = study.attributes.get("PatientBirthDate", "")
    named = tx.patients.named(words, _MOST_PATIENTS) if words and born else ()
    alike = [
        patient
        for patient in map(tx.patients.get, named)
        if patient.attributes.get("PatientBirthDate") == born
        and sound_alike(patient.attributes.get("PatientName", ""), study.patient_name)
    ]
    return {each.pk: each for each in (*called, *alike)}.values()


def _is_over(order: Order, procedure: Procedure) -> bool:
    return is_void(order) or is_given_up(procedure)


def _around(moment: datetime, near: timedelta) -> DateTimeRange:
    first, last = (each.strftime("%Y%m%d%H%M%S") for each in (moment - near, moment + near))
    return DateTimeRange(first=first, last=last)
