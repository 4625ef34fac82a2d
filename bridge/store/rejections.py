"""What rejection notes hide (IHE RAD IOCM): whoever reads images asks `is_shown`."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, bindparam, exists, select, true, update

from bridge.domain.rejection import REJECTIONS
from bridge.domain.study import InstanceHeader
from bridge.store.statement import Statement
from bridge.store.tables import instance, rejected_instance, rejection_note

_REJECTED = rejected_instance.c
_NOTE = rejection_note.c
_HIDDEN = Statement(
    select(_REJECTED.sop_instance_uid, _NOTE.code, _NOTE.sop_instance_uid)
    .join(rejection_note, _NOTE.pk == _REJECTED.note_pk)
    .where(_REJECTED.study_instance_uid == bindparam("uid"), _REJECTED.stands == true())
    .order_by(_NOTE.pk)
)


def is_shown() -> ColumnElement[bool]:
    """Whether a row of `instance` is hidden by no note that stands."""
    hidden = exists().where(
        _REJECTED.sop_instance_uid == instance.c.sop_instance_uid, _REJECTED.stands == true()
    )
    return ~hidden.correlate(instance)


def is_standing_note() -> ColumnElement[bool]:
    """Whether a row of `instance` is a note that stands."""
    note = exists().where(
        _NOTE.sop_instance_uid == instance.c.sop_instance_uid, _NOTE.undone_at.is_(None)
    )
    return note.correlate(instance)


class Rejections:
    """The rejection notes of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, header: InstanceHeader, peer: str, now: float) -> None:
        """Hide what a note rejects, and the note itself, whether or not it has arrived yet."""
        note = header.rejection
        if note is None:
            raise AssertionError("only notes hide anything")
        row = {
            "sop_instance_uid": header.sop_instance_uid,
            "study_instance_uid": header.study_instance_uid,
            "code": note.code,
            "meaning": REJECTIONS[note.code],
            "peer": peer,
            "received_at": now,
        }
        insert = rejection_note.insert().returning(_NOTE.pk)
        pk = self._connection.execute(insert, row).scalar_one()
        itself = (header.study_instance_uid, header.sop_instance_uid)
        rows = [
            {"sop_instance_uid": sop, "study_instance_uid": uid, "note_pk": pk, "stands": True}
            for uid, sop in sorted({*note.references, itself})
            if sop
        ]
        self._connection.execute(rejected_instance.insert(), rows)

    def of_study(self, study_instance_uid: str) -> frozenset[str]:
        """The SOP Instance UIDs of a study that are hidden."""
        query = select(_REJECTED.sop_instance_uid).where(
            _REJECTED.study_instance_uid == study_instance_uid, _REJECTED.stands == true()
        )
        return frozenset(self._connection.execute(query).scalars())

    def hidden(self, study_instance_uid: str) -> Mapping[str, str]:
        """As `of_study`, each with the code it is rejected for; a note itself with none."""
        rows = _HIDDEN.rows(self._connection, {"uid": study_instance_uid})
        return {uid: "" if uid == note else code for uid, code, note in rows}

    def standing(self, study_instance_uid: str) -> tuple[int, ...]:
        """The notes that hide something of a study."""
        query = (
            select(_REJECTED.note_pk)
            .where(_REJECTED.study_instance_uid == study_instance_uid, _REJECTED.stands == true())
            .distinct()
            .order_by(_REJECTED.note_pk)
        )
        return tuple(self._connection.execute(query).scalars())

    def undo(self, note_pk: int, who: str, reason: str, now: float) -> frozenset[str]:
        """Show what a note hides again; gives the Study Instance UIDs concerned."""
        self._connection.execute(
            update(rejection_note)
            .where(_NOTE.pk == note_pk)
            .values(undone_by=who, undone_reason=reason, undone_at=now)
        )
        self._connection.execute(
            update(rejected_instance).where(_REJECTED.note_pk == note_pk).values(stands=False)
        )
        query = select(_REJECTED.study_instance_uid).where(_REJECTED.note_pk == note_pk)
        return frozenset(self._connection.execute(query.distinct()).scalars())
