"""What a new order may cost: whoever adds a statement to every order sees it here, and decides."""

from __future__ import annotations

from pathlib import Path

from bench import schedule
from bench.order_cost import Cost, measure_cost
from tests.peers.postgres import Postgres


def cost(directory: Path, url: str) -> Cost:
    numbers = iter(range(10_000))

    def take(count: int) -> list[bytes]:
        first = next(numbers) * 1000
        return list(schedule.messages(first, first + count, "H"))

    return measure_cost(directory, url, take, 20)


def test_given_sqlite_when_orders_arrive_then_each_is_few_statements_and_pages(
    tmp_path: Path,
) -> None:
    found = cost(tmp_path, f"sqlite:///{tmp_path / 'bridge.db'}")

    assert found.statements <= 24, "a lookup that finds nothing may go with another one"
    assert found.pages is not None
    assert found.pages <= 48, "an index that every order pays for must be worth it"


def test_given_postgresql_when_orders_arrive_then_each_is_few_statements(
    tmp_path: Path, postgres: Postgres
) -> None:
    found = cost(tmp_path, postgres.create_database())

    assert found.statements <= 18
    assert found.waits is not None
    assert found.waits <= 6, "what is asked of every order is asked at once: Transaction.foresee"
