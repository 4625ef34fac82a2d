"""Given a store that cannot take anything now, then nothing is acknowledged and nothing is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from bridge.hl7.acknowledgement import Answer, parse
from bridge.hl7.framing import frame
from bridge.wiring.bridge import Bridge
from tests.acceptance.orders import header, new_order, orm
from tests.adapters.hl7.running import Wire, journal, port_of, running
from tests.adapters.mllp_torture.conftest import held, survives
from tests.adapters.mllp_torture.test_framing import of


def ask(wire: Wire, message: bytes) -> Answer:
    answer = wire.exchange(message)
    assert answer is not None
    return parse(answer)


def pragma(bridge: Bridge, text: str) -> None:
    """On the one connection that writes."""
    bridge.core.database.transact(lambda connection: connection.exec_driver_sql(f"PRAGMA {text}"))


def be_impatient(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA busy_timeout=50")


@contextmanager
def locked(bridge: Bridge, directory: Path) -> Iterator[None]:
    """Another process holds the database, and nobody waits long for it."""
    pragma(bridge, "busy_timeout=50")
    event.listen(bridge.core.database.engine, "connect", be_impatient)
    with sqlite3.connect(directory / "bridge.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    other.close()


@pytest.mark.provenance("v2.5.1 2.9.2: AR, database locked, likely accepted later")
def test_given_a_locked_database_then_ar_and_the_same_message_is_taken_later(
    tmp_path: Path,
) -> None:
    order = new_order()
    message = of(order)
    with running(tmp_path) as bridge, Wire(port_of(bridge)) as wire:
        with locked(bridge, tmp_path):
            refused = ask(wire, message)
        assert refused.acknowledgement.code == "AR"
        assert refused.acknowledgement.errors[0].code == "206"
        assert held(bridge, order.placer) == 0
        assert ask(wire, message).acknowledgement.code == "AA"
        assert held(bridge, order.placer) == 1
        survives(bridge)


@pytest.mark.provenance("v2.5.1 2.9.3: CE, accept failure, is not followed by the application")
def test_given_a_locked_database_in_enhanced_mode_then_ce_and_nothing_more(tmp_path: Path) -> None:
    head = header("ORM^O01^ORM_O01", "2.5.1", charset="") + "|||AL|AL"
    message = orm(new_order(), head=head).encode()
    with running(tmp_path) as bridge, Wire(port_of(bridge)) as wire:
        with locked(bridge, tmp_path):
            assert ask(wire, message).acknowledgement.code == "CE"
        assert ask(wire, message).acknowledgement.code == "CA"
        assert wire.read() is not None


@pytest.mark.provenance("DESIGN.md 5.8: disk full is back-pressure, not loss")
def test_given_a_full_disk_then_ar_and_the_same_message_is_taken_later(tmp_path: Path) -> None:
    order = new_order()
    message = of(order) + b"NTE|1||" + b"x" * 500_000 + b"\r"
    with running(tmp_path) as bridge, Wire(port_of(bridge)) as wire:
        with bridge.core.database.read() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        pragma(bridge, f"max_page_count={pages + 4}")
        refused = ask(wire, message)
        assert refused.acknowledgement.code == "AR"
        assert held(bridge, order.placer) == 0
        pragma(bridge, "max_page_count=1073741823")
        assert ask(wire, message).acknowledgement.code == "AA"
        assert held(bridge, order.placer) == 1
        survives(bridge)


@pytest.mark.provenance("Mirth #637, #734: what cannot be stored is sent again for ever, or never")
def test_given_a_sender_that_drops_ar_then_it_may_be_told_ae(tmp_path: Path) -> None:
    codes = {"transient": "AE", "unsupported": "AE"}
    with running(tmp_path, error_codes=codes) as bridge, Wire(port_of(bridge)) as wire:
        with locked(bridge, tmp_path):
            assert ask(wire, of(new_order())).acknowledgement.code == "AE"
        unknown = of(new_order()).replace(b"ORM^O01^ORM_O01", b"ZZZ")
        assert ask(wire, unknown).acknowledgement.code == "AE"


@pytest.mark.provenance("STANDARDS 8.1: commit before AA; a process that is killed")
def test_given_a_bridge_that_starts_again_then_a_repeat_is_still_known(tmp_path: Path) -> None:
    message = of(new_order())
    answers = []
    for _ in range(2):
        with running(tmp_path) as bridge, Wire(port_of(bridge)) as wire:
            answers.append(wire.exchange(message))
    assert answers[0] == answers[1]
    with running(tmp_path) as bridge:
        assert [row.disposition for row in journal(bridge)] == ["applied", "duplicate"]


@pytest.mark.provenance("v2.5.1 2.9.2: AR, and the messages behind it in the pipe")
def test_given_a_lock_that_comes_and_goes_then_the_pipe_keeps_its_order(tmp_path: Path) -> None:
    orders = [new_order() for _ in range(6)]
    with running(tmp_path) as bridge, Wire(port_of(bridge)) as wire:
        with locked(bridge, tmp_path):
            wire.write(b"".join(frame(of(order)) for order in orders[:3]))
            refused = [parse(each).acknowledgement.code for each in wire.read_all(3)]
        wire.write(b"".join(frame(of(order)) for order in orders[3:]))
        taken = [parse(each).acknowledgement.code for each in wire.read_all(3)]
        assert (refused, taken) == (["AR"] * 3, ["AA"] * 3)
        assert [held(bridge, order.placer) for order in orders] == [0, 0, 0, 1, 1, 1]
