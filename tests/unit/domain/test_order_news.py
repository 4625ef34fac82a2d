"""What is told of an order: the difference between how it stood and how it stands."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.delivery import ORDER_KINDS, EventKind
from bridge.domain.order import Order, OrderNumbers, Procedure, Step
from bridge.domain.order_news import REACHED, OrderNotice, news, notice
from bridge.domain.step_status import StepStatus

K, S = EventKind, StepStatus
NOTICES = st.builds(
    OrderNotice,
    st.dictionaries(st.integers(1, 3), st.sampled_from(StepStatus), max_size=3),
    st.sampled_from([("a",), ("b",)]),
)


def an_order(*statuses: StepStatus, held: str = "", start: str = "090000") -> Order:
    steps = tuple(
        Step(
            pk=pk,
            sps_id=f"S{pk}",
            status=status,
            modality="CT",
            station_ae_titles=("CT01",),
            start_date="20260105",
            start_time=start,
            protocol_codes=(),
            attributes={},
        )
        for pk, status in enumerate(statuses, 1)
    )
    procedure = Procedure(
        pk=1, rp_id="R1", study_instance_uid="1.2.1", code=None, attributes={}, steps=steps
    )
    return Order(
        pk=1,
        patient_pk=1,
        numbers=OrderNumbers(),
        attributes={},
        procedures=(procedure,),
        source="KIS|HAUS",
        occurred_at="",
        held_reason=held,
    )


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (None, an_order(S.SCHEDULED), [K.ORDER_SCHEDULED]),
        (None, an_order(S.SCHEDULED, held="no modality"), [K.ORDER_HELD]),
        (None, an_order(), [K.ORDER_HELD]),
        (None, an_order(S.CANCELED), []),
        (None, an_order(S.STARTED, S.SCHEDULED), [K.ORDER_SCHEDULED, K.STEP_STARTED]),
        (an_order(S.SCHEDULED), an_order(S.SCHEDULED), []),
        (an_order(S.SCHEDULED), an_order(S.SCHEDULED, start="100000"), [K.ORDER_CHANGED]),
        (an_order(S.SCHEDULED), an_order(S.ARRIVED), [K.PATIENT_ARRIVED]),
        (an_order(S.SCHEDULED), an_order(S.STARTED), [K.STEP_STARTED]),
        (an_order(S.SCHEDULED), an_order(S.COMPLETED), [K.STEP_COMPLETED]),
        (an_order(S.STARTED), an_order(S.DISCONTINUED), [K.STEP_DISCONTINUED]),
        (an_order(S.STARTED), an_order(S.SCHEDULED), [K.ORDER_SCHEDULED]),
        (an_order(S.SCHEDULED), an_order(S.CANCELED), [K.ORDER_CANCELED]),
        (an_order(S.SCHEDULED, S.SCHEDULED), an_order(S.SCHEDULED, S.CANCELED), [K.ORDER_CHANGED]),
        (an_order(S.CANCELED), an_order(S.SCHEDULED), [K.ORDER_SCHEDULED]),
        (an_order(S.SCHEDULED), an_order(S.HELD), [K.ORDER_HELD]),
        (an_order(S.SCHEDULED, held="x"), an_order(S.SCHEDULED), [K.ORDER_SCHEDULED]),
        (an_order(S.SCHEDULED), an_order(S.SCHEDULED, S.SCHEDULED), [K.ORDER_CHANGED]),
        (an_order(S.SCHEDULED, S.SCHEDULED), an_order(S.SCHEDULED), [K.ORDER_CHANGED]),
        (an_order(S.STARTED), an_order(S.STARTED, held="x"), [K.ORDER_CHANGED]),
    ],
)
def test_given_two_looks_at_an_order_then_what_happened_between_them_is_told(
    before: Order | None, now: Order, told: list[EventKind]
) -> None:
    assert list(news(notice(before) if before else None, notice(now))) == told


@given(NOTICES)
def test_given_no_change_then_nothing_is_told(same: OrderNotice) -> None:
    assert news(same, same) == ()


@given(st.none() | NOTICES, NOTICES)
def test_whatever_happened_is_told_once_and_in_one_order(
    before: OrderNotice | None, now: OrderNotice
) -> None:
    kinds = news(before, now)
    assert list(kinds) == [kind for kind in ORDER_KINDS if kind in kinds]


@given(NOTICES, NOTICES)
def test_any_difference_is_told(before: OrderNotice, now: OrderNotice) -> None:
    assert bool(news(before, now)) is (before != now)


def test_every_status_has_a_name_for_having_been_reached() -> None:
    assert REACHED.keys() == {*StepStatus}


def test_given_another_patient_then_the_order_has_changed() -> None:
    order = an_order(S.SCHEDULED)
    moved = replace(order, patient_pk=2)
    assert news(notice(order), notice(moved)) == (K.ORDER_CHANGED,)
