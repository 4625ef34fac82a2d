"""Which order a message means: by its numbers, never by a guess."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.domain.errors import DuplicateKey
from bridge.domain.identifiers import Identifier
from bridge.domain.order import Order, OrderNumbers
from bridge.domain.patient import PatientDetails
from bridge.services.transaction import Transaction


def find_order(
    tx: Transaction, numbers: OrderNumbers, location: str
) -> tuple[Order | None, tuple[Order, ...]]:
    """By filler order number, else placer order number, else accession number.

    Numbers that lead to different orders are a conflict, never a guess. Also gives the other
    orders of the same accession number: several may share one, each with its own number.

    Raises DuplicateKey at `location` of ORC for a conflict.
    """
    sharing = tx.orders.with_numbers(numbers)
    found = [o for o in sharing if _may_be(o.numbers, numbers)]
    neighbours = tuple(
        o for o in sharing if o not in found and _same(o.numbers.accession, numbers.accession)
    )
    elsewhere = neighbours and any(_differ(o.numbers.accession, numbers.accession) for o in found)
    if len(found) > 1 or elsewhere:
        raise DuplicateKey(
            "the order numbers of the message belong to different orders", location=location
        )
    return (found[0] if found else None), neighbours


def find_order_by_value(
    tx: Transaction, said: OrderNumbers, patient: PatientDetails
) -> Order | None:
    """The one order of the patient whose number is the same but for a silent authority.

    Senders name the authority in the order and not in its cancel, or the other way round.
    """
    values = [each.value for each in (said.filler, said.placer) if each]
    found = [o for o in tx.orders.with_order_numbers(values) if _is_alike(o.numbers, said)]
    found = found or _filled_under_accession(tx, said)
    found = [o for o in found if is_of(tx, o, patient)]
    return found[0] if len(found) == 1 else None


def _filled_under_accession(tx: Transaction, said: OrderNumbers) -> list[Order]:
    """Orders whose accession number stood for the filler's, which nobody gave: so we answered."""
    if said.filler is None:
        return []
    return [
        order
        for order in tx.orders.with_accession_numbers([said.filler.value])
        if order.numbers.filler is None
        and order.numbers.accession is not None
        and order.numbers.accession.agrees_with(said.filler)
        and not _differ(order.numbers.placer, said.placer)
    ]


def find_order_of_patient(
    tx: Transaction, numbers: OrderNumbers, patient: PatientDetails
) -> Order | None:
    """The one order that is meant, without any conflict: None when there is none or several."""
    if not numbers:
        return None
    found = [o for o in tx.orders.with_numbers(numbers) if _may_be(o.numbers, numbers)]
    if not found:
        return find_order_by_value(tx, numbers, patient) or _by_accession(tx, numbers, patient)
    return found[0] if len(found) == 1 and is_of(tx, found[0], patient) else None


def _by_accession(tx: Transaction, said: OrderNumbers, patient: PatientDetails) -> Order | None:
    """The one order of the patient with this accession number, whoever issued it."""
    if said.accession is None or not patient.identifiers:
        return None
    wanted = said.accession
    found = [
        order
        for order in tx.orders.with_accession_numbers([wanted.value])
        if order.numbers.accession and order.numbers.accession.agrees_with(wanted)
        if is_of(tx, order, patient)
    ]
    return found[0] if len(found) == 1 else None


def is_of(tx: Transaction, order: Order, patient: PatientDetails) -> bool:
    """Whether an order is one of this patient's; who names no patient contradicts none."""
    return not patient.identifiers or order.patient_pk in known_patients(tx, patient.identifiers)


def known_patients(tx: Transaction, identifiers: Iterable[Identifier]) -> frozenset[int]:
    """The pks of the patients known by any of the identifiers."""
    found = (tx.patients.find(each) for each in identifiers)
    return frozenset(patient.pk for patient in found if patient)


def _may_be(held: OrderNumbers, said: OrderNumbers) -> bool:
    """Whether an order that shares a number can be the one meant.

    Several orders may share a placer order number, and several an accession number: another filler
    order number says that it is another order, another accession number does, and another placer
    order number under the same accession number.
    """
    if _same(held.filler, said.filler):
        return True
    if _same(held.accession, said.accession):
        pairs = ((held.filler, said.filler), (held.placer, said.placer))
        return not any(ours and theirs and ours.contradicts(theirs) for ours, theirs in pairs)
    return not (_differ(held.filler, said.filler) or _differ(held.accession, said.accession))


def _is_alike(held: OrderNumbers, said: OrderNumbers) -> bool:
    """Whether every order number both have agrees, and the accession numbers but for the issuer."""
    if held.accession and said.accession and held.accession.value != said.accession.value:
        return False
    pairs = [(held.filler, said.filler), (held.placer, said.placer)]
    both = [ours.agrees_with(theirs) for ours, theirs in pairs if ours and theirs]
    return bool(both) and all(both)


def _same(ours: Identifier | None, theirs: Identifier | None) -> bool:
    return ours is not None and theirs is not None and ours.key == theirs.key


def _differ(ours: Identifier | None, theirs: Identifier | None) -> bool:
    return ours is not None and theirs is not None and ours.key != theirs.key
