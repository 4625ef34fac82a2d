"""Orders and studies of a day that stayed behind at a stage."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, desc, exists, not_, select

from bridge.domain.delivery import DeliveryState
from bridge.domain.matching import Outcome
from bridge.services.find_anything import FoundOrder, FoundStudy
from bridge.store.overview import BEGUN_STEP, uncounted
from bridge.store.searches import Searches
from bridge.store.tables import delivery, imaging_service_request, study

_ORDER = imaging_service_request.c
_CONFIRMED = exists().where(
    delivery.c.subject == "study:" + study.c.study_instance_uid,
    delivery.c.state == DeliveryState.DELIVERED.value,
)


class Stragglers:
    """Implements `services.watch_now.Stragglers` for one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._searches = Searches(connection)

    def unscheduled(self, since: float, limit: int) -> Sequence[FoundOrder]:
        """Orders that are held."""
        return self._orders(since, _ORDER.held_reason != "", limit)

    def unacquired(self, since: float, limit: int) -> Sequence[FoundOrder]:
        """Orders on the worklist of which nothing has begun."""
        return self._orders(since, and_(_ORDER.held_reason == "", not_(BEGUN_STEP)), limit)

    def unmatched(self, since: float, limit: int) -> Sequence[FoundStudy]:
        """Studies that belong to no order so far."""
        return self._studies(since, uncounted(study.c.outcome) != Outcome.MATCHED.value, limit)

    def unpublished(self, since: float, limit: int) -> Sequence[FoundStudy]:
        """Studies with an order that no destination has confirmed."""
        matched = uncounted(study.c.outcome) == Outcome.MATCHED.value
        return self._studies(since, and_(matched, not_(_CONFIRMED)), limit)

    def _orders(
        self, since: float, condition: ColumnElement[bool], limit: int
    ) -> Sequence[FoundOrder]:
        # What is new has changed since, too: one index serves both.
        new = and_(_ORDER.updated_at >= since, _ORDER.created_at >= since)
        newest = desc(_ORDER.updated_at)
        query = select(_ORDER.pk).where(new, condition).order_by(newest).limit(limit)
        pks = list(self._connection.execute(query).scalars())
        return self._searches.orders_numbered(pks) if pks else ()

    def _studies(
        self, since: float, condition: ColumnElement[bool], limit: int
    ) -> Sequence[FoundStudy]:
        query = (
            select(study.c.pk)
            .where(study.c.created_at >= since, condition)
            .order_by(desc(study.c.created_at))
            .limit(limit)
        )
        pks = list(self._connection.execute(query).scalars())
        return self._searches.studies_at(pks) if pks else ()
