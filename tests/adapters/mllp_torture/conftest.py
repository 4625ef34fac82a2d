"""One bridge per module, a look at it after each case, and the count of cases at the end.

Each case says where it comes from (`@pytest.mark.provenance`): a clause of the standard, or the
public bug in which another engine failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bridge.hl7.acknowledgement import parse
from bridge.store.tables import imaging_service_request
from bridge.wiring.bridge import Bridge
from tests.acceptance.orders import new_order, orm
from tests.adapters.hl7.running import Wire, port_of, running

HERE = Path(__file__).parent
MARK = "provenance"
FRAME_LIMIT = 20 * 1024 * 1024


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}(text): where a case of the torture suite is from")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker(MARK) is None:
            raise pytest.UsageError(f"{item.nodeid} does not say where it comes from")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    done = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if HERE.name in report.nodeid and getattr(report, "when", "") == "call"
    ]
    if done:
        passed = sum(report.passed for report in done)
        terminalreporter.write_line(f"MLLP torture: {passed} of {len(done)} cases survived")


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    """One listener for all cases of a module: what one case does to it, the next would feel."""
    directory = tmp_path_factory.mktemp("torture")
    with running(directory, max_frame_bytes=FRAME_LIMIT) as started:
        yield started


@pytest.fixture(autouse=True)
def unharmed(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each case a good order is taken, and no order is there twice."""
    yield
    if "bridge" in request.fixturenames:
        survives(request.getfixturevalue("bridge"))


def survives(bridge: Bridge) -> None:
    order = new_order()
    with Wire(port_of(bridge)) as wire:
        answer = wire.exchange(orm(order).encode())
    assert answer is not None, "the listener does not answer any more"
    assert parse(answer).acknowledgement.code == "AA"
    assert held(bridge, order.placer) == 1
    number = imaging_service_request.c.placer_key
    twice = select(number).where(number.is_not(None)).group_by(number).having(func.count() > 1)
    with bridge.core.database.read() as connection:
        assert connection.execute(twice).all() == []


def held(bridge: Bridge, placer: str) -> int:
    """How many orders of this placer order number are held."""
    return len(bridge.core.store.read(lambda tx: tx.orders.with_order_numbers([placer])))
