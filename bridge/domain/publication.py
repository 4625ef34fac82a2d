"""What destinations are told of a study: the newest state, gathered when it is sent."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.order import Order, Procedure
from bridge.domain.patient import Patient
from bridge.domain.study import Study


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
class PublishedStudy(StudyNews):
    """A matched study with its patient and every request it serves (several in the group case).

    One that is only expected has no series. `is_done_elsewhere` tells that none will come: its
    procedure was done under another Study Instance UID.
    """

    study: Study
    patient: Patient
    requests: tuple[Request, ...]
    is_done_elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawnStudy(StudyNews):
    """A study that was told of as somebody's and is not any more: matched by mistake, rejected.

    `study` is what is still held of it.
    """

    study_instance_uid: str
    study: Study | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmatchedStudy(StudyNews):
    """A study that belongs to no order, or to none that is known yet."""

    study: Study


DOUBTFUL = "doubtful"
"""The content hash of what a destination may or may not hold."""

WITHDRAWN = "withdrawn"
"""The content hash of a study that a destination confirmed to be withdrawn."""
