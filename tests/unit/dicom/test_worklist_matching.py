"""Given optional keys without a column, then they are matched on the stored answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom.dataset import Dataset

from bridge.dicom.elements import read
from bridge.dicom.worklist_codec import WorklistCodec
from bridge.dicom.worklist_query import read_identifier
from bridge.domain.worklist import Mismatch, Rule
from tests.unit.dicom.entries import full_entry
from tests.unit.dicom.test_elements import EXPLICIT, IMPLICIT, encode
from tests.unit.dicom.test_worklist_query import of


def mismatches(
    root: Dataset, step: Dataset | None = None, syntax: str = EXPLICIT
) -> tuple[Mismatch, ...]:
    if step is not None:
        root.ScheduledProcedureStepSequence = [step]
    further = read_identifier(read(encode(root, syntax), syntax)).query.further
    return further.mismatches(WorklistCodec().encode(full_entry()).encoded) if further else ()


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize(
    ("keyword", "matches", "misses"),
    [
        ("RequestedProcedureDescription", ["CT abdomen*", "*", ""], ["CT", "ct abdomen*"]),
        ("RequestedProcedurePriority", ["ROUTINE", "R*"], ["STAT"]),
        ("CurrentPatientLocation", ["WARD^1^2", "WARD*"], ["WARD"]),
        ("Allergies", ["LATEX", "PENICILLIN", "LA?EX"], ["PENICILLIN*LATEX", "NUTS"]),
        ("RequestingPhysician", ["le^c", "LE*", "LE^C^THI"], ["THI*", "LE^D*"]),
        ("ReferringPhysicianName", ["TRẦN^B*"], ["TRAN^C*"]),
        ("RequestedProcedureComments", ["*second line"], ["second line"]),
        ("PlacerOrderNumberImagingServiceRequest", ["PL1"], ["PL2"]),
        ("SpecialNeeds", ["", "*"], ["X", "?"]),
    ],
)
def test_given_a_key_of_the_root_then_it_matches_as_its_vr_does(
    keyword: str, matches: list[str], misses: list[str], syntax: str
) -> None:
    def ask(text: str) -> Dataset:
        return of(SpecificCharacterSet="ISO_IR 192", **{keyword: text})

    texts = [text for text in matches if not text.startswith("le^c")]
    assert [text for text in texts if mismatches(ask(text), syntax=syntax)] == []
    assert [text for text in misses if not mismatches(ask(text), syntax=syntax)] == []


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"CodeValue": "ABD1"}, True),
        ({"CodeValue": "ABD1", "CodingSchemeDesignator": "99HOSP"}, True),
        ({"CodeValue": "ABD1", "CodingSchemeDesignator": "LN"}, False),
        ({"CodeValue": "ABD?"}, True),
        ({"CodeValue": ""}, True),
    ],
)
def test_given_a_code_then_one_item_must_have_all_of_it(keys: dict[str, str], found: bool) -> None:
    step = of(ScheduledProtocolCodeSequence=[of(**keys)])
    assert (not mismatches(Dataset(), step)) is found


def test_given_another_identifier_of_the_patient_then_its_item_matches() -> None:
    mine = of(PatientID="0123456789", IssuerOfPatientID="BHYT")
    assert mismatches(of(OtherPatientIDsSequence=[mine])) == ()
    assert mismatches(of(OtherPatientIDsSequence=[of(PatientID="0123456789X")]))


def test_given_a_sequence_in_a_sequence_then_it_is_looked_into() -> None:
    inner = of(UniversalEntityID="1.2.3.4")
    issuer = of(IssuerOfPatientIDQualifiersSequence=[inner])
    assert mismatches(issuer) == ()
    assert mismatches(of(IssuerOfPatientIDQualifiersSequence=[of(UniversalEntityID="1.2")]))


def test_given_a_mismatch_then_it_says_what_was_asked_and_what_is_held() -> None:
    step = of(ScheduledProcedureStepDescription="pelvis")
    assert mismatches(Dataset(), step) == (
        Mismatch(Rule.KEY, "ScheduledProcedureStepDescription", "pelvis", "abdomen"),
    )
    (code,) = mismatches(of(RequestedProcedureCodeSequence=[of(CodeValue="MR")]))
    assert code.asked == "CodeValue MR"
    assert "CodeValue CTABD" in code.held


def test_given_numbers_then_they_are_returned_and_not_matched() -> None:
    assert mismatches(of(PregnancyStatus=1, PatientWeight="10", PatientSize="1")) == ()


def test_given_an_end_then_it_is_a_range() -> None:
    entry = full_entry()
    end = {**entry.step.attributes, "ScheduledProcedureStepEndDate": "20261124"}
    item = WorklistCodec().encode(replace(entry, step=replace(entry.step, attributes=end)))
    for asked, found in (("20261124", True), ("-20261123", False), ("20261101-", True)):
        root = Dataset()
        root.ScheduledProcedureStepSequence = [of(ScheduledProcedureStepEndDate=asked)]
        further = read_identifier(read(encode(root, EXPLICIT))).query.further
        assert further is not None
        assert (not further.mismatches(item.encoded)) is found, asked
