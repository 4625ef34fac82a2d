"""What there is to tell of a study once it was decided on: each thing once, in several words.

The words of one thing go from the finest to the widest; each destination is told by the first that
it asked for. So a finer word says why, and is never told beside the wider one.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.delivery import EventKind
from bridge.domain.matching import Outcome
from bridge.domain.rejection import EXPIRED

Words = tuple[EventKind, ...]
"""One thing that happened, by each word for it, the finest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a decision changed.

    `is_new`: it is another decision than before. `is_corrected`: the study is shown as another's or
    as another order's than before. `rejected_as` is the word for a rejection that led to it.
    """

    was_matched: bool
    outcome: Outcome
    is_new: bool
    is_corrected: bool = False
    rejected_as: EventKind | None = None


def news_of(decided: Decided) -> tuple[Words, ...]:
    """What there is to tell of a decision: first which it is, then what it makes of the study."""
    widest = _widest(decided)
    words = (widest,) if widest is EventKind.STUDY_AVAILABLE else (*_why(decided), widest)
    return ((EventKind.MATCH_DECIDED,), words) if decided.is_new else (words,)


def changed_while_arriving(*, is_corrected: bool) -> Words:
    """What there is to tell of a matched study that is not decided on anew, for it still grows."""
    return (*((EventKind.STUDY_CORRECTED,) if is_corrected else ()), EventKind.STUDY_CHANGED)


def rejection_by(code: str) -> EventKind:
    """The word for what a rejection note of this code (CID 7011) does to a study."""
    return EventKind.STUDY_EXPIRED if code == EXPIRED else EventKind.STUDY_REJECTED


def _widest(decided: Decided) -> EventKind:
    if decided.outcome is Outcome.MATCHED:
        return EventKind.STUDY_CHANGED if decided.was_matched else EventKind.STUDY_AVAILABLE
    return EventKind.STUDY_WITHDRAWN if decided.was_matched else EventKind.STUDY_UNMATCHED


def _why(decided: Decided) -> Words:
    if decided.rejected_as is not None:
        return (decided.rejected_as,)
    if decided.outcome is Outcome.REJECTED and decided.is_new:
        return (EventKind.STUDY_REJECTED,)
    if decided.is_corrected and decided.was_matched and decided.outcome is Outcome.MATCHED:
        return (EventKind.STUDY_CORRECTED,)
    return ()
