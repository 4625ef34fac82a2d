"""Given a cancel that came before its order, when the order comes, then it has its own numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.services.core import Core, order, procedure

CANCELLED, ORDERED, AGAIN = "20260105080200", "20260105080000", "20260105080300"


def cancel(core: Core) -> None:
    """A cancel in HIS-only mode that names the order by its placer number alone."""
    event = order("CA", placer="P1", accession="", at=CANCELLED)
    core.place(replace(event, procedures=()))


@pytest.mark.parametrize(("at", "shown"), [(ORDERED, []), (AGAIN, ["A1"])])
def test_given_a_cancel_first_when_the_order_comes_then_nothing_minted_is_left(
    core: Core, at: str, shown: list[str]
) -> None:
    cancel(core)

    core.place(order("NW", procedure("1.2.1", "R1"), placer="P1", accession="A1", at=at))

    held = core.held_order("A1")
    assert [each.rp_id for each in held.procedures] == ["R1"]
    assert held.procedures[0].study_instance_uid == "1.2.1"
    assert held.numbers.accession is not None
    assert held.numbers.accession.value == "A1"
    assert len(core.worklist()) == len(shown)
