"""Given a trail on both databases, when somebody reads it, then that is written to it, too."""

from __future__ import annotations

from bridge.domain.access import Role, SignedIn
from bridge.domain.audit import AuditAction, AuditEvent, AuditEventId, AuditObject
from bridge.services.read_audit import LISTED, AuditFilter, ReadAudit
from bridge.store.repositories import SqlStore

READER = SignedIn(name="an", role=Role.ADMIN, address="127.0.0.1")


def write(store: SqlStore, count: int, who: str = "mai", patient: str = "P1") -> None:
    def work(tx) -> None:  # type: ignore[no-untyped-def]
        for number in range(count):
            tx.audit.add(
                AuditEvent(
                    at=1000.0 + number,
                    event=AuditEventId.PATIENT_RECORD,
                    action=AuditAction.READ,
                    who=who,
                    patient_id=patient,
                    object_kind=AuditObject.PATIENT,
                    object_id=str(number),
                )
            )

    store.transact(work)


def test_given_many_rows_then_pages_follow_each_other_and_miss_none(store: SqlStore) -> None:
    write(store, LISTED + 20)
    reading = ReadAudit(store=store, clock=lambda: 5000.0)

    first = reading.page(AuditFilter(who="mai"), READER)
    second = reading.page(AuditFilter(who="mai", below=first.below), READER)
    found = [int(row.event.object_id) for row in (*first.rows, *second.rows)]
    assert found == list(range(LISTED + 19, -1, -1))
    assert second.below is None


def test_given_a_choice_then_only_such_rows_are_shown_and_the_reading_is_in_the_trail(
    store: SqlStore,
) -> None:
    write(store, 3)
    write(store, 2, who="binh", patient="P2")
    reading = ReadAudit(store=store, clock=lambda: 5000.0)

    def found(chosen: AuditFilter) -> list[tuple[str, float]]:
        return [(row.event.who, row.event.at) for row in reading.page(chosen, READER).rows]

    assert found(AuditFilter(patient_id="P2")) == [("binh", 1001.0), ("binh", 1000.0)]
    assert found(AuditFilter(who="mai", since=1001.0, until=1002.0)) == [("mai", 1001.0)]
    assert found(AuditFilter(object_kind="study")) == []
    read = reading.page(AuditFilter(event=AuditEventId.AUDIT_LOG_USED.value), READER).rows
    assert [row.event.detail for row in read] == [
        "kind study",
        "who mai, since 1001, until 1002",
        "patient P2",
    ]
    assert {row.event.who for row in read} == {"an"}
