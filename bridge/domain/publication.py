"""What destinations are told of a study: the newest state, gathered when it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.domain.matching import MatchDecision
from bridge.domain.order import Order, Procedure
from bridge.domain.patient import Patient
from bridge.domain.rejection import WRONG_ENTRY
from bridge.domain.study import Series, Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An order and the one of its procedures that the study fulfils."""

    order: Order
    procedure: Procedure


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What there is to tell one destination.

    `last_content_hash` is of what this destination confirmed last, empty when nothing was sent.
    """

    last_content_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNews(News):
    """An order as it stands, with its patient."""

    order: Order
    patient: Patient


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyNews(News):
    """What there is to tell of a study."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """What is rejected of a study.

    `instances` counts those that rejection notes hide, by the code of the note, and `series` are
    they themselves; `by` is the person who rejected the whole study, empty when nobody did.
    """

    instances: Mapping[str, int]
    series: tuple[Series, ...] = ()
    by: str = ""

    @property
    def took_place(self) -> bool:
        """Whether what is not shown any more was really acquired of who it was told to be of."""
        return bool(self.instances.keys() - {WRONG_ENTRY})


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedStudy(StudyNews):
    """A matched study with its patient and every request it serves (several in the group case).

    One that is only expected has no series. `is_done_elsewhere` tells that none will come: its
    procedure was done under another Study Instance UID. What is `rejected` is left out of `study`.
    """

    study: Study
    patient: Patient
    requests: tuple[Request, ...]
    is_done_elsewhere: bool = False
    rejected: Rejected | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawnStudy(StudyNews):
    """A study that was told of as somebody's and is not any more: matched by mistake, rejected.

    `study` is what is still held of it, `requests` what it is or was last matched to.
    """

    study_instance_uid: str
    study: Study | None = None
    requests: tuple[Request, ...] = ()
    rejected: Rejected | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmatchedStudy(StudyNews):
    """A study that belongs to no order, or to none that is known yet."""

    study: Study


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivingStudy(StudyNews):
    """A study of which images have begun to come: nobody has decided yet whose they are.

    `requests` are those that gave its Study Instance UID.
    """

    study: Study
    requests: tuple[Request, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedStudy(StudyNews):
    """What was decided of a study last, and when (unix time).

    `requests` are those it is matched to, or may be.
    """

    study: Study
    decision: MatchDecision
    decided_at: float
    requests: tuple[Request, ...] = ()


DOUBTFUL = "doubtful"
"""The content hash of what a destination may or may not hold."""

WITHDRAWN = "withdrawn"
"""The content hash of a study that a destination confirmed to be withdrawn."""
