"""What the profile of FHIR says of its senders: who owns the identifiers, and how long they are."""

from __future__ import annotations

from bridge.domain.sender_options import MissingStudyUid, OverlongIds, SenderMode, SenderOptions
from bridge.domain.surrogate import surrogate_of
from tests.unit.fhir_server.house import ORDERS, TYPES, Desk, Json, patient, request
from tests.unit.services.core import Core

NUMBER = "2026-HOSPITAL-0000017-CT"


def numbered(subject: str, accession: str) -> Json:
    kind = {"coding": [{"system": TYPES, "code": "ACSN"}]}
    placed = request(subject)
    placed["identifier"].append({"type": kind, "system": ORDERS, "value": accession})
    return placed


def test_given_a_ris_that_speaks_fhir_then_nothing_is_minted_for_its_orders(core: Core) -> None:
    desk = Desk(core, options=SenderOptions(mode=SenderMode.RIS))
    subject = f"Patient/{desk.post(patient())['id']}"
    desk.post(request(subject))
    assert core.worklist() == []
    held = core.store.read(lambda tx: tx.orders.with_order_numbers(["O1"]))
    assert "StudyInstanceUID" in held[0].held_reason


def test_given_a_ris_that_leaves_uids_to_us_then_they_follow_from_the_accession_number(
    core: Core,
) -> None:
    options = SenderOptions(mode=SenderMode.RIS, missing_study_uid=MissingStudyUid.FROM_ACCESSION)
    desk = Desk(core, options=options)
    subject = f"Patient/{desk.post(patient())['id']}"
    desk.post(numbered(subject, "A1"))
    assert core.entry()["uid"].startswith("2.25.")


def test_given_a_long_accession_number_then_the_worklist_shows_its_surrogate(core: Core) -> None:
    desk = Desk(core, options=SenderOptions(overlong_ids=OverlongIds.SURROGATE))
    subject = f"Patient/{desk.post(patient())['id']}"
    placed = desk.post(numbered(subject, NUMBER))
    assert core.entry()["accession"] == surrogate_of(NUMBER)
    values = [each["value"] for each in desk.get(f"ServiceRequest/{placed['id']}")["identifier"]]
    assert NUMBER in values
    assert surrogate_of(NUMBER) not in values


def test_given_no_option_then_a_long_accession_number_is_refused(desk: Desk) -> None:
    subject = f"Patient/{desk.post(patient())['id']}"
    assert desk.ask("POST", "ServiceRequest", numbered(subject, NUMBER)).status == 422
