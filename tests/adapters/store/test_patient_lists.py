"""Given patients on both databases, when a person looks for one, then number and name find them."""

from __future__ import annotations

import pytest

from bridge.domain.access import Role, SignedIn
from bridge.domain.audit import AuditAction, AuditEventId, AuditObject
from bridge.domain.errors import InvalidTransition
from bridge.domain.patient_events import PatientsLinked
from bridge.services.audit import audit_event
from bridge.services.audited import AuditedStore
from bridge.services.review_patients import ReviewPatients
from bridge.services.unlink_patients import UnlinkPatients
from bridge.store.repositories import SqlStore
from bridge.store.tables import audit
from tests.unit.services.core import Core, merge, order, patient, procedure


def patients(core: Core) -> ReviewPatients:
    return ReviewPatients(store=core.store, lists=core.store)


def place(core: Core, value: str, name: str) -> int:
    core.place(
        order(
            "NW",
            procedure(f"1.2.{value[1:]}"),
            who=patient(value, PatientName=name),
            accession=f"A{value[1:]}",
        )
    )
    (row,) = patients(core).find(value).rows
    return row.pk


def names(core: Core, sought: str) -> list[str]:
    return [each.name for each in patients(core).find(sought).rows]


def test_given_a_number_or_words_of_a_name_without_accents_then_the_patient_is_found(
    core: Core,
) -> None:
    place(core, "P1", "NGUYỄN^VĂN ÁNH")
    place(core, "P2", "NGUYỄN^THỊ MAI")
    place(core, "P3", "TRẦN^VĂN ANH")

    assert names(core, "nguyen van anh") == ["NGUYỄN^VĂN ÁNH"]
    assert names(core, "anh nguyen") == ["NGUYỄN^VĂN ÁNH"]
    assert names(core, "Nguyễn") == ["NGUYỄN^THỊ MAI", "NGUYỄN^VĂN ÁNH"]
    assert names(core, " P3 ") == ["TRẦN^VĂN ANH"]
    assert names(core, "P") == []
    assert names(core, "%") == []
    assert len(names(core, "")) == 3


def test_given_merged_patients_then_the_old_number_finds_the_survivor_and_the_merge_is_shown(
    core: Core,
) -> None:
    survivor, retired = place(core, "P1", "TRAN^AN"), place(core, "P2", "TRAN^AN")
    core.place(merge(patient("P1", PatientName="TRAN^AN"), "P2"))

    (found,) = patients(core).find("P2").rows
    assert (found.pk, found.orders, found.identifiers) == (survivor, 2, ("P1", "P2"))
    shown = patients(core).patient(survivor)
    assert shown is not None
    assert [(each.value, each.is_alias) for each in shown.identifiers] == [
        ("P1", False),
        ("P2", True),
    ]
    (merged,) = shown.merges
    assert (merged.identifiers, merged.survivor, merged.undone_at) == (("P2",), "P1", None)
    assert [each.number for each in shown.orders] == ["A2", "A1"]
    gone = patients(core).patient(retired)
    assert gone is not None
    assert gone.merged_into == survivor
    assert patients(core).merges() == (merged,)

    core.undo_merge.undo(merged.pk, "mai")
    assert patients(core).merges()[0].undone_by == "mai"
    assert patients(core).patient(404) is None


def test_given_linked_patients_then_the_link_is_taken_back_with_a_row_of_the_audit_trail(
    core: Core, store: SqlStore
) -> None:
    one, other = place(core, "P1", "TRAN^AN"), place(core, "P2", "TRAN^AN")
    both = (patient("P1", PatientName="TRAN^AN"), patient("P2", PatientName="TRAN^AN"))
    core.place(PatientsLinked(patients=both, linked=True))
    shown = patients(core).patient(one)
    assert shown is not None
    assert [(each.pk, each.patient_id) for each in shown.links] == [(other, "P2")]

    event = audit_event(
        SignedIn(name="mai", role=Role.OPERATOR),
        AuditEventId.PATIENT_RECORD,
        AuditAction.UPDATE,
        core.now,
        patient_id="P1",
        about=(AuditObject.PATIENT, str(one)),
    )
    audited = AuditedStore(core.store, event)
    unlink = UnlinkPatients(store=audited, reconcile=core.reconcile, clock=core.clock)
    unlink.unlink(one, other)
    assert _trail(core) == [("mai", "P1")]
    shown = patients(core).patient(other)
    assert shown is not None
    assert not shown.links

    refused = AuditedStore(core.store, event)
    with pytest.raises(InvalidTransition):
        UnlinkPatients(store=refused, reconcile=core.reconcile, clock=core.clock).unlink(one, other)
    assert len(_trail(core)) == 1, "what was not done is not in the trail as done"


def _trail(core: Core) -> list[tuple[str, str]]:
    with core.database.read() as connection:
        rows = connection.execute(audit.select()).all()
    return [(row.who, row.patient_id) for row in rows]
