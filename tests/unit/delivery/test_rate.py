from hypothesis import given
from hypothesis import strategies as st

from bridge.delivery.rate import Rate


@given(
    st.floats(0.1, 500),
    st.lists(st.tuples(st.floats(0, 3), st.integers(1, 8)), min_size=1, max_size=60),
)
def test_given_any_demand_when_it_is_served_then_no_second_sees_more_than_the_limit_and_a_burst(
    per_second: float, demand: list[tuple[float, int]]
) -> None:
    rate, now, begun = Rate(per_second), 1000.0, list[float]()
    for pause, wanted in demand:
        now += pause
        if rate.pause(now) > 0:
            continue
        count = min(wanted, int(max(1.0, rate.available(now))))
        rate.take(count)
        begun += [now] * count
    burst = max(1.0, per_second * 0.1)
    for first in range(len(begun)):
        within = [each for each in begun[first:] if each <= begun[first] + 1.0]
        assert len(within) <= per_second + burst + 1


@given(st.floats(0.1, 500), st.floats(0, 0.999))
def test_given_it_says_how_long_to_wait_when_waited_then_one_may_begin(
    per_second: float, used: float
) -> None:
    rate, now = Rate(per_second), 1000.0
    rate.take(int(rate.available(now)) + used)

    now += rate.pause(now) * 1.000001

    assert rate.pause(now) < 1e-6


def test_given_no_limit_then_nobody_waits() -> None:
    rate = Rate(None)
    rate.take(1_000_000)
    assert rate.pause(0.0) == 0.0
