"""Given any journal, when its pages are turned, then every message that fits is on one of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert

from bridge.domain.journal import Mention
from bridge.services.read_journal import MessageFilter
from bridge.store import message_lists
from bridge.store.database import Database
from bridge.store.message_lists import MessageLists
from bridge.store.searches import Searches
from bridge.store.tables import mention, message

TYPES = ("ADT^A08", "ORM^O01")
# Type, time (rows come nearly in its order), and as what it mentions A1.
ROWS = st.lists(
    st.tuples(st.sampled_from(TYPES), st.integers(-3, 3), st.frozensets(st.sampled_from(Mention))),
    max_size=25,
)
FILTERS = st.builds(
    MessageFilter,
    type=st.sampled_from(["", "ADT", "ZZZ"]),
    mentions=st.sampled_from(["", "A1", "none"]),
    disposition=st.sampled_from(["", "applied", "refused"]),
    since=st.one_of(st.none(), st.integers(0, 25).map(float)),
    until=st.one_of(st.none(), st.integers(0, 25).map(float)),
)
Row = tuple[str, int, frozenset[Mention]]


@pytest.fixture
def looks_at_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_lists, "LOOKED_AT", 4)
    monkeypatch.setattr(message_lists, "MENTIONING", 3)
    monkeypatch.setattr(message_lists, "_OUT_OF_ORDER", 8)


def write(connection: Connection, rows: list[Row]) -> None:
    connection.execute(delete(mention))
    connection.execute(delete(message))
    for number, (kind, off, mentioned) in enumerate(rows, 1):
        said = {"type": kind, "received_at": number + off, "disposition": disposition(number)}
        wire = {"warnings": [], "raw": b"", "reply": b""}
        connection.execute(insert(message), {"pk": number, **said, **wire})
        for each in mentioned:
            row = {"value": "A1", "kind": each.value, "message_pk": number}
            connection.execute(insert(mention), row)


def disposition(number: int) -> str:
    return "refused" if number % 3 == 0 else "applied"


def fitting(rows: list[Row], chosen: MessageFilter) -> list[int]:
    """By looking at each, the newest first."""
    return [
        number
        for number, (kind, off, mentioned) in reversed(list(enumerate(rows, 1)))
        if kind.startswith(chosen.type)
        and chosen.disposition in ("", disposition(number))
        and (not chosen.mentions or (chosen.mentions == "A1" and mentioned))
        and (chosen.since is None or number + off >= chosen.since)
        and (chosen.until is None or number + off < chosen.until)
    ]


def turned(lists: MessageLists, chosen: MessageFilter, limit: int) -> Iterator[int]:
    before = None
    while True:
        page = lists.page(chosen, before, limit)
        yield from (each.pk for each in page.rows)
        if page.before is None:
            return
        assert before is None or page.before < before
        before = page.before


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS, chosen=FILTERS, limit=st.integers(1, 4))
@pytest.mark.usefixtures("looks_at_little")
def test_given_any_messages_when_filtered_pages_are_turned_then_all_that_fit_are_on_them(
    database: Database, rows: list[Row], chosen: MessageFilter, limit: int
) -> None:
    def work(connection: Connection) -> tuple[list[int], list[int]]:
        write(connection, rows)
        found = Searches(connection).messages("A1", limit)
        return list(turned(MessageLists(connection), chosen, limit)), [each.pk for each in found]

    listed, found = database.transact(work)

    assert listed == fitting(rows, chosen)
    assert found == fitting(rows, MessageFilter(mentions="A1"))[:limit]
