"""Studies listed for a person: implements `services.review_studies.StudyReviews`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, desc, exists, func, or_, select

from bridge.domain.matching import MatchDecision
from bridge.services.review_studies import WAITING, QueuedStudy, QueueFilter
from bridge.store import documents
from bridge.store.studies import Studies
from bridge.store.study_identity import load_identity
from bridge.store.tables import instance, instance_conflict, match_decision, series, study

_STUDY = study.c
_COLUMNS = (
    _STUDY.pk,
    _STUDY.study_instance_uid,
    _STUDY.outcome,
    _STUDY.identity,
    _STUDY.accession_number,
    _STUDY.attributes,
    _STUDY.created_at,
    _STUDY.updated_at,
)


class StudyReviews:
    """The questions of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def queue(self, chosen: QueueFilter, limit: int) -> Sequence[QueuedStudy]:
        """Studies that changed last first; the pk parts those of one moment."""
        outcomes = WAITING if chosen.outcome is None else (chosen.outcome,)
        query = (
            select(*_COLUMNS)
            .where(_STUDY.outcome.in_(outcomes))
            .order_by(desc(_STUDY.updated_at), desc(_STUDY.pk))
            .limit(limit)
        )
        if chosen.modality:
            query = query.where(
                exists().where(series.c.study_pk == _STUDY.pk, series.c.modality == chosen.modality)
            )
        if chosen.beyond is not None:
            at, pk = chosen.beyond.updated_at, chosen.beyond.pk
            same = and_(_STUDY.updated_at == at, _STUDY.pk < pk)
            query = query.where(or_(_STUDY.updated_at < at, same))
        rows: Sequence[Any] = self._connection.execute(query).all()
        pks = [row.pk for row in rows]
        parts, decided = self._parts(pks), self._newest_decisions(pks)
        return [_queued(row, parts.get(row.pk, ()), decided.get(row.pk)) for row in rows]

    def counts(self) -> dict[str, int]:
        """Outcome → studies; empty before the first decision."""
        query = select(_STUDY.outcome, func.count()).group_by(_STUDY.outcome)
        return {outcome: count for outcome, count in self._connection.execute(query).all()}

    def conflicts(self, study_instance_uid: str) -> int:
        """Instances that came again with other bytes."""
        query = select(func.count()).where(
            instance_conflict.c.study_instance_uid == study_instance_uid
        )
        return int(self._connection.execute(query).scalar_one())

    def decisions(self, study_pk: int) -> Sequence[tuple[MatchDecision, float]]:
        """Everything that was decided, the newest first."""
        return Studies(self._connection).decisions(study_pk)

    def _parts(self, pks: Collection[int]) -> dict[int, list[Row[Any]]]:
        """Per study: modality, instances and one sender of each series."""
        query = (
            select(
                series.c.study_pk,
                series.c.modality,
                func.count(instance.c.pk).label("instances"),
                func.max(instance.c.peer).label("peer"),
            )
            .join(instance, instance.c.series_pk == series.c.pk, isouter=True)
            .where(series.c.study_pk.in_(pks))
            .group_by(series.c.study_pk, series.c.pk, series.c.modality)
        )
        found: dict[int, list[Row[Any]]] = {}
        for row in self._connection.execute(query).all():
            found.setdefault(row.study_pk, []).append(row)
        return found

    def _newest_decisions(self, pks: Collection[int]) -> dict[int, Row[Any]]:
        newest = (
            select(func.max(match_decision.c.pk))
            .where(match_decision.c.study_pk.in_(pks))
            .group_by(match_decision.c.study_pk)
        )
        query = select(match_decision).where(match_decision.c.pk.in_(newest))
        return {row.study_pk: row for row in self._connection.execute(query).all()}


def _queued(row: Row[Any], parts: Sequence[Row[Any]], decided: Row[Any] | None) -> QueuedStudy:
    identity = load_identity(row.identity)
    candidates = documents.load_candidates(decided.candidates) if decided is not None else ()
    return QueuedStudy(
        pk=row.pk,
        study_instance_uid=row.study_instance_uid,
        outcome=row.outcome,
        reason=decided.reason if decided is not None else "",
        patient_id=identity.patient_id.value if identity.patient_id else "",
        patient_name=identity.patient_name,
        accession_number=row.accession_number,
        study_date=row.attributes.get("StudyDate", ""),
        description=row.attributes.get("StudyDescription", ""),
        modalities=tuple(sorted({part.modality for part in parts} - {""})),
        instances=sum(part.instances for part in parts),
        sources=tuple(sorted({(part.peer or "").partition("@")[0] for part in parts} - {""})),
        created_at=row.created_at,
        updated_at=row.updated_at,
        candidates=len(candidates),
        best_number=candidates[0].number if candidates else "",
        best_score=candidates[0].score if candidates else 0,
    )
