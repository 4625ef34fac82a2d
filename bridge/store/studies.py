"""Studies, series and instances as received, and which requested procedures they fulfil."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    RowMapping,
    bindparam,
    delete,
    literal_column,
    select,
    update,
)

from bridge.domain.announced_study import AnnouncedImages, StudyAnnounced
from bridge.domain.coercion import Coercion
from bridge.domain.matching import MatchDecision, Outcome, RankedCandidate, keys_after
from bridge.domain.study import (
    Arrival,
    Held,
    Instance,
    InstanceHeader,
    Series,
    Study,
    StudyState,
)
from bridge.store import documents, event_documents
from bridge.store.announced import announced_study, identity_is_changed, load_announced
from bridge.store.statement import Statement, insert
from bridge.store.study_identity import (
    StudyIdentity,
    completed_attributes,
    dump_identity,
    load_identity,
)
from bridge.store.study_keys import add_keys, change_keys, present_keys
from bridge.store.tables import (
    instance,
    match_decision,
    series,
    study,
    study_key,
    study_procedure,
    waiting_key,
)

_STUDY_BY_UID = select(study).where(study.c.study_instance_uid == bindparam("uid"))
_LOCKED_STUDY = _STUDY_BY_UID.with_for_update()
_SERIES_OF_STUDY = (
    select(series).where(series.c.study_pk == bindparam("study_pk")).order_by(series.c.pk)
)
_SERIES_PK = Statement(
    select(series.c.pk).where(
        series.c.study_pk == bindparam("study_pk"),
        series.c.series_instance_uid == bindparam("uid"),
    )
)
_INSTANCES_OF_STUDY = (
    select(instance)
    .join(series)
    .where(series.c.study_pk == bindparam("study_pk"))
    .order_by(instance.c.pk)
)
_HELD = Statement(
    select(
        instance.c.digest,
        study.c.study_instance_uid,
        series.c.series_instance_uid,
        study.c.patient_id,
    )
    .select_from(instance.join(series).join(study))
    .where(instance.c.sop_instance_uid == bindparam("uid"))
)
_INSERT_INSTANCE = insert(instance, [column.name for column in instance.c if column.name != "pk"])
_TOUCH = Statement(
    update(study)
    .where(study.c.pk == bindparam("study_pk"))
    .values(state=literal_column(f"'{StudyState.RECEIVING.value}'"), updated_at=bindparam("now"))
)
# Asked with every order: the statement has a fixed number of places, so that it is built only once.
_PROCEDURES_OF = Statement(
    select(study_procedure.c.procedure_pk)
    .where(study_procedure.c.study_pk == bindparam("pk"))
    .order_by(study_procedure.c.procedure_pk)
)
_WIDTH = 12
_MOST_IN_ONE = 500  # SQLite takes 32,766 parameters; a study may have more instances
_WAITING = Statement(
    select(study.c.pk, study.c.study_instance_uid)
    .join(waiting_key)
    .where(
        waiting_key.c.key.in_([bindparam(f"key{place}") for place in range(_WIDTH)]),
        study.c.state == StudyState.AVAILABLE.value,
    )
)
_LAST_DECISION = (
    select(
        match_decision.c.outcome,
        match_decision.c.reason,
        match_decision.c.procedure_pks,
        match_decision.c.candidates,
        match_decision.c.decided_by,
    )
    .where(match_decision.c.study_pk == bindparam("study_pk"))
    .order_by(match_decision.c.pk.desc())
    .limit(1)
)
STUDY_LEVEL = frozenset(
    {
        "PatientBirthDate",
        "PatientSex",
        "StudyDate",
        "StudyTime",
        "StudyDescription",
        "StudyID",
        "ReferringPhysicianName",
        "TimezoneOffsetFromUTC",
    }
)
INSTANCE_LEVEL = frozenset({"InstanceNumber", "NumberOfFrames", "Rows", "Columns"})


class Studies:
    """The studies of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.touched: dict[str, None] = {}

    def held(self, sop_instance_uid: str) -> Held | None:
        """What is held under this SOP Instance UID."""
        rows = _HELD.rows(self._connection, {"uid": sop_instance_uid})
        return Held(*rows[0]) if rows else None

    def kept(self, sop_instance_uids: Iterable[str]) -> dict[str, tuple[str, str]]:
        """SOP class and object key of those of these instances that are held."""
        found: dict[str, tuple[str, str]] = {}
        columns = (instance.c.sop_instance_uid, instance.c.sop_class_uid, instance.c.path)
        for uids in batched(sop_instance_uids, _MOST_IN_ONE):
            rows = self._connection.execute(
                select(*columns).where(instance.c.sop_instance_uid.in_(uids))
            )
            found.update({row[0]: (row[1], row[2]) for row in rows})
        return found

    def holding(self, sop_instance_uids: Iterable[str]) -> frozenset[str]:
        """The UIDs of the studies that hold any of these instances."""
        found: set[str] = set()
        for uids in batched(sop_instance_uids, _MOST_IN_ONE):
            query = (
                select(study.c.study_instance_uid)
                .join(series, series.c.study_pk == study.c.pk)
                .join(instance, instance.c.series_pk == series.c.pk)
                .where(instance.c.sop_instance_uid.in_(uids))
                .distinct()
            )
            found.update(self._connection.execute(query).scalars())
        return frozenset(found)

    def add_instance(self, arrival: Arrival) -> bool:
        """Index an instance; its study is (again) being received. True for the first of a study.

        A rejection note adds nothing that is shown: its study is as complete as it was.
        """
        header = arrival.header
        row = self._locked(header.study_instance_uid)
        study_pk = self._add_study(header, arrival.now) if row is None else row.pk
        if row is not None:
            if header.rejection is None:
                _TOUCH.run(self._connection, {"study_pk": study_pk, "now": arrival.now})
            if row.announced is not None and not self._has_images(study_pk):
                add_keys(self._connection, study_pk, load_identity(row.identity), row.attributes)
            self._complete_identity(row, header)
        series_pk = self._series(study_pk, header)
        _INSERT_INSTANCE.run(self._connection, {"series_pk": series_pk, **instance_values(arrival)})
        return row is None

    def find(self, study_instance_uid: str) -> Study | None:
        """The study, for reading; None when nothing of it arrived."""
        row = self._connection.execute(_STUDY_BY_UID, {"uid": study_instance_uid}).first()
        return None if row is None else self._load(row)

    def lock(self, study_instance_uid: str) -> Study | None:
        """The study, locked until the transaction ends; None when nothing of it arrived."""
        row = self._locked(study_instance_uid)
        return None if row is None else self._load(row)

    def get(self, pk: int) -> Study:
        """The study of this row."""
        return self._load(self._connection.execute(select(study).where(study.c.pk == pk)).one())

    def announce(self, event: StudyAnnounced, images: AnnouncedImages, now: float) -> bool:
        """Keep what is said of a study whose images are elsewhere, all or some of them.

        Tells whether anything is new; a study that may grow is then being received.
        """
        row = self._locked(event.study_instance_uid)
        announced = {"announced": event_documents.dump(images)}
        state = StudyState.RECEIVING if event.may_grow else StudyState.AVAILABLE
        if row is None:
            values = announced | announced_study(event, None) | {"state": state.value}
            times = {"created_at": now, "updated_at": now}
            self._connection.execute(study.insert(), values | times)
            return True
        values = {} if self._has_images(row.pk) else announced_study(event, row)
        held = load_announced(row.announced)
        is_news = held is None or not held.tells_the_same_as(images)
        is_news = is_news or identity_is_changed(row, values)
        if is_news and event.may_grow:
            values |= {"state": state.value, "updated_at": now}
        changes = update(study).where(study.c.pk == row.pk).values(announced | values)
        self._connection.execute(changes)
        return is_news

    def _has_images(self, study_pk: int) -> bool:
        query = select(study_key.c.study_pk).where(study_key.c.study_pk == study_pk)
        return self._connection.execute(query).first() is not None

    def outcome(self, pk: int) -> Outcome | None:
        """What was last decided of a study; None before the first decision."""
        text = self._connection.execute(select(study.c.outcome).where(study.c.pk == pk)).scalar()
        return Outcome(text) if text else None

    def is_arriving(self, study_instance_uid: str) -> bool:
        """Whether further images of a study are expected."""
        query = select(study.c.state).where(study.c.study_instance_uid == study_instance_uid)
        return self._connection.execute(query).scalar() == StudyState.RECEIVING.value

    def waiting(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Study Instance UIDs of decided studies that one of these keys may decide otherwise.

        Not of those that are being received: they are decided when they have settled.
        """
        found: dict[int, str] = {}
        for batch in batched(sorted(keys), _WIDTH):
            places = [*batch, *[None] * (_WIDTH - len(batch))]
            parameters = {f"key{place}": key for place, key in enumerate(places)}
            found.update(_WAITING.rows(self._connection, parameters))
        return tuple(found[pk] for pk in sorted(found))

    def of_procedures(self, procedure_pks: Iterable[int]) -> tuple[str, ...]:
        """Study Instance UIDs of the studies matched to these procedures."""
        query = (
            select(study.c.study_instance_uid)
            .join(study_procedure)
            .where(study_procedure.c.procedure_pk.in_(tuple(procedure_pks)))
            .distinct()
            .order_by(study.c.study_instance_uid)
        )
        return tuple(self._connection.execute(query).scalars())

    def procedures_of(self, study_pk: int) -> tuple[int, ...]:
        """The requested procedures a study is matched to."""
        return tuple(pk for (pk,) in _PROCEDURES_OF.rows(self._connection, {"pk": study_pk}))

    def decide(
        self, decided: Study, decision: MatchDecision, state: StudyState, now: float
    ) -> bool:
        """Record a decision, unless the last one was the same, and link the study as it says.

        True when it is another than the last, and not only of other values that were compared.
        """
        study_pk = decided.pk
        self.touched[decided.study_instance_uid] = None
        row: dict[str, Any] = {
            "outcome": decision.outcome.value,
            "reason": decision.reason,
            "procedure_pks": list(decision.procedure_pks),
            "candidates": documents.dump_candidates(decision.candidates),
            "decided_by": decision.decided_by,
        }
        last = self._connection.execute(_LAST_DECISION, {"study_pk": study_pk}).mappings().first()
        if last is None or dict(last) != row:
            self._connection.execute(
                match_decision.insert(),
                {"study_pk": study_pk, "decided_at": now, "evidence": [], **row},
            )
        self._connection.execute(
            update(study)
            .where(study.c.pk == study_pk)
            .values(outcome=decision.outcome.value, state=state.value)
        )
        self._connection.execute(
            delete(study_procedure).where(study_procedure.c.study_pk == study_pk)
        )
        if decision.outcome is Outcome.MATCHED:
            rows = [{"study_pk": study_pk, "procedure_pk": pk} for pk in decision.procedure_pks]
            self._connection.execute(study_procedure.insert(), rows)
        self._let_wait(decided, decision)
        return last is None or not decision.is_as(_decision(last))

    def _let_wait(self, decided: Study, decision: MatchDecision) -> None:
        """Let a study be found by what may decide it, or decide it otherwise."""
        keys = sorted(keys_after(decided, decision))
        held = select(waiting_key.c.key).where(waiting_key.c.study_pk == decided.pk)
        if sorted(self._connection.execute(held).scalars()) == keys:
            return
        self._connection.execute(delete(waiting_key).where(waiting_key.c.study_pk == decided.pk))
        if keys:
            rows = [{"key": key, "study_pk": decided.pk} for key in keys]
            self._connection.execute(waiting_key.insert(), rows)

    def decisions(self, study_pk: int) -> tuple[tuple[MatchDecision, float], ...]:
        """Everything that was decided of a study, the newest first, each with when (unix time)."""
        query = (
            select(match_decision)
            .where(match_decision.c.study_pk == study_pk)
            .order_by(match_decision.c.pk.desc())
        )
        return tuple(
            (_decision(row._mapping, documents.load_former_evidence(row.evidence)), row.decided_at)
            for row in self._connection.execute(query).all()
        )

    def decided_at(self, study_pk: int) -> float:
        """When the last decision on a study was made (unix time); 0 before the first."""
        query = (
            select(match_decision.c.decided_at)
            .where(match_decision.c.study_pk == study_pk)
            .order_by(match_decision.c.pk.desc())
            .limit(1)
        )
        return float(self._connection.execute(query).scalar() or 0.0)

    def present(self, study_instance_uid: str, coercion: Coercion | None) -> bool:
        """Let a study be found under what its order says, or (None) under what its images say.

        True when that is something else than before.
        """
        self.touched[study_instance_uid] = None
        row = self._connection.execute(_STUDY_BY_UID, {"uid": study_instance_uid}).one()
        identity = load_identity(row.identity)
        return present_keys(self._connection, row.pk, identity, row.attributes, coercion)

    def presented(self, study_instance_uid: str) -> str:
        """A text that is another whenever a study is presented as another's."""
        query = (
            select(study_key.c.presented)
            .join(study, study.c.pk == study_key.c.study_pk)
            .where(study.c.study_instance_uid == study_instance_uid)
        )
        return documents.dump_json(self._connection.execute(query).scalar())

    def _locked(self, uid: str) -> Row[Any] | None:
        return self._connection.execute(_LOCKED_STUDY, {"uid": uid}).first()

    def _add_study(self, header: InstanceHeader, now: float) -> int:
        row = {
            "study_instance_uid": header.study_instance_uid,
            "state": StudyState.RECEIVING.value,
            "patient_id": header.patient_id.value if header.patient_id else "",
            "accession_number": header.accession.value if header.accession else "",
            "identity": dump_identity(
                StudyIdentity(header.patient_id, header.patient_name, header.accession)
            ),
            "attributes": _level(header, STUDY_LEVEL),
            "request_attributes": documents.dump_request_attributes(header.request_attributes),
            "performed_step_uids": list(header.performed_step_uids),
            "created_at": now,
            "updated_at": now,
        }
        insert_study = study.insert().returning(study.c.pk)
        pk = int(self._connection.execute(insert_study, row).scalar_one())
        identity = StudyIdentity(header.patient_id, header.patient_name, header.accession)
        add_keys(self._connection, pk, identity, header.attributes)
        return pk

    def _complete_identity(self, row: Row[Any], header: InstanceHeader) -> None:
        """Take from a further instance what the earlier ones did not carry."""
        held = load_identity(row.identity)
        fuller = held.completed_by(header)
        requests = documents.load_request_attributes(row.request_attributes)
        new_requests = [r for r in header.request_attributes if r not in requests]
        new_steps = [u for u in header.performed_step_uids if u not in row.performed_step_uids]
        attributes = completed_attributes(row.attributes, _level(header, STUDY_LEVEL))
        same = fuller == held and attributes == row.attributes
        if same and not new_requests and not new_steps:
            return
        self._connection.execute(
            update(study)
            .where(study.c.pk == row.pk)
            .values(
                identity=dump_identity(fuller),
                attributes=attributes,
                patient_id=fuller.patient_id.value if fuller.patient_id else "",
                accession_number=fuller.accession.value if fuller.accession else "",
                request_attributes=documents.dump_request_attributes((*requests, *new_requests)),
                performed_step_uids=[*row.performed_step_uids, *new_steps],
            )
        )
        change_keys(self._connection, row.pk, fuller, attributes)

    def _series(self, study_pk: int, header: InstanceHeader) -> int:
        parameters = {"study_pk": study_pk, "uid": header.series_instance_uid}
        found = _SERIES_PK.scalar(self._connection, parameters)
        if found is not None:
            return int(found)
        row = {
            "study_pk": study_pk,
            "series_instance_uid": header.series_instance_uid,
            "modality": header.modality,
            "number": _integer(header.attributes.get("SeriesNumber", "")),
            "attributes": {
                keyword: text
                for keyword, text in header.attributes.items()
                if keyword not in STUDY_LEVEL | INSTANCE_LEVEL
            },
        }
        insert_series = series.insert().returning(series.c.pk)
        return int(self._connection.execute(insert_series, row).scalar_one())

    def _load(self, row: Row[Any]) -> Study:
        parameters = {"study_pk": row.pk}
        instances: dict[int, list[Instance]] = {}
        sources = set[str]()
        for each in self._connection.execute(_INSTANCES_OF_STUDY, parameters).all():
            instances.setdefault(each.series_pk, []).append(_instance(each))
            sources.add(each.peer.partition("@")[0])
        all_series = self._connection.execute(_SERIES_OF_STUDY, parameters).all()
        identity = load_identity(row.identity)
        return Study(
            pk=row.pk,
            study_instance_uid=row.study_instance_uid,
            state=StudyState(row.state),
            patient_id=identity.patient_id,
            patient_name=identity.patient_name,
            accession=identity.accession,
            further_patient_ids=identity.further_patient_ids,
            further_accessions=identity.further_accessions,
            attributes=row.attributes,
            request_attributes=documents.load_request_attributes(row.request_attributes),
            performed_step_uids=tuple(row.performed_step_uids),
            updated_at=row.updated_at,
            announced=load_announced(row.announced),
            sources=frozenset(sources),
            series=tuple(
                Series(
                    series_instance_uid=each.series_instance_uid,
                    modality=each.modality,
                    number=each.number,
                    attributes=each.attributes,
                    instances=tuple(instances.get(each.pk, ())),
                )
                for each in all_series
            ),
        )


def _decision(row: RowMapping, former: tuple[RankedCandidate, ...] = ()) -> MatchDecision:
    """Of a row of `match_decision`; `former` is what it said before candidates were kept."""
    return MatchDecision(
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        procedure_pks=tuple(row["procedure_pks"]),
        candidates=documents.load_candidates(row["candidates"]) or former,
        decided_by=row["decided_by"],
    )


def batched(values: Iterable[str], most: int) -> Iterator[list[str]]:
    """The values in lists of at most `most`."""
    listed = list(values)
    return (listed[start : start + most] for start in range(0, len(listed), most))


def _level(header: InstanceHeader, keywords: frozenset[str]) -> dict[str, str]:
    return {k: v for k, v in header.attributes.items() if k in keywords}


def instance_values(arrival: Arrival) -> dict[str, Any]:
    """The row of an instance, but for its series."""
    header = arrival.header
    return {
        "sop_instance_uid": header.sop_instance_uid,
        "sop_class_uid": header.sop_class_uid,
        "transfer_syntax_uid": header.transfer_syntax_uid,
        "number": _integer(header.attributes.get("InstanceNumber", "")),
        "path": arrival.path,
        "digest": arrival.digest,
        "size": arrival.size,
        "attributes": _level(header, INSTANCE_LEVEL),
        "peer": arrival.peer,
        "received_at": arrival.now,
    }


def _integer(text: str) -> int | None:
    """An IS value that fits the column, or None: modalities write all sorts of numbers."""
    try:
        number = int(text)
    except ValueError:
        return None
    return number if abs(number) < 2**31 else None


def _instance(row: Row[Any]) -> Instance:
    return Instance(
        sop_instance_uid=row.sop_instance_uid,
        sop_class_uid=row.sop_class_uid,
        number=row.number,
        path=row.path,
        attributes=row.attributes,
    )
