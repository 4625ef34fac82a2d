"""Given third-party messages, when mapped, then each gives its orders or an error with a place."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.domain.errors import BridgeError
from bridge.domain.events import Event
from bridge.domain.identifiers import Authority
from bridge.domain.order import Category, OrderReceived
from bridge.domain.patient_events import PatientsMerged, PatientUpdated
from bridge.hl7.batch import split
from bridge.hl7.er7 import read
from bridge.hl7.messages import read_message
from bridge.hl7.reading import Sender
from bridge.mapping.profiles import load_profile
from bridge.mapping.source import Site

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "hl7"
FILES = sorted(CORPUS.glob("*.hl7"))
ORDERS = [path for path in FILES if path.name.startswith("ord_")]
SENDER = Sender.of(load_profile(), Site(authority=Authority("HOSP")))

# Codes of table 0357 that a content error of a message can have.
CONTENT_ERRORS = {"100", "101", "102", "103", "200", "201"}

OTHER = {
    "ord_efferent_allina_orm_escapes.hl7",
    "ord_epic_orm_23.hl7",
    "ord_google_paml_orm.hl7",
    "ord_nhapi_hash_truncation_v27.hl7",
}
# Identifiers that DICOM has no room for, values that were never filled in, a UID that is none.
REFUSED = {
    "ord_dcm4che_omi_o23.hl7": "IPC^1^4",
    "ord_dcm4che_orm_o01_mislabelled.hl7": "OBR^1^20",
    "ord_hl7_gender_omi_v25_profile.hl7": "IPC^1^3",
    "ord_mesa_100_112_sched_rad4.hl7": "OBR^1^18",
    "ord_orthanc_assistovet.hl7": "OBR^1^20",
}
# By IPC-5, OBR-24 or an observation, and by the words of a description that speak for one.
MODALITIES = {
    "ord_ans_tlr_orm_nw.hl7": "MR",
    "ord_orthanc_avignon_rad_long_addr.hl7": "CT",
    "ord_orthanc_avignon_v231.hl7": "CT",
    "ord_tw_nhi_omi_dcm4chee.hl7": "US",
    "ord_cosyte_philips_vue_orm.hl7": "CT",
    "ord_de_kis_omg_ctthorax.hl7": "CT",
    "ord_dk_carestream_orm_mammo.hl7": "MG",
    "ord_kr_infinitt_orm.hl7": "DX",
    "ord_ms_orm_o01_02.hl7": "CT",
    "ord_nz_sectra_orm.hl7": "DX",
    "ord_vn_nhapi213_orm.hl7": "DX",
}

pytestmark = pytest.mark.skipif(not FILES, reason="the corpus is not beside this checkout")


def name_of(path: Path) -> str:
    return path.name


def messages_of(path: Path) -> list[bytes]:
    return list(split(path.read_bytes().strip(b"\x0b\x1c\r\n")).messages)


def events_of(raw: bytes) -> tuple[Event, ...]:
    return read_message(read(raw), SENDER).events


def orders_of(path: Path) -> Iterator[OrderReceived]:
    for raw in messages_of(path):
        yield from (event for event in events_of(raw) if isinstance(event, OrderReceived))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_message_gives_events_or_an_error_that_says_where(path: Path) -> None:
    for raw in messages_of(path):
        try:
            events = events_of(raw)
        except BridgeError as error:
            assert error.code in CONTENT_ERRORS
            assert error.location
        else:
            assert events


@pytest.mark.parametrize("path", ORDERS, ids=name_of)
def test_every_order_is_read_with_its_numbers_or_refused_for_a_reason(path: Path) -> None:
    if path.name in REFUSED:
        with pytest.raises(BridgeError) as caught:
            list(orders_of(path))
        assert caught.value.location == REFUSED[path.name]
        return
    found = list(orders_of(path))
    groups = sum(
        segment.name == "ORC" for raw in messages_of(path) for segment in read(raw).segments
    )
    assert len(found) == groups
    assert all(order.numbers for order in found)
    expected = Category.OTHER if path.name in OTHER else Category.IMAGING
    assert {order.category for order in found} == {expected}


@pytest.mark.parametrize("path", ORDERS, ids=name_of)
def test_no_modality_is_guessed(path: Path) -> None:
    if path.name in REFUSED:
        pytest.skip("refused")
    found = {s.modality for o in orders_of(path) for p in o.procedures for s in p.steps}
    assert found <= {MODALITIES.get(path.name, "")}


@pytest.mark.parametrize("path", [p for p in FILES if p.name.startswith("adt_")], ids=name_of)
def test_every_update_and_merge_has_a_patient(path: Path) -> None:
    for raw in messages_of(path):
        try:
            events = events_of(raw)
        except BridgeError as error:
            assert (path.name, error.code) == ("adt_efferent_a01.hl7", "201")
            continue
        for event in events:
            if isinstance(event, PatientUpdated):
                assert event.patient.identifiers
            if isinstance(event, PatientsMerged):
                assert event.survivor.identifiers
                assert event.retired
