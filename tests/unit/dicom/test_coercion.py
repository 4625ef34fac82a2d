"""Given an image and its order, then it says what the order says, and what it said before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from bridge.dicom.coercion import ImageCoercion
from bridge.domain.coercion import Coercion, Reason, RequestItem
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import CodedConcept
from bridge.services.content import as_content
from tests.adapters.dicomweb.conftest import STUDY, file_of, image

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dicom"
HOSP = Authority("HOSP", "1.2.3", "ISO")
AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
REQUEST = RequestItem(
    study_instance_uid=STUDY,
    rp_id="RP1",
    accession=Identifier("ACC9", HOSP),
    description="CT head",
    code=CodedConcept("CTHEAD", "99HOSP", "CT head"),
    sps_id="SPS1",
    sps_description="CT head native",
    protocol_codes=(CodedConcept("CTHN", "99HOSP", "CT head native"),),
)
COERCION = Coercion(
    patient_id=Identifier("P9", HOSP),
    other_patient_ids=(Identifier("X1", Authority("OTHER")),),
    attributes={
        "PatientName": "TRAN^BINH^THI",
        "PatientBirthDate": "19800229",
        "PatientSex": "F",
    },
    accession=Identifier("ACC9", HOSP),
    requests=(REQUEST,),
)


def applied(content: bytes, coercion: Coercion = COERCION, system: str = "BRIDGE") -> bytes:
    return ImageCoercion(system).apply(as_content(content), coercion, AT).whole()


def coerced(content: bytes, coercion: Coercion = COERCION) -> Dataset:
    return dcmread(BytesIO(applied(content, coercion)))


def test_given_another_identity_then_patient_accession_and_requests_are_those_of_the_order() -> (
    None
):
    made = coerced(file_of(image(STUDY, 1, 1)))
    assert (made.PatientID, made.IssuerOfPatientID) == ("P9", "HOSP")
    assert made.IssuerOfPatientIDQualifiersSequence[0].UniversalEntityID == "1.2.3"
    assert made.PatientName == "TRAN^BINH^THI"
    assert (made.PatientBirthDate, made.PatientSex) == ("19800229", "F")
    assert made.OtherPatientIDsSequence[0].PatientID == "X1"
    assert made.AccessionNumber == "ACC9"
    assert made.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "HOSP"
    (item,) = made.RequestAttributesSequence
    assert (item.RequestedProcedureID, item.ScheduledProcedureStepID) == ("RP1", "SPS1")
    assert item.StudyInstanceUID == STUDY
    assert item.RequestedProcedureCodeSequence[0].CodeValue == "CTHEAD"
    assert item.ScheduledProtocolCodeSequence[0].CodeMeaning == "CT head native"


def test_given_values_are_replaced_then_each_is_kept_with_when_and_by_whom() -> None:
    made = coerced(file_of(image(STUDY, 1, 1)))
    (original,) = made.OriginalAttributesSequence
    assert original.AttributeModificationDateTime == "20261124093000+0000"
    assert (original.ModifyingSystem, original.ReasonForTheAttributeModification) == (
        "BRIDGE",
        "COERCE",
    )
    (before,) = original.ModifiedAttributesSequence
    assert (before.PatientID, before.AccessionNumber) == ("P-1", "A-1")
    assert before.PatientName == "MÜLLER^ANNA"
    assert before.PatientBirthDate == "19700102"
    assert "PatientSex" not in before  # it was the same
    assert list(before.RequestAttributesSequence) == []


def test_given_everything_else_then_it_stays_as_it_was() -> None:
    source = image(STUDY, 1, 1, StudyDescription="as the console says")
    made = coerced(file_of(source))
    assert made.PixelData == source.PixelData
    assert (made.SOPInstanceUID, made.StudyInstanceUID) == (f"{STUDY}.1.1", STUDY)
    assert made.StudyDescription == "as the console says"


def test_given_the_image_says_it_already_then_its_bytes_are_untouched() -> None:
    content = as_content(applied(file_of(image(STUDY, 1, 1))))
    assert ImageCoercion("BRIDGE").apply(content, COERCION, AT) is content


def test_given_the_same_change_twice_then_the_bytes_are_the_same() -> None:
    content = file_of(image(STUDY, 1, 1))
    assert len({applied(content) for _ in range(2)}) == 1


def test_given_it_was_changed_before_then_both_changes_are_kept() -> None:
    content = applied(file_of(image(STUDY, 1, 1)), system="MODALITY")
    other = replace(COERCION, patient_id=Identifier("P10", HOSP))
    made = coerced(content, other)
    systems = [item.ModifyingSystem for item in made.OriginalAttributesSequence]
    assert systems == ["MODALITY", "BRIDGE"]
    assert made.OriginalAttributesSequence[1].ModifiedAttributesSequence[0].PatientID == "P9"


def test_given_several_orders_then_the_accession_stays_and_each_has_its_item() -> None:
    group = replace(
        COERCION, accession=None, requests=(REQUEST, replace(REQUEST, rp_id="RP2", sps_id="SPS2"))
    )
    made = coerced(file_of(image(STUDY, 1, 1, AccessionNumber="ACC9")), group)
    assert made.AccessionNumber == "ACC9"
    assert [item.RequestedProcedureID for item in made.RequestAttributesSequence] == ["RP1", "RP2"]


def test_given_no_order_then_only_the_patient_is_another() -> None:
    asked = Dataset()
    asked.RequestedProcedureID = "ASKED"
    sent = file_of(image(STUDY, 1, 1, RequestAttributesSequence=[asked]))
    shown = coerced(sent, replace(COERCION, requests=(), accession=None))
    assert shown.PatientID == COERCION.patient_id.value
    assert [each.RequestedProcedureID for each in shown.RequestAttributesSequence] == ["ASKED"]


def test_given_a_name_that_the_images_set_cannot_carry_then_all_of_it_is_in_utf8() -> None:
    vietnamese = {**COERCION.attributes, "PatientName": "NGUYỄN^ÁNH^VĂN"}
    source = image(STUDY, 1, 1, StudyDescription="Schädel")
    made = coerced(file_of(source), replace(COERCION, attributes=vietnamese))
    assert made.SpecificCharacterSet == "ISO_IR 192"
    assert made.PatientName == "NGUYỄN^ÁNH^VĂN"
    assert made.StudyDescription == "Schädel"
    (original,) = made.OriginalAttributesSequence
    assert original.ModifiedAttributesSequence[0].PatientName == "MÜLLER^ANNA"


@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
)
def test_given_any_plain_transfer_syntax_then_it_is_kept(syntax: str) -> None:
    made = coerced(file_of(image(STUDY, 1, 1), syntax))
    assert made.file_meta.TransferSyntaxUID == syntax
    assert made.PatientID == "P9"


def test_given_compressed_frames_then_they_are_passed_through() -> None:
    source = image(STUDY, 1, 1)
    source.PixelData = encapsulate([b"\xff\xd8frame\xff\xd9"])
    source["PixelData"].VR = "OB"
    source["PixelData"].is_undefined_length = True
    made = coerced(file_of(source, JPEGBaseline8Bit))
    assert made.PixelData == source.PixelData
    assert made.file_meta.TransferSyntaxUID == JPEGBaseline8Bit


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*")), ids=lambda path: path.name)
def test_given_images_of_the_world_then_they_are_changed_and_nothing_else_is_lost(
    path: Path,
) -> None:
    source = dcmread(path, force=True)
    if "TransferSyntaxUID" not in source.get("file_meta", {}) or "SOPInstanceUID" not in source:
        return  # no DICOM file of an instance: never stored as it is
    made = coerced(path.read_bytes())
    assert made.PatientName == "TRAN^BINH^THI"
    lost = {each.tag for each in source if each.tag.element}  # group lengths are of no meaning
    lost -= {each.tag for each in made}
    kept = made.OriginalAttributesSequence[-1].ModifiedAttributesSequence[0]
    assert all(source[tag].is_empty or kept[tag] == source[tag] for tag in lost)
    pixels = source.get("PixelData", b"")
    assert made.get("PixelData", b"")[: len(pixels)] == pixels  # padded where it was odd


def original(made: Dataset) -> Dataset:
    (item,) = made.OriginalAttributesSequence[-1].ModifiedAttributesSequence
    assert isinstance(item, Dataset)
    return item


def test_given_several_orders_and_a_number_of_none_of_them_then_it_is_cleared() -> None:
    group = replace(COERCION, accession=None, requests=(REQUEST, replace(REQUEST, rp_id="RP2")))
    made = coerced(file_of(image(STUDY, 1, 1)), group)
    assert (made.AccessionNumber, original(made).AccessionNumber) == ("", "A-1")


def test_given_images_of_another_patient_then_nothing_of_that_one_is_left() -> None:
    wrong = image(STUDY, 1, 1)
    wrong.IssuerOfPatientID = "ELSEWHERE"
    wrong.OtherPatientIDs = ["N-1", "N-2"]
    wrong.PatientBirthName = "SCHMIDT"
    wrong.PatientAddress = "Street 1"
    wrong.AdmissionID = "V-1"
    wrong.ReferringPhysicianName = "WRONG^DOCTOR"
    wrong.PatientWeight = "71"
    bare = Coercion(
        patient_id=Identifier("P9"), attributes={"PatientName": "TRAN^BINH"}, reason=Reason.CORRECT
    )
    made = coerced(file_of(wrong), bare)
    assert (made.PatientID, made.PatientName) == ("P9", "TRAN^BINH")
    gone = ("IssuerOfPatientID", "OtherPatientIDs", "PatientBirthName", "PatientAddress")
    assert not [keyword for keyword in (*gone, "AdmissionID") if keyword in made]
    empty = (made.PatientBirthDate, made.PatientSex, made.ReferringPhysicianName)
    assert empty == ("", "", "")
    assert made.PatientWeight == 71
    before = original(made)
    assert (before.PatientBirthDate, before.AdmissionID) == ("19700102", "V-1")
    assert list(before.OtherPatientIDs) == ["N-1", "N-2"]
    (change,) = made.OriginalAttributesSequence
    assert change.ReasonForTheAttributeModification == "CORRECT"


def test_given_images_of_the_patient_then_what_the_record_does_not_know_stays() -> None:
    source = image(STUDY, 1, 1, PatientAddress="Street 1", PatientID="P9")
    made = coerced(file_of(source), Coercion(patient_id=Identifier("P9", HOSP)))
    assert (made.PatientAddress, made.PatientBirthDate) == ("Street 1", "19700102")


def test_given_an_order_then_study_id_visit_referrer_and_description_are_its_own() -> None:
    coercion = replace(
        COERCION,
        attributes={
            **COERCION.attributes,
            "StudyID": "RP1",
            "AdmissionID": "V-9",
            "ReferringPhysicianName": "LÊ^DOCTOR",
        },
        filled={"StudyDescription": "CT head"},
    )
    source = image(STUDY, 1, 1, AdmissionID="V-1", StudyDescription="")
    source.IssuerOfAdmissionIDSequence = [Dataset()]
    source.IssuerOfAdmissionIDSequence[0].LocalNamespaceEntityID = "ELSEWHERE"
    made = coerced(file_of(source), coercion)
    assert (made.StudyID, made.AdmissionID) == ("RP1", "V-9")
    assert made.ReferringPhysicianName == "LÊ^DOCTOR"
    assert made.StudyDescription == "CT head"
    assert "IssuerOfAdmissionIDSequence" not in made
    kept = coerced(file_of(image(STUDY, 1, 1, StudyDescription="as the console says")), coercion)
    assert kept.StudyDescription == "as the console says"
