"""Identifiers longer than DICOM allows: modalities see a surrogate, everybody else the original."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.domain.identifiers import Identifier
from bridge.domain.matching import Outcome
from bridge.domain.study import RequestAttributes
from bridge.domain.surrogate import may_be_surrogate, surrogate_of
from tests.unit.services.core import (
    Core,
    merge,
    order,
    patient,
    procedure,
    scheduled,
    step,
)

ACCESSION = "2026-HOSPITAL-0000017-CT"  # 24 characters
RP_ID, SPS_ID = "RP-2026-HOSPITAL-0000017", "SPS-2026-HOSPITAL-000017-1"
PATIENT_ID = "P" * 65
OWN_UID = "9.9"


@pytest.fixture
def placed(core: Core) -> Core:
    """An order whose every identifier is too long."""
    details = procedure("1.2.1", RP_ID, step(SPS_ID))
    core.place(order("NW", details, who=patient(PATIENT_ID), accession=ACCESSION))
    return core


def test_given_long_identifiers_then_the_worklist_shows_surrogates_of_16_characters(
    placed: Core,
) -> None:
    shown = placed.entry()
    assert shown["accession"] == surrogate_of(ACCESSION)
    assert shown["rp_id"] == surrogate_of(RP_ID)
    assert shown["sps_id"] == surrogate_of(SPS_ID)
    assert shown["patient_id"] == surrogate_of(PATIENT_ID)
    assert all(len(shown[key]) == 16 for key in ("accession", "rp_id", "sps_id", "patient_id"))


def test_given_long_identifiers_then_the_order_keeps_the_originals(placed: Core) -> None:
    held = placed.held_order(ACCESSION)
    assert held.procedures[0].rp_id == RP_ID
    assert held.procedures[0].steps[0].sps_id == SPS_ID


@pytest.mark.parametrize("sought", [ACCESSION, surrogate_of(ACCESSION)])
def test_given_either_number_when_asked_for_then_the_entry_is_found(
    placed: Core, sought: str
) -> None:
    assert len(placed.worklist(accession_number=sought)) == 1


@pytest.mark.parametrize(
    "carried",
    [
        {"accession": surrogate_of(ACCESSION)},
        {
            "accession": "",
            "requests": [RequestAttributes(surrogate_of(RP_ID), surrogate_of(SPS_ID))],
        },
        {
            "accession": "",
            "requests": [
                RequestAttributes(
                    surrogate_of(RP_ID), accession=Identifier(surrogate_of(ACCESSION))
                )
            ],
        },
    ],
    ids=["accession number", "request attributes", "requested accession number"],
)
def test_given_images_with_surrogates_when_complete_then_they_are_the_orders(
    placed: Core, carried: dict[str, Any]
) -> None:
    placed.image("9.9.1", OWN_UID, patient_id=surrogate_of(PATIENT_ID), **carried)
    placed.settle()
    assert placed.outcome(OWN_UID) is Outcome.MATCHED
    assert placed.matched_accessions(OWN_UID) == [ACCESSION]


def test_given_another_patients_images_with_the_surrogate_then_they_conflict(placed: Core) -> None:
    placed.place(order("NW", procedure("1.2.2"), who=patient("P2"), accession="A2"))
    placed.image("9.9.1", OWN_UID, patient_id="P2", accession=surrogate_of(ACCESSION))
    placed.settle()
    assert placed.outcome(OWN_UID) is Outcome.CONFLICT


def test_given_a_performed_step_with_surrogates_then_the_scheduled_step_moves(
    placed: Core,
) -> None:
    ref = scheduled(OWN_UID, surrogate_of(SPS_ID), surrogate_of(ACCESSION), surrogate_of(RP_ID))
    placed.start_step("1.9.1", "IN PROGRESS", ref, patient_id=surrogate_of(PATIENT_ID))
    assert placed.statuses(ACCESSION) == {SPS_ID: "STARTED"}


def test_given_a_performed_step_by_study_uid_then_the_scheduled_step_moves(placed: Core) -> None:
    ref = scheduled("1.2.1", surrogate_of(SPS_ID), "", "")
    placed.start_step("1.9.1", "IN PROGRESS", ref, patient_id=surrogate_of(PATIENT_ID))
    assert placed.statuses(ACCESSION) == {SPS_ID: "STARTED"}


def test_given_images_under_the_retired_long_id_when_merged_then_they_follow(core: Core) -> None:
    core.place(order(who=patient(PATIENT_ID), accession=ACCESSION))
    core.place(merge(patient("P9"), PATIENT_ID))
    core.image("9.9.1", OWN_UID, patient_id=surrogate_of(PATIENT_ID), accession=ACCESSION[:16])
    core.image("9.9.2", OWN_UID, patient_id=surrogate_of(PATIENT_ID))
    core.settle()
    assert core.outcome(OWN_UID) is Outcome.UNSCHEDULED
    core.image("1.2.1.1", "1.2.1", patient_id=surrogate_of(PATIENT_ID), accession="")
    core.settle()
    assert core.outcome("1.2.1") is Outcome.MATCHED


def test_given_waiting_images_with_a_surrogate_when_the_order_changes_then_they_are_looked_at(
    core: Core,
) -> None:
    core.place(order(accession=ACCESSION, who=patient("P1")))
    core.image("9.9.1", OWN_UID, patient_id="P7", name="LE^HOA", accession=surrogate_of(ACCESSION))
    core.settle()
    assert core.outcome(OWN_UID) is not Outcome.MATCHED
    core.place(merge(patient("P1"), "P7"))
    assert core.outcome(OWN_UID) is Outcome.MATCHED


def test_given_short_identifiers_then_they_are_shown_as_they_are(core: Core) -> None:
    core.place(order(accession="A234567890123456"))
    assert core.entry()["accession"] == "A234567890123456"


def test_given_a_number_that_only_looks_like_a_surrogate_then_it_is_itself(core: Core) -> None:
    looks_like = surrogate_of("never shown")
    core.place(order(accession=looks_like))
    core.image("9.9.1", OWN_UID, accession=looks_like)
    core.settle()
    assert core.matched_accessions(OWN_UID) == [looks_like]


def test_given_many_numbers_then_their_surrogates_differ_and_are_recognised() -> None:
    found = {surrogate_of(f"2026-HOSPITAL-{number:07}") for number in range(10_000)}
    assert len(found) == 10_000
    assert all(may_be_surrogate(each) for each in found)
    assert not may_be_surrogate("A234567890123456")


@pytest.mark.parametrize("sought", [ACCESSION, surrogate_of(ACCESSION)])
def test_given_either_number_when_messages_are_sought_then_they_are_found(
    placed: Core, sought: str
) -> None:
    assert len(placed.store.read(lambda tx: tx.journal.mentioning(sought))) == 1
    assert len(placed.store.read(lambda tx: tx.overview.mentioning(sought, 10))) == 1
