"""`bridge retention`: what is let go of, what is held, and room given back."""

from __future__ import annotations

import sqlite3

from tests.acceptance.orders import new_order, orm
from tests.adapters.cli.conftest import Site
from tests.adapters.cli.test_records import WriteMessage, rows


def age(site: Site, days: float) -> None:
    """Make the first four messages older."""
    with sqlite3.connect(site.directory / "bridge.db") as connection:
        connection.execute(
            "UPDATE message SET received_at = received_at - ? WHERE pk < 5", (days * 86_400,)
        )
    connection.close()


def test_given_old_messages_when_run_then_they_go_unless_they_are_held(
    site: Site, write_message: WriteMessage
) -> None:
    site.configuration["retention"] = {"messages_days": 30}
    site.start()
    held, other, new = new_order(), new_order(), new_order()
    for order in (held, other):
        assert site.run("send", "hl7", write_message(orm(order)))[0] == 0
        assert site.run("send", "hl7", write_message(orm(order, control="CA")))[0] == 0
    assert site.run("send", "hl7", write_message(orm(new)))[0] == 0
    site.stop()  # it would let go of them by itself
    age(site, 31)
    said = ("--by", "anna", "--reason", "case 7")
    assert site.run("retention", "hold", held.accession, *said) == (0, "")
    assert site.run("retention", "run") == (0, "messages\t2 removed\t2 still needed\n")
    found = {
        each: len(rows(site.run("message", "find", each.accession)[1])) for each in (held, other)
    }
    assert found == {held: 2, other: 0}
    code, told = site.run("retention", "status")
    assert code == 0
    listed = {row[0]: row[1:] for row in rows(told)}
    assert listed["payloads"] == ["for good", "no pass yet"]
    assert listed["messages"][0] == "30 days"
    assert listed["messages"][2:] == ["2 removed, 2 old and still needed", "2 ever"]
    assert [listed["hold"][0], *listed["hold"][2:]] == [held.accession, "anna", "case 7"]
    assert site.run("retention", "release", held.accession) == (0, "")
    assert site.run("retention", "release", held.accession)[0] == 1
    assert site.run("retention", "compact")[0] == 0
