"""Modality Performed Procedure Steps, and the scheduled steps and studies they refer to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.dialects import postgresql

from bridge.domain.discontinuation import WRONG_WORKLIST_ENTRY, Consequence
from bridge.domain.performed_step import (
    PerformedStep,
    PerformedStepReport,
    PerformedStepStatus,
    Subject,
)
from bridge.domain.performed_step_attributes import NOT_SETTABLE
from bridge.store import documents
from bridge.store.statement import Statement
from bridge.store.tables import performed_step, performed_step_key, performed_step_link

_KEY = performed_step_key.c
# Asked with every order, and nearly always for nothing.
_ANY_OF = Statement(
    select(_KEY.performed_step_pk)
    .where(_KEY.key.in_([bindparam("study"), bindparam("accession"), bindparam("request")]))
    .limit(1)
)
# Asked with every image.
_ANY_OF_STUDY = Statement(
    select(_KEY.performed_step_pk).where(_KEY.key == bindparam("study")).limit(1)
)
_STUDY = "study:"
_P = performed_step.c


class PerformedSteps:
    """The performed steps of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, sop_instance_uid: str) -> PerformedStep | None:
        """The performed step, locked until the transaction ends; None when never created."""
        query = select(performed_step).where(_P.sop_instance_uid == sop_instance_uid)
        if self._connection.dialect.name == postgresql.dialect.name:
            query = query.with_for_update()
        row = self._connection.execute(query).first()
        return None if row is None else self._load([row])[0]

    def of_study(self, study_instance_uid: str) -> tuple[PerformedStep, ...]:
        """The performed steps that name this study, or list instances of it."""
        key = _study(study_instance_uid)
        if not key or _ANY_OF_STUDY.scalar(self._connection, {"study": key}) is None:
            return ()
        return self._with_keys([key])

    def for_request(
        self, study_instance_uid: str, accession: str, rp_id: str
    ) -> tuple[PerformedStep, ...]:
        """The performed steps that may be for a requested procedure, by any of its identifiers."""
        keys = _keys(study_instance_uid, accession, rp_id)
        if _ANY_OF.scalar(self._connection, keys) is None:
            return ()
        return self._with_keys(list(keys.values()))

    def foresee(self, requests: Iterable[tuple[str, str, str]]) -> None:
        """Ask together what `for_request` asks of every new order (see `pipeline`)."""
        for request in requests:
            _ANY_OF.foresee(self._connection, _keys(*request))

    def of_steps(self, step_pks: Iterable[int]) -> Mapping[int, tuple[PerformedStep, ...]]:
        """The performed steps of each of these scheduled steps."""
        wanted = sorted(step_pks)
        query = select(performed_step_link).where(performed_step_link.c.step_pk.in_(wanted))
        links = self._connection.execute(query).all() if wanted else ()
        found = dict(self._numbered({row.performed_step_pk for row in links}))
        by_step: dict[int, list[PerformedStep]] = defaultdict(list)
        for row in links:
            by_step[row.step_pk].append(found[row.performed_step_pk])
        return {pk: tuple(each) for pk, each in by_step.items()}

    def with_uids(self, uids: Iterable[str]) -> tuple[PerformedStep, ...]:
        """The performed steps of these SOP Instance UIDs."""
        wanted = tuple(uids)
        if not wanted:
            return ()
        query = select(performed_step).where(_P.sop_instance_uid.in_(wanted)).order_by(_P.pk)
        return self._load(self._connection.execute(query).all())

    def open_since(self, before: float, limit: int) -> tuple[PerformedStep, ...]:
        """Those in progress that were created before a time, the oldest first."""
        status = PerformedStepStatus.IN_PROGRESS.value
        query = (
            select(performed_step)
            .where(_P.status == status, _P.created_at < before)
            .order_by(_P.created_at)
            .limit(limit)
        )
        return self._load(self._connection.execute(query).all())

    def newest(self, limit: int) -> tuple[PerformedStep, ...]:
        """The newest first."""
        query = select(performed_step).order_by(_P.pk.desc()).limit(limit)
        return self._load(self._connection.execute(query).all())

    def add(self, report: PerformedStepReport, step_pks: Iterable[int], now: float) -> None:
        """Keep what an N-CREATE said."""
        row = {
            "sop_instance_uid": report.sop_instance_uid,
            "status": PerformedStepStatus.IN_PROGRESS.value,
            "document": _document(report),
            "instances": dict(report.instances),
            "created_at": now,
            "updated_at": now,
        }
        insert = performed_step.insert().returning(_P.pk)
        pk = int(self._connection.execute(insert, row).scalar_one())
        self._link(pk, step_pks)
        self._note_keys(pk, _keys_of(report))

    def link(self, sop_instance_uid: str, step_pks: Iterable[int]) -> None:
        """Note further scheduled steps that were performed."""
        self._link(self.pk_of(sop_instance_uid), step_pks)

    def studies(self, sop_instance_uid: str) -> tuple[str, ...]:
        """The studies it names, and those that hold what it lists; the inverse of `of_study`."""
        keys = (
            select(performed_step_key.c.key)
            .join(performed_step)
            .where(_P.sop_instance_uid == sop_instance_uid)
        )
        found = self._connection.execute(keys.order_by(performed_step_key.c.key)).scalars()
        return tuple(each.removeprefix(_STUDY) for each in found if each.startswith(_STUDY))

    def name_studies(self, sop_instance_uid: str, uids: Iterable[str]) -> None:
        """Note studies that hold instances it lists, whichever studies it names."""
        self._note_keys(self.pk_of(sop_instance_uid), {_study(uid) for uid in uids})

    def change(self, changed: PerformedStep, now: float) -> None:
        """Keep what an N-SET changed."""
        which = _P.sop_instance_uid == changed.sop_instance_uid
        document = self._connection.execute(select(_P.document).where(which)).scalar_one()
        said = {
            "discontinuation_reason": changed.discontinuation_reason,
            "discontinuation_scheme": changed.discontinuation_scheme,
            "attributes": dict(changed.attributes),
            "consequence": asdict(changed.consequence),
        }
        self._connection.execute(
            update(performed_step)
            .where(which)
            .values(
                status=changed.status.value,
                document={**document, **said},
                instances=dict(changed.instances),
                updated_at=now,
            )
        )

    def pk_of(self, sop_instance_uid: str) -> int:
        """The number of a performed step that is there."""
        query = select(_P.pk).where(_P.sop_instance_uid == sop_instance_uid)
        return int(self._connection.execute(query).scalar_one())

    def _with_keys(self, keys: Sequence[str]) -> tuple[PerformedStep, ...]:
        pks = select(_KEY.performed_step_pk).where(_KEY.key.in_(keys))
        query = select(performed_step).where(_P.pk.in_(pks)).order_by(_P.pk)
        return self._load(self._connection.execute(query).all())

    def _numbered(self, pks: Iterable[int]) -> Iterable[tuple[int, PerformedStep]]:
        query = select(performed_step).where(_P.pk.in_(sorted(pks)))
        rows = self._connection.execute(query).all()
        return zip((row.pk for row in rows), self._load(rows), strict=True)

    def _link(self, performed_step_pk: int, step_pks: Iterable[int]) -> None:
        rows = [{"performed_step_pk": performed_step_pk, "step_pk": pk} for pk in step_pks]
        if rows:
            self._connection.execute(performed_step_link.insert(), rows)

    def _note_keys(self, performed_step_pk: int, keys: Iterable[str]) -> None:
        noted = select(_KEY.key).where(_KEY.performed_step_pk == performed_step_pk)
        known = set(self._connection.execute(noted).scalars())
        new = sorted({key for key in keys if key} - known)
        rows = [{"key": key, "performed_step_pk": performed_step_pk} for key in new]
        if rows:
            self._connection.execute(performed_step_key.insert(), rows)

    def _load(self, rows: Sequence[Row[Any]]) -> tuple[PerformedStep, ...]:
        link = performed_step_link.c
        query = select(performed_step_link).where(link.performed_step_pk.in_([r.pk for r in rows]))
        steps: dict[int, list[int]] = defaultdict(list)
        for each in self._connection.execute(query).all() if rows else ():
            steps[each.performed_step_pk].append(each.step_pk)
        return tuple(
            replace(_loaded(row), step_pks=tuple(sorted(steps.get(row.pk, ())))) for row in rows
        )


def _loaded(row: Row[Any]) -> PerformedStep:
    document = row.document
    reason = document["discontinuation_reason"]
    wrong = reason == WRONG_WORKLIST_ENTRY  # of what was written before consequences were
    consequence = document.get("consequence") or {"reschedules": wrong, "quarantines": wrong}
    attributes = document["attributes"]
    return PerformedStep(
        sop_instance_uid=row.sop_instance_uid,
        status=PerformedStepStatus(row.status),
        scheduled=documents.load_scheduled(document["scheduled"]),
        instances=row.instances,
        subject=Subject(
            documents.load_identifier(document["patient_id"]),
            document["patient_name"],
            attributes.get("PatientBirthDate", ""),
            attributes.get("PatientSex", ""),
        ),
        modality=document["modality"],
        station_ae_title=document["station_ae_title"],
        pps_id=document["pps_id"],
        discontinuation_reason=reason,
        discontinuation_scheme=document.get("discontinuation_scheme", ""),
        attributes=attributes,
        created=documents.load_tree(document.get("created", {})),
        created_keywords=frozenset(document.get("keywords", ())),
        consequence=Consequence(**consequence),
        created_at=row.created_at,
    )


def _document(report: PerformedStepReport) -> dict[str, Any]:
    fixed = {each: said for each, said in report.content.items() if each in NOT_SETTABLE}
    return {
        "scheduled": documents.dump_scheduled(report.scheduled),
        "patient_id": documents.dump_identifier(report.patient_id),
        "patient_name": report.patient_name,
        "modality": report.modality,
        "station_ae_title": report.station_ae_title,
        "pps_id": report.pps_id,
        "discontinuation_reason": report.discontinuation_reason,
        "attributes": dict(report.attributes),
        "created": documents.dump_tree(fixed),
        "keywords": list(report.content),
    }


def _study(uid: str) -> str:
    return f"{_STUDY}{uid}" if uid else ""


def _keys(study_instance_uid: str, accession: str, rp_id: str) -> dict[str, str]:
    return {
        "study": _study(study_instance_uid),
        "accession": f"accession:{accession}" if accession else "",
        "request": f"request:{rp_id}" if rp_id else "",
    }


def _keys_of(report: PerformedStepReport) -> set[str]:
    """What finds a performed step; a Requested Procedure ID only where no number stands by it."""
    return {
        key
        for each in report.scheduled
        for key in _keys(
            each.study_instance_uid,
            each.accession.value if each.accession else "",
            "" if each.accession else each.rp_id,
        ).values()
    }
