"""Given an order's signs, when judged, then only imaging orders are imaging, and none vanishes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.order import Category
from bridge.hl7.er7 import read
from bridge.hl7.order_groups import find_orders
from bridge.mapping.imaging import Verdict
from bridge.mapping.profiles import load_profile
from bridge.mapping.shelf import default_directory
from bridge.mapping.tables import read_table

PROFILE = load_profile()
SECTIONS = read_table(default_directory() / "diagnostic-sections.csv")


def judge(
    obr: dict[int, str] | None = None,
    *more: str,
    control: str = "NW",
    sender: str = "HIS",
    receiver: str = "ENGINE",
) -> Verdict:
    fields = [(obr or {}).get(number, "") for number in range(1, 46)]
    lines = [
        f"MSH|^~\\&|{sender}|HOSP|{receiver}|HOSP|20260312||ORM^O01|1|P|2.5",
        "PID|||7^^^HOSP||Test^Anna",
        f"ORC|{control}|P1",
        "OBR|" + "|".join(fields),
        *more,
    ]
    (group,) = find_orders(read("\r".join(lines).encode())).groups
    return PROFILE.imaging.judge(group.scope, control)


@pytest.mark.parametrize(
    "code", ["CT", "MR", "US", "CR", "DX", "MG", "NM", "XA", "RF", "RAD", "ct"]
)
def test_an_imaging_section_is_imaging(code: str) -> None:
    assert judge({24: code}).category is Category.IMAGING


@pytest.mark.parametrize("code", ["LAB", "HM", "CH", "MB", "SP", "BLB", "EC", "PHR", "URN", "RT"])
def test_any_other_section_is_other(code: str) -> None:
    assert judge({24: code, 4: "X^CT scan of something"}).category is Category.OTHER


@pytest.mark.parametrize(
    ("code", "modality"),
    [("RUS", "US"), ("NMR", "MR"), ("NMS", "NM"), ("RX", "DX"), ("RAD", ""), ("XRC", "")],
)
def test_a_section_names_a_modality_only_when_it_can_be_no_other(code: str, modality: str) -> None:
    assert SECTIONS.get(code, "modality") == modality


@pytest.mark.parametrize("segment", ["ZDS|1.2.3^^Application^DICOM", "IPC|A|RP|1.2.3|SPS|CT"])
def test_what_only_imaging_has_beats_a_section(segment: str) -> None:
    assert judge({24: "LAB"}, segment).category is Category.IMAGING


@pytest.mark.parametrize(
    ("sender", "receiver"),
    [("HIS", "PACS"), ("RIS", "X"), ("HIS", "SECTRA_RIS"), ("HIS", "PHILIPSPACS"), ("X", "RAD")],
)
def test_an_order_to_or_from_radiology_is_imaging(sender: str, receiver: str) -> None:
    verdict = judge({4: "A^Something"}, sender=sender, receiver=receiver)
    assert verdict.category is Category.IMAGING


@pytest.mark.parametrize(
    "receiver", ["PARIS", "HARRIS", "RISK", "TRADE", "GRADE", "PACSUN", "LABRIS2"]
)
def test_letters_within_a_word_are_no_sign(receiver: str) -> None:
    assert judge({4: "A^Something"}, receiver=receiver).category is Category.OTHER


@pytest.mark.parametrize(
    "words",
    [
        "CT head",
        "MRI knee",
        "X-ray chest",
        "Ultrasound abdomen",
        "Mammografi bilateral",
        "Chụp cắt lớp vi tính sọ não",
        "Siêu âm bụng",
        "Chụp X-quang ngực",
        "Chup Xquang nguc",
        "Chụp X quang ngực thẳng",
        "Chụp CHT cột sống",
        "Chụp mạch máu số hóa xóa nền",
        "Computertomographie Schädel",
        "Tomografía computarizada de tórax",
        "SCANNER DE 3 TERRITOIRES",
        "Échographie abdominale",
        "Röntgen Thorax",
    ],
)
def test_words_tell_imaging(words: str) -> None:
    assert judge({4: f"A^{words}^L"}).category is Category.IMAGING


@pytest.mark.parametrize(
    "words",
    [
        "Complete blood count",
        "CRP",
        "Chlamydia trachomatis PCR",
        "CT/NG PCR urine",
        "ECG 12 leads",
        "Tổng phân tích tế bào máu",
        "BRAZIL NUT (F18) IGE",
        "Blood culture",
        "Physiotherapy",
        "Prothrombin time",
        "MRSA screening",
        "Factor VIII",
        "Electrolytes",
    ],
)
def test_words_of_other_departments_tell_nothing(words: str) -> None:
    assert judge({4: f"A^{words}^L"}).category is Category.OTHER


@pytest.mark.parametrize("code", ["PT", "OT", "ECG", "SM"])
def test_a_code_of_two_meanings_is_visible_but_its_modality_is_not_believed(code: str) -> None:
    verdict = judge({24: code, 4: "A^Something"})
    assert verdict.category is Category.IMAGING
    assert not verdict.modality_believed
    assert judge({24: code}, "ZDS|1.2.3").modality_believed
    assert judge({24: code}, receiver="PACS").modality_believed


def test_a_specimen_tells_that_it_is_not_imaging() -> None:
    assert judge({4: "A^CT something", 15: "URINE"}).category is Category.OTHER
    assert judge({4: "A^B"}, "SPM|1", receiver="PACS").category is Category.OTHER


@pytest.mark.parametrize("control", ["CA", "DC", "SC", "HD", "OC"])
def test_what_only_names_an_order_is_for_that_order_to_decide(control: str) -> None:
    assert judge({4: "A^Something"}, control=control).category is Category.IMAGING
    assert judge({24: "LAB"}, control=control).category is Category.OTHER


@given(st.text(max_size=8), st.text(max_size=20))
def test_every_order_has_a_verdict_and_a_reason(section: str, text: str) -> None:
    clean = str.maketrans("", "", "|\r\n")
    verdict = judge({24: section.translate(clean), 4: text.translate(clean)})
    assert verdict.reason
