"""Orders of a RIS without Study Instance UID: what the sender's profile says (STANDARDS 2.7)."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.domain.journal import Disposition
from bridge.domain.order import OrderReceived
from bridge.domain.sender_options import MissingStudyUid, SenderOptions
from tests.unit.services.core import Core, order, procedure, step, without_numbers

HOLD, REJECT = MissingStudyUid.HOLD, MissingStudyUid.REJECT
FROM_ACCESSION, GENERATE = MissingStudyUid.FROM_ACCESSION, MissingStudyUid.GENERATE


def options(missing: MissingStudyUid) -> SenderOptions:
    return SenderOptions(missing_study_uid=missing)


def bare(control: str = "NW", rp_id: str = "", sps_id: str = "", **said: Any) -> OrderReceived:
    """An order that names no study."""
    return order(control, procedure("", rp_id, step(sps_id)), **said)


def place(core: Core, event: OrderReceived, missing: MissingStudyUid) -> None:
    core.place(event, mode="ris", options=options(missing))


def test_given_hold_then_it_is_held_with_the_reason_and_not_on_the_worklist(core: Core) -> None:
    place(core, bare(), HOLD)
    assert core.worklist() == []
    reason = core.held_order().held_reason
    assert "StudyInstanceUID" in reason
    assert "RequestedProcedureID" in reason


def test_given_reject_then_it_is_refused_with_101(core: Core) -> None:
    answer = core.send(bare(), mode="ris", options=options(REJECT))
    assert (answer.disposition, answer.code) == (Disposition.REFUSED, "101")
    assert answer.location == "ZDS^1^1"


def test_given_reject_then_an_order_with_its_uid_and_his_own_mode_are_not_concerned(
    core: Core,
) -> None:
    place(core, order(accession="A1"), REJECT)
    core.place(
        order("NW", procedure("", "R2"), accession="A2"), mode="his_only", options=options(REJECT)
    )
    assert len(core.worklist()) == 2


def test_given_from_accession_then_the_procedure_is_named_by_it_and_shown(core: Core) -> None:
    place(core, bare(), FROM_ACCESSION)
    shown = core.entry()
    assert (shown["rp_id"], shown["sps_id"]) == ("A1", "SPS1")
    assert shown["uid"].startswith("2.25.")


def test_given_a_procedure_id_then_the_uid_follows_from_it_too(core: Core) -> None:
    place(core, bare(rp_id="R7", sps_id="S7"), FROM_ACCESSION)
    first = core.entry()
    assert (first["rp_id"], first["sps_id"]) == ("R7", "S7")
    place(core, bare(rp_id="R7", sps_id="S7", accession="A2"), FROM_ACCESSION)
    uids = {item["uid"] for item in core.worklist()}
    assert len(uids) == 2  # a procedure ID is unique only inside its accession number


def test_given_the_same_order_again_then_its_uid_stays(core: Core) -> None:
    place(core, bare(at="20260105080000"), FROM_ACCESSION)
    before = core.entry()["uid"]
    place(core, bare("XO", at="20260105090000"), FROM_ACCESSION)
    assert core.entry()["uid"] == before


def test_given_no_accession_number_then_it_is_held_until_one_comes(core: Core) -> None:
    place(core, bare(accession="", filler="F1", at="20260105080000"), FROM_ACCESSION)
    assert core.worklist() == []
    place(core, bare("XO", accession="A1", filler="F1", at="20260105090000"), FROM_ACCESSION)
    assert core.entry()["rp_id"] == "A1"
    assert core.held_order().held_reason == ""


def test_given_generate_then_any_number_of_the_order_will_do(core: Core) -> None:
    place(core, bare(accession="", filler="F1"), GENERATE)
    shown = core.entry()
    assert shown["uid"].startswith("2.25.")
    assert shown["rp_id"] == "F1"
    assert not shown["accession"]


def test_given_several_procedures_then_each_has_a_uid_of_its_own(core: Core) -> None:
    event = order("NW", procedure("", "", step("")), procedure("", "", step(""), code="CTABD"))
    place(core, event, GENERATE)
    items = core.worklist()
    assert len({item["uid"] for item in items}) == 2
    assert sorted(item["rp_id"] for item in items) == ["A1", "A1-2"]


@pytest.mark.parametrize("missing", list(MissingStudyUid))
def test_given_no_number_at_all_then_it_is_refused(core: Core, missing: MissingStudyUid) -> None:
    answer = core.send(without_numbers(bare()), mode="ris", options=options(missing))
    assert answer.disposition is Disposition.REFUSED
