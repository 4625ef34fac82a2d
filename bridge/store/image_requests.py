"""What studies were asked for: Request Attributes Sequence (0040,0275) as a key, and returned.

A study that belongs to orders is found by what they say, as its images are given out; another one
by what its images say.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, and_, column, exists, func, or_, select
from sqlalchemy.dialects import sqlite

from bridge.services.read_images import FoundRequest, ImageQuery
from bridge.store import documents
from bridge.store.key_matching import Conditions, any_text
from bridge.store.tables import requested_procedure, scheduled_step, study, study_procedure

_ORDERED = study_procedure.join(requested_procedure).outerjoin(scheduled_step)
_RP, _SPS = 0, 1  # places in an item, as documents write it


def asked_for(query: ImageQuery, dialect: str) -> Conditions:
    """Studies with one request of these IDs."""
    if not (query.rp_id or query.sps_id):
        return []
    is_of_study = study_procedure.c.study_pk == study.c.pk
    ordered = exists().where(is_of_study).correlate(study)
    by_order = (
        exists()
        .select_from(_ORDERED)
        .where(
            is_of_study,
            *_same(requested_procedure.c.rp_id, query.rp_id, dialect),
            *_same(scheduled_step.c.sps_id, query.sps_id, dialect),
        )
        .correlate(study)
    )
    return [or_(by_order, and_(~ordered, _said_by_images(query, dialect)))]


def _said_by_images(query: ImageQuery, dialect: str) -> ColumnElement[bool]:
    if dialect == sqlite.dialect.name:
        items = func.json_each(study.c.request_attributes).table_valued("value", name="item")
        rp, sps = (func.json_extract(items.c.value, f"$[{place}]") for place in (_RP, _SPS))
    else:
        said = func.json_array_elements(study.c.request_attributes)
        items = said.table_valued(column("value", JSON), name="item")
        rp, sps = (items.c.value[place].as_string() for place in (_RP, _SPS))
    matching = (*_same(rp, query.rp_id, dialect), *_same(sps, query.sps_id, dialect))
    return select(1).select_from(items).where(*matching).correlate(study).exists()


def _same(place: ColumnElement[Any], text: str, dialect: str) -> Conditions:
    return any_text(place, (text,) if text else (), dialect)


def requests_of(
    connection: Connection, study_instance_uids: Iterable[str]
) -> dict[str, tuple[FoundRequest, ...]]:
    """The requests of each of these studies, by Study Instance UID."""
    wanted = study.c.study_instance_uid.in_(tuple(set(study_instance_uids)))
    ordered: dict[str, list[FoundRequest]] = {}
    columns = (
        study.c.study_instance_uid,
        requested_procedure.c.rp_id,
        func.coalesce(scheduled_step.c.sps_id, ""),
    )
    of_orders = (
        select(*columns)
        .select_from(_ORDERED.join(study, study_procedure.c.study_pk == study.c.pk))
        .where(wanted)
        .order_by(requested_procedure.c.pk, scheduled_step.c.pk)
    )
    for uid, rp_id, sps_id in connection.execute(of_orders):
        ordered.setdefault(uid, []).append(FoundRequest(rp_id, sps_id))
    said = select(study.c.study_instance_uid, study.c.request_attributes).where(wanted)
    return {
        uid: tuple(ordered.get(uid, ()))
        or tuple(
            FoundRequest(each.rp_id, each.sps_id)
            for each in documents.load_request_attributes(items)
        )
        for uid, items in connection.execute(said)
    }
