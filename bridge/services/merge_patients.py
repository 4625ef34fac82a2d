"""Merges and links of patients, and how each is taken back (STANDARDS 3.3: A40, A24, A37)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bridge.domain.errors import (
    DuplicateKey,
    InvalidTransition,
    RequiredFieldMissing,
    TableValueNotFound,
    UnknownKey,
)
from bridge.domain.identifiers import Identifier
from bridge.domain.journal import Disposition
from bridge.domain.patient import Patient, PatientDetails
from bridge.domain.patient_events import PatientsLinked, PatientsMerged
from bridge.domain.patient_merge import MergeNote, PatientMerge
from bridge.services.change_patient import ChangePatient, find_patient
from bridge.services.origin import Origin
from bridge.services.reconcile import Reconcile
from bridge.services.transaction import Transaction

NOT_A_PATIENTS = frozenset({"AN", "VN", "ANON", "FILL", "PLAC", "ACSN", "NPI", "DN"})
"""Type codes (table 0203) of what is no patient's identifier: accounts, visits, orders, doctors."""


class MergePatients:
    """Makes two records one, or links them, and takes either back."""

    def __init__(self, patients: ChangePatient, reconcile: Reconcile) -> None:
        self._patients = patients
        self._reconcile = reconcile

    def merge(self, tx: Transaction, event: PatientsMerged, origin: Origin) -> Disposition:
        """ADT^A40: everything of the retired record belongs to the survivor from now on.

        A retired identifier nobody knows becomes an alias at once: merges often precede the first
        order. Raises DuplicateKey when survivor and retired are one identifier, or when the
        survivor was itself merged into the retired (a circle).
        """
        if not event.retired:
            raise RequiredFieldMissing("no prior patient identifier", location=event.location)
        own = event.survivor.identifiers
        retired = [r for r in event.retired if not any(r.agrees_with(each) for each in own)]
        if not retired:
            raise DuplicateKey("a patient cannot be merged into itself", location=event.location)
        _check_kind(event, retired, origin)
        survivor, _ = self._patients.resolve(
            tx, event.survivor, event.occurred_at, origin.received_at, warnings=origin.warnings
        )
        note = MergeNote(origin.source, event.occurred_at, origin.received_at)
        for identifier in retired:
            survivor = tx.patients.get(survivor.pk)
            self._retire(tx, identifier, survivor, event, note)
        self._add_aliases(tx, event, survivor, origin)
        self._patients.follow(tx, tx.patients.get(survivor.pk), origin.received_at)
        return Disposition.APPLIED

    def absorb(self, tx: Transaction, retired: Patient, survivor: Patient, note: MergeNote) -> None:
        """Join two records of one person: what the survivor's does not tell the other may."""
        filled = {k: v for k, v in retired.attributes.items() if k not in survivor.attributes}
        tx.merges.merge(retired.pk, survivor.pk, note, filled)
        if filled:
            newest = tx.patients.occurred_at(survivor.pk)
            tx.patients.change(survivor.pk, {**survivor.attributes, **filled}, newest)

    def link(self, tx: Transaction, event: PatientsLinked, origin: Origin) -> Disposition:
        """ADT^A24 links two records that stay two; A37 takes that back, or else their merge."""
        if not event.linked:
            return self._unlink(tx, event, origin)
        one, other = (self._resolve(tx, each, event, origin) for each in event.patients)
        if one.pk == other.pk:
            raise DuplicateKey("both identifiers are of one patient", location=event.location)
        if not tx.merges.link(one.pk, other.pk):
            return Disposition.NOTED
        self._look_again(tx, (one, other), origin.received_at)
        return Disposition.APPLIED

    def unmerge(self, tx: Transaction, merge: PatientMerge, now: float, by: str) -> None:
        """Take a merge back: what it moved, and what has come for the retired record since.

        Raises InvalidTransition when it was taken back before, or when the identifiers it retired
        belong to somebody else by now.
        """
        if not merge.stands:
            raise InvalidTransition("this merge was taken back before")
        for identifier in merge.identifiers:
            tx.patients.find(identifier)  # holds who has it now
        filled = tx.merges.undo(merge, now, by)
        holder = tx.patients.get(tx.merges.holder_of(merge.survivor_pk))
        kept = {k: v for k, v in holder.attributes.items() if filled.get(k) != v}
        if kept != dict(holder.attributes):
            tx.patients.change(holder.pk, kept, tx.patients.occurred_at(holder.pk))
        for pk in dict.fromkeys((holder.pk, merge.retired_pk)):
            self._patients.follow_split(tx, tx.patients.get(pk), now)

    def _retire(
        self,
        tx: Transaction,
        identifier: Identifier,
        survivor: Patient,
        event: PatientsMerged,
        note: MergeNote,
    ) -> None:
        owner = tx.patients.find(identifier)
        if owner is None:
            unheard = PatientDetails(identifiers=(identifier,))
            owner = tx.patients.add(unheard, "")
        if owner.pk != survivor.pk:
            self.absorb(tx, owner, survivor, note)
        elif _has(survivor.identifiers, identifier):
            others = [each for each in survivor.identifiers if not each.agrees_with(identifier)]
            if not any(_has(others, each) for each in event.survivor.identifiers):
                raise DuplicateKey(
                    "the survivor was merged into the prior identifier before",
                    location=event.location,
                )
            tx.merges.retire(survivor.pk, (identifier,), note)

    def _add_aliases(
        self, tx: Transaction, event: PatientsMerged, survivor: Patient, origin: Origin
    ) -> None:
        """Legacy numbers of the retired record; one that is a third patient's merges nobody."""
        for alias in event.retired_aliases:
            owner = tx.patients.find(alias)
            if owner is None:
                tx.patients.add_identifiers(survivor.pk, (alias,), alias=True)
            elif owner.pk != survivor.pk:
                origin.warn(event.location, "a further prior number belongs to another patient")

    def _unlink(self, tx: Transaction, event: PatientsLinked, origin: Origin) -> Disposition:
        found = [find_patient(tx, each) for each in event.patients]
        one, other = found
        if one is None or other is None:
            raise UnknownKey("no such patient", location=event.location)
        if one.pk == other.pk:
            merge = _merge_of(tx.merges.of_patient(one.pk), event)
            if merge is None:
                raise UnknownKey("no merge of these two is known", location=event.location)
            self.unmerge(tx, merge, origin.received_at, origin.source)
            for each in event.patients:
                self._resolve(tx, each, event, origin)
            return Disposition.APPLIED
        if not tx.merges.unlink(one.pk, other.pk):
            origin.warn(event.location, "the patients were not linked")
            return Disposition.NOTED
        self._look_again(tx, (one, other), origin.received_at)
        return Disposition.APPLIED

    def _resolve(
        self, tx: Transaction, details: PatientDetails, event: PatientsLinked, origin: Origin
    ) -> Patient:
        patient, _ = self._patients.resolve(
            tx, details, event.occurred_at, origin.received_at, warnings=origin.warnings
        )
        return patient

    def _look_again(self, tx: Transaction, patients: Iterable[Patient], now: float) -> None:
        """A link changes what is said of studies that wait, and nothing else."""
        for patient in patients:
            self._reconcile.waiting(tx, tx.orders.of_patient(patient.pk), patient, now)


def _check_kind(event: PatientsMerged, retired: Sequence[Identifier], origin: Origin) -> None:
    """MRG-1 and PID-3 must be of one type (v2.5.1 3.3.40).

    What senders leave out is not held against them, nor that a temporary number came from another
    department. Raises TableValueNotFound for a prior identifier that is no patient's.
    """
    types = {each.type_code for each in event.survivor.identifiers}
    authorities = {each.authority.key for each in event.survivor.identifiers}
    for identifier in retired:
        code = identifier.type_code
        if code in NOT_A_PATIENTS and code not in types:
            raise TableValueNotFound(
                "the prior identifier is not of a patient", location=f"{event.location}^1^5"
            )
        if code and types - {""} and code not in types:
            origin.warn(event.location, "the prior identifier is of another type than PID-3")
        if identifier.authority and identifier.authority.key not in authorities:
            origin.warn(event.location, "the prior identifier is of another authority than PID-3")


def _merge_of(merges: Sequence[PatientMerge], event: PatientsLinked) -> PatientMerge | None:
    """The newest merge that stands and retired an identifier of one of the two."""
    said = [details.identifiers for details in event.patients]
    for merge in reversed(merges):
        hits = [any(_has(merge.identifiers, each) for each in identifiers) for identifiers in said]
        if merge.stands and any(hits) and not all(hits):
            return merge
    return None


def _has(identifiers: Iterable[Identifier], identifier: Identifier) -> bool:
    return any(identifier.agrees_with(each) for each in identifiers)
