"""Names beyond ASCII: from the HIS to every modality, in what each of them can read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.acceptance.hospital import Hospital
from tests.acceptance.orders import acknowledgement, header, new_order, new_patient, orm
from tests.peers.mllp import MllpSocket

VIETNAMESE = "NGUYỄN^ÁNH^VĂN"
FOLDED = "NGUYEN^ANH^VAN"


def vietnamese_order() -> tuple[str, str]:
    """A message in UTF-8 that does not say so (MSH-18 is empty), and its accession number."""
    order = new_order(new_patient(family="NGUYỄN", given="ÁNH", middle="VĂN"))
    return orm(order, charset=""), order.accession


def test_given_vietnamese_in_utf_8_without_msh_18_then_the_modality_sees_it_in_iso_ir_192(
    hospital: Hospital,
) -> None:
    message, accession = vietnamese_order()
    hospital.place(message)

    (entry,) = hospital.worklist(AccessionNumber=accession)

    assert entry.SpecificCharacterSet == "ISO_IR 192"
    assert entry.PatientName == VIETNAMESE


def test_given_a_modality_of_latin_1_then_vietnamese_is_folded_and_never_a_question_mark(
    hospital: Hospital,
) -> None:
    message, accession = vietnamese_order()
    hospital.place(message)

    (entry,) = hospital.worklist("LATIN1", AccessionNumber=accession)

    assert entry.get("SpecificCharacterSet", "") in {"", "ISO_IR 100"}
    alphabetic = str(entry.PatientName).partition("=")[0]
    assert alphabetic == FOLDED
    assert "?" not in str(entry)


def test_given_a_modality_of_latin_1_then_what_it_can_read_stays(hospital: Hospital) -> None:
    order = new_order(new_patient(family="MÜLLER", given="RENÉ", middle=""))
    hospital.place(orm(order))

    (entry,) = hospital.worklist("LATIN1", AccessionNumber=order.accession)

    assert entry.SpecificCharacterSet == "ISO_IR 100"
    assert str(entry.PatientName).rstrip("^") == "MÜLLER^RENÉ"


@pytest.mark.parametrize("key", ["NGUYỄN*", "NGUYEN*", "nguyễn*", "Nguyen^Anh*", FOLDED])
def test_given_any_way_to_write_a_name_when_the_modality_asks_by_it_then_it_is_found(
    hospital: Hospital, key: str
) -> None:
    message, accession = vietnamese_order()
    hospital.place(message)

    found = hospital.worklist(AccessionNumber=accession, PatientName=key)

    assert [item.PatientName for item in found] == [VIETNAMESE]


def test_given_a_message_in_latin_1_that_says_so_then_it_is_read_in_it(hospital: Hospital) -> None:
    order = new_order(new_patient(family="MÜLLER", given="RENÉ", middle=""))
    message = orm(order, head=header("ORM^O01", "2.3.1", charset="8859/1"))
    with MllpSocket(hospital.bridge.hl7_port) as wire:
        answer = wire.exchange(message.encode("latin-1"))

    assert acknowledgement(answer)["code"] == "AA"
    assert str(hospital.entry(order).PatientName).rstrip("^") == "MÜLLER^RENÉ"


def test_given_escapes_in_a_text_then_the_modality_sees_what_they_stand_for(
    hospital: Hospital,
) -> None:
    order = replace(new_order(), description="CT head \\T\\ neck")
    hospital.place(orm(order))

    assert hospital.entry(order).RequestedProcedureDescription == "CT head & neck"
