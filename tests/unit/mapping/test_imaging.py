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
from bridge.mapping.words import read_words

PROFILE = load_profile()
SECTIONS = read_table(default_directory() / "diagnostic-sections.csv")
WORDS = read_words(read_table(default_directory() / "imaging-words.csv"))


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
        "Røntgen av thorax",
        "NM Bone scan whole body",
        "PET/CT whole body",
        "RX TORACE",
        "TAC de cráneo",
        "Đo mật độ xương",
        "Chụp X quang tuyến vú",
        "Barium swallow",
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
        "NMR LipoProfile",
        "Barium, serum",
        "PET bloods",
        "TAC level (tacrolimus)",
        "USG urine",
        "Ultrasonic nebulizer treatment",
        "Therapeutic ultrasound, shoulder",
        "Stone analysis by X-ray diffraction",
        "Rx refill request",
        "CT value, SARS-CoV-2",
        "CT and GC amplification",
        "CT",
        "MR",
        "Pre-CT creatinine",
        "Echovirus antibody",
        "Optical coherence",
        "Radiographer consultation",
        "Referral to cardiology",
        "Holter 24h",
        "Khám tim mạch",
        "Xét nghiệm máu",
    ],
)
def test_words_of_other_departments_tell_nothing(words: str) -> None:
    assert judge({4: f"A^{words}^L"}).category is Category.OTHER


@pytest.mark.parametrize(
    ("words", "modality"),
    [
        ("CT angiography of the aorta", "CT"),
        ("MR angiography neck", "MR"),
        ("PET/CT whole body", "PT"),
        ("FDG PET CT", "PT"),
        ("SPECT/CT bone", "NM"),
        ("US abdomen", "US"),
        ("Mammo ultrasound left", ""),
        ("X-ray orbits for MRI", "DX"),
        ("CT abdomen, MRI liver", ""),
        ("X-ray mammogram", "MG"),
        ("Barium swallow X-ray", "RF"),
        ("DXA x-ray absorptiometry spine", "BMD"),
        ("Chụp X quang tuyến vú", "MG"),
        ("Chụp mạch máu số hóa xóa nền", "XA"),
        ("Chụp cắt lớp vi tính động mạch vành", "CT"),
        ("Siêu âm Doppler tim", "US"),
        ("Rö Thorax in 2 Ebenen", "DX"),
        ("Echocardiography transthoracic", "US"),
        ("Knee right", ""),
        ("Consultation", ""),
    ],
)
def test_words_tell_a_modality_where_they_speak_for_one(words: str, modality: str) -> None:
    assert WORDS.find(words).cell == modality


def test_words_for_several_modalities_are_told_and_none_is_taken() -> None:
    found = WORDS.find("CT abdomen, MRI liver")
    assert found.is_doubtful
    assert found.spoken == "CT, MR"


# HL7 table 0074 (v2.8), each with the answer we mean to give.
TABLE_0074 = {
    "imaging": "RAD IMG CT CTH CUS NMR NMS OUS RUS RX VUS XRC",
    "other": "AU BG BLB CG CH CP EC EN GE HM ICU IMM LAB MB MCB MYC NRS OSL OTH PAR PAT PF PHR PHY"
    " RC RT SP SR TX URN VR",
    "": "OT PT",
}


@pytest.mark.parametrize(
    ("code", "category"),
    [(code, category) for category, codes in TABLE_0074.items() for code in codes.split()],
)
def test_every_code_of_table_0074_has_the_answer_we_mean(code: str, category: str) -> None:
    assert SECTIONS.get(code, "category") == category


@pytest.mark.parametrize(("code", "value"), [("113014", "1.2.3"), ("110180", "1.2.4")])
def test_a_study_instance_uid_among_the_observations_tells_imaging(code: str, value: str) -> None:
    obx = f"OBX|1|HD|{code}^DICOM Study^DCM||{value}||||||F"
    assert judge({4: "A^Something"}, obx).category is Category.IMAGING
    assert judge({4: "A^Something"}, obx.replace("DCM||1", "DCM||none")).category is Category.OTHER


@pytest.mark.parametrize("receiver", ["RAD ONC", "RAD_ONC"])
def test_radiation_oncology_is_not_radiology(receiver: str) -> None:
    assert judge({4: "A^Something"}, receiver=receiver).category is Category.OTHER


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
