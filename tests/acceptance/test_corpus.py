"""Messages of real senders (shared/corpus/INDEX.md): each is answered, and none does harm."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.acceptance.conftest import NewHospital
from tests.acceptance.hospital import Hospital
from tests.acceptance.orders import acknowledgement, header, new_order, orm
from tests.peers.dcmtk import STEP
from tests.peers.mllp import MllpSocket, frame

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "hl7"
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside this checkout")

ANSWERS = re.compile(rb"MSA\|(AA|AE|AR|CA|CE|CR)")
# Orders that are none of imaging: an allergy test and two of a laboratory.
OTHER_ORDERS = {"ord_efferent_allina_orm_escapes", "ord_epic_orm_23", "ord_google_paml_orm"}
EVER = {STEP + "ScheduledProcedureStepStartDate": "19000101-20991231"}


def content(path: Path) -> bytes:
    """Give a message without the frame that some files were kept with."""
    return path.read_bytes().strip(b"\x0b\x1c\r\n") + b"\r"


def is_silent(sent: bytes) -> bool:
    """Whether its sender wants no answer at all: NE in MSH-15 and MSH-16 (table 0155)."""
    headers = re.findall(rb"(?:^|[\r\n])(MSH[^\r\n]*)", sent)
    return {tuple(header.split(b"|")[14:16]) for header in headers} == {(b"NE", b"NE")}


def messages() -> list[Path]:
    return sorted(CORPUS.glob("*.hl7"))


@pytest.mark.parametrize("path", messages(), ids=lambda path: path.stem)
def test_given_a_message_of_the_corpus_then_it_is_answered(hospital: Hospital, path: Path) -> None:
    sent, following = content(path), orm(new_order(), head=header("ORM^O01", "2.3.1", control="ON"))
    with MllpSocket(hospital.bridge.hl7_port) as wire:
        wire.write(frame(sent) + frame(following.encode()))
        answer = wire.read()

    assert answer is not None, "the connection was closed without an answer"
    assert ANSWERS.search(answer), answer
    assert (acknowledgement(answer)["id"] == "ON") is is_silent(sent)
    assert hospital.bridge.running


def test_given_what_is_no_imaging_order_then_the_worklist_stays_empty(
    new_hospital: NewHospital,
) -> None:
    hospital = new_hospital()
    others = [
        path
        for path in messages()
        if path.stem in OTHER_ORDERS or path.stem.startswith(("adt_", "oru_", "mdm_"))
    ]
    assert len(others) > 20
    with MllpSocket(hospital.bridge.hl7_port) as wire:
        for path in others:
            wire.write(frame(content(path)))
            assert is_silent(content(path)) or wire.read() is not None, path.name

    on_it = [str(item.PatientName) for item in hospital.worklist(**EVER)]
    order = new_order()
    hospital.place(orm(order))

    assert on_it == []
    assert hospital.entry(order).StudyInstanceUID == order.study_uid
