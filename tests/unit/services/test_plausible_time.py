"""Given a sender whose clock is ahead, when its message comes, then it does not freeze an order."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bridge.domain.events import Noted
from bridge.domain.order import OrderReceived
from bridge.services.plausible_time import within_reach
from tests.unit.services.core import Core, order

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ("20260105115959", "20260105115959"),
        ("20260105235959", "20260105235959"),
        ("20260106000001", "20260105120000"),
        ("20990101000000", "20260105120000"),
        ("20260105", "20260105"),
        ("", ""),
    ],
)
def test_given_a_time_when_it_cannot_be_true_then_that_of_receipt_counts(
    said: str, counts: str
) -> None:
    warnings: list[str] = []

    first, second = within_reach([order(at=said), Noted(reason="x")], NOON, warnings)

    assert isinstance(first, OrderReceived)
    assert first.occurred_at == counts
    assert second == Noted(reason="x")
    assert bool(warnings) == (said != counts)


def test_given_a_bridge_whose_own_clock_was_never_set_then_senders_are_believed() -> None:
    events = [order(at="20260105120000")]

    assert within_reach(events, 1000.0, []) == events


def test_given_an_order_from_the_future_when_it_is_changed_then_the_change_counts(
    core: Core,
) -> None:
    core.now = NOON
    core.place(order(at="20990105080000"))
    core.now = NOON + 60
    core.place(order("XO", at="20260105120100", accession="A1", PatientState="changed"))

    assert core.held_order("A1").attributes["PatientState"] == "changed"
