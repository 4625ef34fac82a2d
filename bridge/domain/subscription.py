"""Which events a destination is told of: their kinds, and what they must be about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bridge.domain.delivery import EventKind
from bridge.domain.order import Order
from bridge.domain.publication import (
    ArrivingStudy,
    DecidedStudy,
    News,
    OrderNews,
    PublishedStudy,
    Request,
    UnmatchedStudy,
    WithdrawnStudy,
)
from bridge.domain.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What one destination wants to know; an empty condition holds for everything.

    `modalities` are of the steps or the series; `sources` who sent the order (application or
    `APPLICATION|FACILITY`); `locations` where its steps take place. `told_by` is who the
    destination is itself: what it said need not be told to it.
    """

    kinds: frozenset[EventKind]
    modalities: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    locations: frozenset[str] = frozenset()
    told_by: str = ""

    def wants(self, kind: EventKind, cause: str = "") -> bool:
        """Whether an event of this kind is told that `cause` brought about (empty: nobody).

        Who places an order learns what was made of it (its numbers), but not its own changes.
        """
        if kind not in self.kinds:
            return False
        echo = bool(self.told_by) and self.told_by in (cause, cause.partition("|")[0])
        return not echo or kind in (EventKind.ORDER_SCHEDULED, EventKind.ORDER_HELD)

    def told_as(self, kinds: Iterable[EventKind]) -> EventKind | None:
        """By which of these words, the finest first, it is told of one thing; None for by none."""
        return next((kind for kind in kinds if self.wants(kind)), None)

    def covers(self, news: News) -> bool:
        """Whether the conditions hold for what there is to tell.

        They do for what is taken back from who was told of it.
        """
        if not (self.modalities or self.sources or self.locations):
            return True
        match news:
            case OrderNews(order=order):
                return self._covers(_modalities_of(order), (order,))
            case (
                PublishedStudy(study=study, requests=requests)
                | ArrivingStudy(study=study, requests=requests)
                | DecidedStudy(study=study, requests=requests)
            ):
                return self._covers_study(study, requests)
            case UnmatchedStudy(study=study):
                return self._covers_study(study, ())
            case WithdrawnStudy(study=Study() as study, requests=requests, last_content_hash=""):
                return self._covers_study(study, requests)
        return True

    def _covers_study(self, study: Study, requests: Sequence[Request]) -> bool:
        orders = tuple(request.order for request in requests)
        expected = (_modalities_of(order) for order in orders)
        return self._covers(_of_series(study) or frozenset().union(*expected), orders)

    def _covers(self, modalities: frozenset[str], orders: tuple[Order, ...]) -> bool:
        sources = {each for order in orders for each in _names(order.source)}
        places = {place for order in orders for place in _locations_of(order)}
        return all(
            not wanted or wanted & found
            for wanted, found in (
                (self.modalities, modalities),
                (self.sources, sources),
                (self.locations, places),
            )
        )


def _names(source: str) -> tuple[str, ...]:
    return source, source.partition("|")[0]


def _modalities_of(order: Order) -> frozenset[str]:
    return frozenset(step.modality for each in order.procedures for step in each.steps)


def _of_series(study: Study) -> frozenset[str]:
    return frozenset(series.modality for series in study.series)


def _locations_of(order: Order) -> frozenset[str]:
    steps = (step for each in order.procedures for step in each.steps)
    return frozenset(step.attributes.get("ScheduledProcedureStepLocation", "") for step in steps)
