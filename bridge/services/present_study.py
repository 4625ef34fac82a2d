"""Present a study as its order says it is: the identity it is found by, and its images' header."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from bridge.domain.coercion import Coercion, Reason, coercion_of
from bridge.domain.matching import PatientAgreement
from bridge.domain.resolution import ResolutionAction
from bridge.services.moved_study import moved_to
from bridge.services.publish_study import gather, subject_of
from bridge.services.transaction import Store, Transaction

_LONGEST_AGE = 1.0  # seconds: a retrieval of a thousand images looks a few times, not each time
_MOST_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Presentation:
    """What a study's images are to say, and since when (unix time): when it was decided.

    `sources` are the AE titles that the images came from.
    """

    coercion: Coercion
    decided_at: float
    sources: frozenset[str] = frozenset()


def presentation(tx: Transaction, study_instance_uid: str) -> Presentation | None:
    """How a matched study is presented; None for one that is matched to nothing: as received.

    One that a person moved to a patient is that patient's, matched or not.
    """
    published = gather(tx, subject_of(study_instance_uid), "")
    if published is None:
        return _moved(tx, study_instance_uid)
    return Presentation(
        coercion=coercion_of(
            published.patient, published.requests, _reason(tx, published.study.pk)
        ),
        decided_at=tx.studies.decided_at(published.study.pk),
        sources=published.study.sources,
    )


def _moved(tx: Transaction, study_instance_uid: str) -> Presentation | None:
    study = tx.studies.find(study_instance_uid)
    current = tx.resolutions.current(study.pk) if study else None
    if study is None or current is None or current.action is ResolutionAction.REJECT:
        return None
    patient = moved_to(tx, study.pk, current)
    if patient is None:
        return None
    return Presentation(
        coercion=coercion_of(patient, (), Reason.CORRECT),
        decided_at=max(current.at, tx.studies.decided_at(study.pk)),
        sources=study.sources,
    )


def _reason(tx: Transaction, study_pk: int) -> Reason:
    """A person's word, and a Patient ID that is nobody's, say that something was wrong."""
    if tx.resolutions.current(study_pk) is not None:
        return Reason.CORRECT
    decision = next((each for each, _ in tx.studies.decisions(study_pk)), None)
    typed = decision and any(
        each.agreement is PatientAgreement.ALIKE for each in decision.candidates
    )
    return Reason.CORRECT if typed else Reason.COERCE


class Presentations:
    """Looks presentations up, and remembers each for a moment, or until the study is another's."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, str, Presentation | None]] = OrderedDict()

    def of(self, study_instance_uid: str) -> Presentation | None:
        """How a study is presented now; of its requests, at most a second ago. Raises ResourceBusy.

        Whose it is has to be right at once: an archive keeps what it is sent.
        """
        now, known = self._clock(), self._known.get(study_instance_uid)
        mark = self._store.read(lambda tx: tx.studies.presented(study_instance_uid))
        if known is not None and known[1] == mark and 0 <= now - known[0] < _LONGEST_AGE:
            return known[2]
        found = self._store.read(lambda tx: presentation(tx, study_instance_uid))
        self._known[study_instance_uid] = (now, mark, found)
        while len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
        return found
