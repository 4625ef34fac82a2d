"""Given counts, when they are exposed, then Prometheus can read them."""

from __future__ import annotations

from bridge.console.metrics import Gauge, exposition, readiness_gauge


def test_given_labels_when_exposed_then_values_are_escaped_and_sorted() -> None:
    gauge = Gauge("bridge_x", "Things", ("a", "b"), [(("z", 'q"\\\n'), 2), (("a", ""), 0.5)])

    assert exposition([gauge]) == (
        "# HELP bridge_x Things\n"
        "# TYPE bridge_x gauge\n"
        'bridge_x{a="a",b=""} 0.5\n'
        'bridge_x{a="z",b="q\\"\\\\\\n"} 2\n'
    )


def test_given_no_labels_when_exposed_then_the_name_stands_alone() -> None:
    assert exposition([Gauge("bridge_x", "Things", (), [((), 12345678)])]).endswith(
        "\nbridge_x 12345678\n"
    )


def test_given_problems_when_exposed_then_only_what_is_well_counts_one() -> None:
    text = exposition([readiness_gauge({"database": "", "hl7": "not bound"})])

    assert 'bridge_ready{check="database"} 1' in text
    assert 'bridge_ready{check="hl7"} 0' in text
