"""Given a stored item and what was requested, then the answer holds that and nothing else."""

from dataclasses import replace
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from bridge.dicom.charsets import DEFAULT, CharacterSet, character_set
from bridge.dicom.elements import read
from bridge.dicom.worklist_answer import AnswerForm
from bridge.dicom.worklist_codec import WorklistCodec
from bridge.dicom.worklist_query import read_identifier
from bridge.domain.order import CodedConcept
from bridge.domain.worklist import WorklistEntry
from tests.unit.dicom.entries import full_entry
from tests.unit.dicom.test_elements import EXPLICIT, IMPLICIT, encode
from tests.unit.dicom.test_worklist_codec import by_hand, written_by_pydicom
from tests.unit.dicom.test_worklist_query import of

ANY = replace(full_entry(), step=replace(full_entry().step, station_ae_titles=()))


def answer(
    requested: Dataset,
    entry: WorklistEntry | None = None,
    *,
    implicit: bool = False,
    configured: str = "",
    requested_set: CharacterSet = DEFAULT,
) -> bytes:
    form = AnswerForm(
        read_identifier(read(encode(requested, EXPLICIT))).keys,
        implicit=implicit,
        configured=character_set(configured) if configured else None,
        requested=requested_set,
        station="CT09",
    )
    return form.write(WorklistCodec().encode(entry or full_entry()))


def decoded(content: bytes, *, implicit: bool = False) -> Dataset:
    dataset = dcmread(BytesIO(content), force=True)
    assert dataset.original_encoding[0] is implicit
    return dataset


def everything() -> Dataset:
    root = by_hand()
    for element in root:
        element.value = [] if element.VR == "SQ" else None
    return root


def plain_entry() -> WorklistEntry:
    return full_entry(name="DOE^JANE")


def test_given_everything_is_requested_then_the_item_goes_out_whole() -> None:
    expected = by_hand()
    expected.PatientName = "DOE^JANE"
    assert answer(everything(), plain_entry()) == written_by_pydicom(expected)


def test_given_implicit_vr_then_the_bytes_are_pydicoms_in_implicit_vr() -> None:
    expected = by_hand()
    expected.PatientName = "DOE^JANE"
    assert answer(everything(), plain_entry(), implicit=True) == encode(expected, IMPLICIT)


def test_given_some_keys_then_only_they_are_answered_and_unknown_ones_are_empty() -> None:
    step = of(Modality="CT", PreMedication="")
    requested = of(PatientID="", PatientAge="", ReferencedPatientSequence=[])
    requested.ScheduledProcedureStepSequence = [step]
    found = decoded(answer(requested, plain_entry()))
    assert [element.keyword for element in found] == [
        "ReferencedPatientSequence",
        "PatientID",
        "PatientAge",
        "ScheduledProcedureStepSequence",
    ]
    assert found.PatientID == "P1"
    assert not found.PatientAge
    assert len(found.ReferencedPatientSequence) == 0
    assert [element.keyword for element in found.ScheduledProcedureStepSequence[0]] == [
        "Modality",
        "PreMedication",
    ]


def test_given_keys_inside_another_sequence_then_its_items_are_cut_too() -> None:
    requested = of(RequestedProcedureCodeSequence=[of(CodeValue="", CodingSchemeVersion="")])
    item = decoded(answer(requested)).RequestedProcedureCodeSequence[0]
    assert [element.keyword for element in item] == ["CodeValue", "CodingSchemeVersion"]


def test_given_ascii_only_then_no_character_set_is_declared() -> None:
    found = decoded(answer(of(PatientName=""), plain_entry(), configured="ISO_IR 100"))
    assert "SpecificCharacterSet" not in found


@pytest.mark.parametrize("implicit", [False, True])
def test_given_a_vietnamese_name_and_no_limit_then_it_goes_out_in_utf8(implicit: bool) -> None:
    found = decoded(answer(of(PatientName=""), implicit=implicit), implicit=implicit)
    assert found.SpecificCharacterSet == "ISO_IR 192"
    assert str(found.PatientName) == "NGUYỄN^ÁNH^VĂN"


@pytest.mark.parametrize("configured", ["ISO_IR 100", "ISO_IR 6"])
def test_given_a_limited_peer_then_the_name_is_folded_and_nothing_declared(configured: str) -> None:
    found = decoded(answer(of(PatientName=""), configured=configured))
    assert "SpecificCharacterSet" not in found
    assert str(found.PatientName) == "NGUYEN^ANH^VAN"


def test_given_a_limited_peer_and_a_name_it_can_carry_then_its_set_is_declared() -> None:
    found = decoded(answer(of(PatientName=""), full_entry(name="Müller"), configured="ISO_IR 100"))
    assert found.SpecificCharacterSet == "ISO_IR 100"
    assert str(found.PatientName) == "Müller"


def test_given_a_request_in_a_set_that_carries_the_item_then_the_answer_is_in_it() -> None:
    requested = character_set("ISO_IR 100")
    german = answer(of(PatientName=""), full_entry(name="Müller"), requested_set=requested)
    assert decoded(german).SpecificCharacterSet == "ISO_IR 100"
    vietnamese = answer(of(PatientName=""), requested_set=requested)
    assert decoded(vietnamese).SpecificCharacterSet == "ISO_IR 192"


def test_given_japanese_with_code_extensions_then_the_name_reads_back() -> None:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    content = answer(
        of(PatientName=""), full_entry(name=name), configured="\\ISO 2022 IR 87", implicit=True
    )
    assert str(decoded(content, implicit=True).PatientName) == name


@pytest.mark.parametrize("whole", [False, True])
def test_given_a_step_for_any_station_then_the_station_that_asks_is_named(whole: bool) -> None:
    steps = [] if whole else [of(ScheduledStationAETitle="")]
    found = decoded(answer(of(ScheduledProcedureStepSequence=steps), ANY))
    assert found.ScheduledProcedureStepSequence[0].ScheduledStationAETitle == "CT09"


def test_given_a_step_with_stations_then_all_of_them_are_named() -> None:
    requested = of(ScheduledProcedureStepSequence=[of(ScheduledStationAETitle="CT01")])
    step = decoded(answer(requested)).ScheduledProcedureStepSequence[0]
    assert list(step.ScheduledStationAETitle) == ["CT01", "CT02"]


def described(text: str, *, coded: bool = True) -> WorklistEntry:
    """An entry whose every text is `text`, with its code or without."""
    entry = full_entry(name=text)
    procedure, step = entry.procedure, entry.step
    attributes = {"RequestedProcedureDescription": text, "ReasonForTheRequestedProcedure": text}
    return replace(
        entry,
        procedure=replace(
            procedure,
            attributes=attributes,
            code=replace(procedure.code, meaning=text) if coded and procedure.code else None,
        ),
        step=replace(
            step,
            attributes={"ScheduledProcedureStepDescription": text},
            protocol_codes=step.protocol_codes if coded else (),
        ),
    )


def test_given_ideographs_for_a_latin_device_then_numbers_and_codes_stand_for_type_1_texts() -> (
    None
):
    entry = described("頭部")
    found = decoded(answer(everything(), entry, configured="ISO_IR 100"))
    step = found.ScheduledProcedureStepSequence[0]
    code = found.RequestedProcedureCodeSequence[0]

    assert str(found.PatientName) == found.PatientID == "P1"
    assert found.RequestedProcedureDescription == code.CodeValue
    assert code.CodeMeaning == code.CodeValue
    assert step.ScheduledProcedureStepDescription == step.ScheduledProtocolCodeSequence[0].CodeValue
    assert not found.ReasonForTheRequestedProcedure
    assert "?" not in str(found)


def test_given_neither_code_nor_letters_then_the_ids_of_procedure_and_step_are_shown() -> None:
    entry = described("頭部", coded=False)
    found = decoded(answer(everything(), entry, configured="ISO_IR 6"))
    step = found.ScheduledProcedureStepSequence[0]

    assert found.RequestedProcedureDescription == found.RequestedProcedureID
    assert step.ScheduledProcedureStepDescription == step.ScheduledProcedureStepID


def test_given_a_device_that_did_not_ask_for_the_patient_id_then_the_name_is_it_all_the_same() -> (
    None
):
    found = decoded(answer(of(PatientName=""), full_entry(name="山田"), configured="ISO_IR 100"))

    assert str(found.PatientName) == "P1"


def test_given_a_japanese_device_then_the_set_is_declared_and_pydicom_reads_every_group() -> None:
    name = "YAMADA^TAROU=山田^太郎=やまだ^たろう"
    configured = "\\ISO 2022 IR 87"
    found = decoded(answer(of(PatientName=""), full_entry(name=name), configured=configured))

    assert list(found.SpecificCharacterSet) == ["", "ISO 2022 IR 87"]
    assert str(found.PatientName) == name


def test_given_text_that_grows_when_folded_then_it_keeps_to_the_length_of_its_vr() -> None:
    found = decoded(answer(everything(), described("Щ" * 64), configured="ISO_IR 6"))

    assert len(found.RequestedProcedureDescription) == 64
    assert len(str(found.PatientName)) == 64


@pytest.mark.parametrize("implicit", [False, True])
def test_given_a_code_that_is_too_long_for_code_value_then_it_comes_as_long_code_value(
    implicit: bool,
) -> None:
    entry = plain_entry()
    long = replace(entry.step, protocol_codes=(CodedConcept("A" * 20, "99HOSP", "abdomen"),))
    step = of(ScheduledProtocolCodeSequence=[of(CodeValue="", CodeMeaning="")])
    requested = of(RequestedProcedureCodeSequence=[of(CodeValue="")])
    requested.ScheduledProcedureStepSequence = [step]
    found = decoded(
        answer(requested, replace(entry, step=long), implicit=implicit), implicit=implicit
    )
    (code,) = found.ScheduledProcedureStepSequence[0].ScheduledProtocolCodeSequence
    assert [element.keyword for element in code] == ["CodeMeaning", "LongCodeValue"]
    assert code.LongCodeValue == "A" * 20
    assert found.RequestedProcedureCodeSequence[0].CodeValue == "CTABD"
