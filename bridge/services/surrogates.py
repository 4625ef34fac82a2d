"""Show modalities short identifiers for long ones, and take what comes back for the long ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from bridge.domain.identifiers import Identifier
from bridge.domain.performed_step import PerformedStepReport
from bridge.domain.study import Study
from bridge.domain.surrogate import LONGEST_LO, LONGEST_SH, may_be_surrogate, shown, surrogate_of
from bridge.domain.worklist import WorklistEntry
from bridge.services.transaction import Transaction


def as_shown(tx: Transaction, entry: WorklistEntry) -> WorklistEntry:
    """The entry with surrogates, each remembered, for identifiers that are too long for DICOM."""
    too_long = _too_long(entry)
    if not too_long:
        return entry
    for original in sorted(set(too_long)):
        tx.surrogates.keep(surrogate_of(original), original)
    patient, order = entry.patient, entry.order
    identifiers = tuple(shown(each, LONGEST_LO) for each in patient.identifiers)
    accession = order.numbers.accession
    numbers = replace(order.numbers, accession=accession and shown(accession, LONGEST_SH))
    return WorklistEntry(
        patient=replace(patient, identifiers=identifiers),
        order=replace(order, numbers=numbers),
        procedure=replace(entry.procedure, rp_id=_short(entry.procedure.rp_id)),
        step=replace(entry.step, sps_id=_short(entry.step.sps_id)),
    )


def of_study(tx: Transaction, study: Study) -> Study:
    """The study with the originals of the surrogates that its images carry."""
    requested = study.request_attributes
    said = [*_values(study.patient_id, study.accession, *study.further_patient_ids)]
    said += [text for item in requested for text in (item.rp_id, item.sps_id)]
    said += _values(*(item.accession for item in requested))
    resolve = _resolver(tx, said)
    if resolve is None:
        return study
    return replace(
        study,
        patient_id=_original(study.patient_id, resolve),
        further_patient_ids=tuple(
            replace(each, value=resolve(each.value)) for each in study.further_patient_ids
        ),
        accession=_original(study.accession, resolve),
        request_attributes=tuple(
            replace(
                item,
                rp_id=resolve(item.rp_id),
                sps_id=resolve(item.sps_id),
                accession=_original(item.accession, resolve),
            )
            for item in requested
        ),
    )


def of_report(tx: Transaction, report: PerformedStepReport) -> PerformedStepReport:
    """The performed step with the originals of the surrogates that it names."""
    said = _values(report.patient_id, *(ref.accession for ref in report.scheduled))
    said += [text for ref in report.scheduled for text in (ref.rp_id, ref.sps_id)]
    resolve = _resolver(tx, said)
    if resolve is None:
        return report
    return replace(
        report,
        patient_id=_original(report.patient_id, resolve),
        scheduled=tuple(
            replace(
                ref,
                accession=_original(ref.accession, resolve),
                rp_id=resolve(ref.rp_id),
                sps_id=resolve(ref.sps_id),
            )
            for ref in report.scheduled
        ),
    )


def _too_long(entry: WorklistEntry) -> list[str]:
    found = [each.value for each in entry.patient.identifiers if len(each.value) > LONGEST_LO]
    accession = entry.order.numbers.accession
    short = (accession.value if accession else "", entry.procedure.rp_id, entry.step.sps_id)
    return found + [value for value in short if len(value) > LONGEST_SH]


def _short(value: str) -> str:
    return value if len(value) <= LONGEST_SH else surrogate_of(value)


def _values(*identifiers: Identifier | None) -> list[str]:
    return [each.value for each in identifiers if each is not None]


def _resolver(tx: Transaction, said: Iterable[str]) -> Callable[[str], str] | None:
    """What turns surrogates among `said` into originals; None when there are none."""
    suspects = {value for value in said if may_be_surrogate(value)}
    known = tx.surrogates.originals(suspects) if suspects else {}
    return (lambda value: known.get(value, value)) if known else None


def _original(identifier: Identifier | None, resolve: Callable[[str], str]) -> Identifier | None:
    return None if identifier is None else replace(identifier, value=resolve(identifier.value))
