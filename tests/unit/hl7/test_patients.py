"""Given an ADT message, when read, then the patient it speaks of is updated, merged or noted."""

from dataclasses import replace

import pytest

from bridge.domain.errors import RequiredFieldMissing
from bridge.domain.events import Noted
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.patient_events import (
    IdentifierChanged,
    IdentifiersMoved,
    PatientRemoved,
    PatientsLinked,
    PatientsMerged,
    PatientUpdated,
)
from bridge.domain.sender_options import SenderOptions
from bridge.domain.visit import VisitAction, VisitChanged, VisitRenumbered, VisitsMoved
from bridge.hl7.er7 import read
from bridge.hl7.messages import read_message
from bridge.hl7.visits import CHANGES
from tests.unit.hl7.messages import PID, SENDER, msh, obr, orc, orders, raw, reading

HOSP = Authority("HOSP")


@pytest.mark.parametrize("event", ["A08", "A28", "A31"])
@pytest.mark.parametrize("form", ["ADT^{}", "ADT^{}^ADT_A01", "ADT^^ADT_{}"])
def test_given_demographics_when_read_then_the_patient_is_updated(event: str, form: str) -> None:
    (found,) = reading(msh(form.format(event)), PID).events
    assert isinstance(found, PatientUpdated)
    assert found.event == event
    assert found.patient.identifiers == (Identifier("PID1", HOSP, "PI"),)
    assert found.patient.name == "Doe^Jane"
    assert found.occurred_at == "20260312011500"


def test_given_evn_when_read_then_it_tells_when_and_what() -> None:
    (found,) = reading(msh("ADT"), "EVN|A08|20260312080000", PID).events
    assert isinstance(found, PatientUpdated)
    assert (found.event, found.occurred_at) == ("A08", "20260312010000")


def test_given_a_structure_for_the_event_when_read_then_evn_tells_which_it_is() -> None:
    (found,) = reading(msh("ADT^^ADT_A01"), "EVN|A08|20260312080000", PID).events
    assert isinstance(found, PatientUpdated)
    assert found.event == "A08"


@pytest.mark.parametrize("event", ["A18", "A34", "A36", "A39", "A40"])
def test_given_a_merge_of_any_age_when_read_then_survivor_and_retired(event: str) -> None:
    (found,) = reading(msh(f"ADT^{event}"), PID, "MRG|OLD1^^^HOSP^PI").events
    assert isinstance(found, PatientsMerged)
    assert found.survivor.identifiers[0].value == "PID1"
    assert found.retired == (Identifier("OLD1", HOSP, "PI"),)
    assert found.location == "MRG^1^1"


def test_given_several_pairs_when_read_then_each_is_a_merge() -> None:
    other = PID.replace("PID1", "PID2")
    found = reading(msh("ADT^A40"), PID, "MRG|OLD1~OLD2", "PV1||O", other, "PD1", "MRG|OLD3").events
    assert [
        (e.survivor.identifiers[0].value, [i.value for i in e.retired], e.location)
        for e in found
        if isinstance(e, PatientsMerged)
    ] == [("PID1", ["OLD1", "OLD2"], "MRG^1^1"), ("PID2", ["OLD3"], "MRG^2^1")]


def test_given_a_prior_id_without_authority_when_read_then_it_is_the_survivors() -> None:
    pid = PID.replace("HOSP", "OTHER")
    (found,) = reading(msh("ADT^A34"), pid, "MRG|OLD1").events
    assert isinstance(found, PatientsMerged)
    assert found.retired == (Identifier("OLD1", Authority("OTHER")),)


def test_given_only_mrg4_when_read_then_it_is_the_prior_id() -> None:
    (found,) = reading(msh("ADT^A34"), PID, "MRG||||OLD4").events
    assert isinstance(found, PatientsMerged)
    assert found.retired == (Identifier("OLD4", HOSP),)


@pytest.mark.parametrize(
    ("segments", "location"),
    [
        (["PID|||||Doe^Jane"], "PID^1^3"),
        ([], "PID^1^3"),
    ],
)
def test_given_no_identifier_when_updated_then_it_is_refused(
    segments: list[str], location: str
) -> None:
    with pytest.raises(RequiredFieldMissing) as caught:
        reading(msh("ADT^A08"), *segments)
    assert caught.value.location == location


@pytest.mark.parametrize(
    ("segments", "location"),
    [
        ([PID], "MRG^1^1"),
        ([PID, "MRG|"], "MRG^1^1"),
        ([PID, 'MRG|""'], "MRG^1^1"),
        ([PID, "MRG|OLD1", PID, "MRG|"], "MRG^2^1"),
        ([PID, "MRG|OLD1", "PID|||", "MRG|OLD2"], "PID^2^3"),
        (["MRG|OLD1"], "PID^1^3"),
    ],
)
def test_given_half_a_merge_when_read_then_it_is_refused(
    segments: list[str], location: str
) -> None:
    with pytest.raises(RequiredFieldMissing) as caught:
        reading(msh("ADT^A40"), *segments)
    assert caught.value.location == location


@pytest.mark.parametrize("event", ["A15", "A20", "A21", "A25", "A32", "A60"])
def test_given_an_event_that_changes_nothing_when_read_then_it_is_noted(event: str) -> None:
    assert reading(msh(f"ADT^{event}")).events == (
        Noted(reason=f"ADT^{event} changes nothing here"),
    )


# --- aliases


def test_given_legacy_numbers_beside_pid_3_when_read_then_they_are_aliases_of_nobodys() -> None:
    pid = "PID||EXT1|PID1^^^HOSP~PID2^^^CLINIC|ALT1^^^OLD~0||Doe^Jane"
    (found,) = reading(msh("ADT^A08"), pid).events
    assert isinstance(found, PatientUpdated)
    assert [each.key for each in found.patient.identifiers] == [
        ("PID1", "HOSP"),
        ("PID2", "CLINIC"),
    ]
    assert [each.key for each in found.patient.aliases] == [("EXT1", ""), ("ALT1", "OLD")]


def test_given_only_pid_2_when_read_then_it_is_the_patient_id() -> None:
    (found,) = reading(msh("ADT^A08"), "PID||EXT1|||Doe^Jane").events
    assert isinstance(found, PatientUpdated)
    assert found.patient.identifiers == (Identifier("EXT1", HOSP),)


def test_given_mrg_4_beside_mrg_1_when_read_then_it_is_an_alias_of_the_retired() -> None:
    (found,) = reading(msh("ADT^A18"), PID, "MRG|OLD1|ALT4||EXT4^^^HOSP^PE").events
    assert isinstance(found, PatientsMerged)
    assert found.retired == (Identifier("OLD1", HOSP),)
    assert [each.key for each in found.retired_aliases] == [("EXT4", "HOSP"), ("ALT4", "")]


# --- when


@pytest.mark.parametrize(
    ("recorded", "sent", "moment"),
    [
        ("20260312081400", "20260312081500", "20260312011400"),
        ("202603120815", "20260312081530", "20260312011530"),
        ("202603120814", "20260312081530", "20260312011459"),
        ("20260312", "20260312081530", "20260312011530"),
        ("20260312", "20260313081530", "20260311170000"),
        ("202603120815", "", "20260312011500"),
        ("", "20260312081530", "20260312011530"),
        ("20260312081600", "20260312081500", "20260312011600"),
        ("", "", ""),
    ],
)
def test_given_times_of_different_precision_when_read_then_the_finer_one_counts(
    recorded: str, sent: str, moment: str
) -> None:
    header = msh("ADT^A08").replace("20260312081500", sent)
    (found,) = reading(header, f"EVN|A08|{recorded}", PID).events
    assert isinstance(found, PatientUpdated)
    assert found.occurred_at == moment


# --- links and removals


@pytest.mark.parametrize(("event", "linked"), [("A24", True), ("A37", False)])
def test_given_two_patients_when_read_then_they_are_linked_or_no_more(
    event: str, linked: bool
) -> None:
    other = PID.replace("PID1", "PID2")
    (found,) = reading(msh(f"ADT^{event}"), PID, "PV1||O", other, "PV1||I").events
    assert isinstance(found, PatientsLinked)
    assert [each.identifiers[0].value for each in found.patients] == ["PID1", "PID2"]
    assert found.linked is linked


def test_given_one_patient_to_link_when_read_then_the_second_is_missing() -> None:
    with pytest.raises(RequiredFieldMissing) as caught:
        reading(msh("ADT^A24"), PID)
    assert caught.value.location == "PID^2^3"


@pytest.mark.parametrize(("event", "number"), [("A23", Identifier("V1")), ("A29", None)])
def test_given_a_removal_when_read_then_only_a23_is_of_a_visit(
    event: str, number: Identifier | None
) -> None:
    (found,) = reading(msh(f"ADT^{event}"), PID, PV1).events
    assert isinstance(found, PatientRemoved)
    assert found.visit.number == number


# --- identifiers that move or change


def test_given_a43_when_read_then_mrg_1_moves_to_pid_3() -> None:
    (found,) = reading(msh("ADT^A43"), PID, "MRG|OLD1~OLD2").events
    assert isinstance(found, IdentifiersMoved)
    assert [each.value for each in found.moved] == ["OLD1", "OLD2"]
    assert found.patient.identifiers[0].value == "PID1"


@pytest.mark.parametrize(
    ("event", "mrg", "field"),
    [("A47", "MRG|OLD1", 1), ("A46", "MRG||||OLD1", 4), ("A48", "MRG||OLD1", 2)],
)
def test_given_a_change_of_number_when_read_then_it_names_both(
    event: str, mrg: str, field: int
) -> None:
    (found,) = reading(msh(f"ADT^{event}"), PID, mrg).events
    assert isinstance(found, IdentifierChanged)
    assert (found.previous, found.location) == ((Identifier("OLD1", HOSP),), f"MRG^1^{field}")


# --- visits

PV1 = "PV1||I|WARD^2^B|||||DR1^LE^HOA|||||||||||V1"
ACCOUNT_PID = PID + "|" * 10 + "ACC1"


@pytest.mark.parametrize(("event", "action"), [*CHANGES.items()])
def test_given_an_event_of_a_visit_when_read_then_its_action(
    event: str, action: VisitAction
) -> None:
    *_, found = reading(msh(f"ADT^{event}"), ACCOUNT_PID, PV1).events
    assert isinstance(found, VisitChanged)
    assert (found.event, found.action) == (event, action)
    assert found.visit.number == Identifier("V1")
    assert found.visit.account == Identifier("ACC1")
    assert found.visit.patient_class == "I"
    assert dict(found.visit.attributes) == {
        "CurrentPatientLocation": "WARD 2 B",
        "ReferringPhysicianName": "LE^HOA",
    }
    assert (found.occurred_at, found.day) == ("20260312011500", "20260312")


def test_given_a08_without_a_visit_when_read_then_it_is_of_the_patient_only() -> None:
    assert len(reading(msh("ADT^A08"), PID).events) == 1
    assert len(reading(msh("ADT^A31"), PID, PV1).events) == 1


def test_given_a_null_location_when_read_then_it_is_deleted_and_what_is_absent_is_not_said() -> (
    None
):
    *_, found = reading(msh("ADT^A02"), PID, 'PV1||I|""||||||||||||||||V1').events
    assert isinstance(found, VisitChanged)
    assert dict(found.visit.attributes) == {"CurrentPatientLocation": ""}


def test_given_a_change_of_class_when_read_then_mrg_names_the_account_before() -> None:
    (found,) = reading(msh("ADT^A06"), ACCOUNT_PID, "MRG|PID1||ACC0||V0", PV1).events
    assert isinstance(found, VisitChanged)
    assert (found.previous.account, found.previous.number) == (
        Identifier("ACC0"),
        Identifier("V0"),
    )


@pytest.mark.parametrize(
    ("event", "previous", "current", "merges"),
    [
        ("A35", "ACC0", "ACC1", True),
        ("A41", "ACC0", "ACC1", True),
        ("A42", "V0", "V1", True),
        ("A49", "ACC0", "ACC1", False),
        ("A50", "V0", "V1", False),
        ("A51", "X0", "X1", False),
    ],
)
def test_given_another_number_when_read_then_before_and_after(
    event: str, previous: str, current: str, merges: bool
) -> None:
    visit = PV1 + "|" * 31 + "X1"
    (found,) = reading(msh(f"ADT^{event}"), ACCOUNT_PID, "MRG|||ACC0||V0|X0", visit).events
    assert isinstance(found, VisitRenumbered)
    assert (found.previous.value, found.current.value) == (previous, current)
    assert found.merges is merges


@pytest.mark.parametrize(
    ("event", "segments", "location"),
    [
        ("A49", [PID, "MRG|||ACC0"], "PID^1^18"),
        ("A49", [PID + "|" * 10 + "ACC1", "MRG|X"], "MRG^1^3"),
        ("A50", [PID, "MRG|||||V0", "PV1||I"], "PV1^1^19"),
        ("A50", [PID, PV1], "MRG^1^5"),
        ("A51", [PID, "MRG||||||X0", PV1], "PV1^1^50"),
        ("A44", [PID, "MRG|OLD1"], "MRG^1^3"),
        ("A44", [PID, "MRG|||ACC1"], "MRG^1^1"),
        ("A45", [PID, "MRG|OLD1"], "MRG^1^5"),
        ("A43", [PID], "MRG^1^1"),
        ("A47", [PID, "MRG|"], "MRG^1^1"),
    ],
)
def test_given_half_of_a_change_when_read_then_what_is_missing_is_named(
    event: str, segments: list[str], location: str
) -> None:
    with pytest.raises(RequiredFieldMissing) as caught:
        reading(msh(f"ADT^{event}"), *segments)
    assert caught.value.location == location


def test_given_a36_when_read_then_patients_and_accounts_are_merged() -> None:
    merge, accounts = reading(msh("ADT^A36"), ACCOUNT_PID, "MRG|OLD1||ACC0").events
    assert isinstance(merge, PatientsMerged)
    assert isinstance(accounts, VisitRenumbered)
    assert (accounts.previous.value, accounts.current.value) == ("ACC0", "ACC1")


def test_given_an_account_to_move_when_read_then_from_whom_and_to_whom() -> None:
    (found,) = reading(msh("ADT^A44"), ACCOUNT_PID, "MRG|OLD1||ACC0").events
    assert isinstance(found, VisitsMoved)
    assert found.account == Identifier("ACC0")
    assert found.numbers.account == Identifier("ACC1")
    assert found.previous == (Identifier("OLD1", HOSP),)


def test_given_several_visits_to_move_when_read_then_each_has_its_mrg_and_pv1() -> None:
    other = PV1.replace("|V1", "|V2")
    found = reading(
        msh("ADT^A45"), ACCOUNT_PID, "MRG|OLD1||||V8", PV1, "MRG|OLD1||||V9", other
    ).events
    assert [
        (e.visit and e.visit.value, e.numbers.number and e.numbers.number.value)
        for e in found
        if isinstance(e, VisitsMoved)
    ] == [("V8", "V1"), ("V9", "V2")]


def test_given_an_order_when_read_then_it_names_the_visit_it_is_placed_in() -> None:
    (found,) = orders(msh(), ACCOUNT_PID, PV1, orc(), obr())
    assert found.visit.number == Identifier("V1")
    assert found.visit.account == Identifier("ACC1")
    assert found.attributes["AdmissionID"] == "V1"


def test_given_a_sender_whose_merges_are_swapped_when_read_then_mrg_survives() -> None:
    profile = replace(SENDER.profile, options=SenderOptions(merge_is_swapped=True))
    swapped = replace(SENDER, profile=profile)
    message = read(raw(msh("ADT^A40"), PID, "MRG|NEW1"))
    (found,) = read_message(message, swapped).events
    assert isinstance(found, PatientsMerged)
    assert [each.value for each in found.survivor.identifiers] == ["NEW1"]
    assert [each.value for each in found.retired] == ["PID1"]
