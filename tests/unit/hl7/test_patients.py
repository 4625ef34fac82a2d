"""Given an ADT message, when read, then the patient it speaks of is updated, merged or noted."""

import pytest

from bridge.domain.errors import RequiredFieldMissing
from bridge.domain.events import Noted
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.patient_events import PatientsMerged, PatientUpdated
from tests.unit.hl7.messages import PID, msh, reading

HOSP = Authority("HOSP")


@pytest.mark.parametrize("event", ["A01", "A04", "A05", "A08", "A28", "A31"])
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


@pytest.mark.parametrize("event", ["A02", "A03", "A11", "A24", "A37", "A47"])
def test_given_another_event_when_read_then_it_is_noted(event: str) -> None:
    assert reading(msh(f"ADT^{event}")).events == (
        Noted(reason=f"ADT^{event} changes nothing here"),
    )
