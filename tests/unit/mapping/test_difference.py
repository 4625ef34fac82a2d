"""Given what two profiles make of a message, when compared, then what differs is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bridge.mapping.difference import Difference, Mask, Tally, compare

ORDER: Sequence[Mapping[str, object]] = [
    {
        "event": "order",
        "category": "imaging",
        "PatientName": "NGUYỄN^VĂN^ÁNH",
        "AccessionNumber": "A1^HOSP",
        "OrderStatus": "",
        "procedures": [
            {"steps": [{"Modality": "CT", "ScheduledStationAETitle": ["CT01", "CT02"]}]}
        ],
    }
]


def changed(**values: object) -> Sequence[Mapping[str, object]]:
    return [{**ORDER[0], **values}]


def test_the_same_differs_in_nothing() -> None:
    assert compare(ORDER, changed(OrderStatus=None)) == ()


def test_each_value_is_told_with_its_path_and_nothing_as_empty() -> None:
    steps = [{"steps": [{"Modality": "MR", "ScheduledStationAETitle": ["CT01"]}]}]
    assert compare(ORDER, changed(AccessionNumber="", procedures=steps)) == (
        Difference("event[1].AccessionNumber", "A1^HOSP", ""),
        Difference("event[1].procedures[1].steps[1].Modality", "CT", "MR"),
        Difference("event[1].procedures[1].steps[1].ScheduledStationAETitle[2]", "CT02", ""),
    )


def test_a_refusal_and_a_further_event_are_of_events() -> None:
    refused = compare(ORDER, "101 at PID^1^3: the patient has no identifier")
    assert refused[-1].keyword == "refused"
    further = compare(ORDER, [*ORDER, {"event": "noted", "reason": "x"}])
    assert [each.is_of_events for each in further] == [True, False]


def test_what_may_identify_somebody_is_hidden_and_the_same_looks_the_same() -> None:
    mask = Mask(b"salt")
    name, modality = compare(
        ORDER, changed(PatientName="LÊ", procedures=[{"steps": [{"Modality": "MR"}]}])
    )[:2]
    hidden = mask(name)
    assert "NGUYỄN" not in repr(hidden)
    assert hidden.before == mask(name).before != hidden.after
    assert mask(modality) == modality
    assert Mask(b"other")(name).before != hidden.before
    assert mask(Difference("event[1].AdmissionID", "", "V1")).before == ""


def test_no_attribute_of_a_patient_is_ever_shown() -> None:
    for keyword in ("PatientID[1]", "PatientBirthDate", "PlacerOrderNumberImagingServiceRequest"):
        found = Mask(b"salt")(Difference(f"event[1].{keyword}", "secret", "other"))
        assert "secret" not in found.before


def test_the_tally_counts_messages_and_the_attributes_that_differ() -> None:
    tally = Tally()
    tally.count(())
    tally.count(compare(ORDER, changed(AccessionNumber="A2", PatientName="")))
    tally.count(compare(ORDER, "no"))
    assert (tally.messages, tally.different, tally.of_events) == (3, 2, 1)
    assert tally.keywords["AccessionNumber"] == 2
