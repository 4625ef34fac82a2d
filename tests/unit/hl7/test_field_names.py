"""Fields by the names that the standard gives them."""

from __future__ import annotations

from bridge.hl7.er7 import read
from bridge.hl7.field_names import field_name, named_fields

MESSAGE = (
    b"MSH|^~\\&|HIS|HOSP|||20260105||ORM^O01|M1|P|2.3.1\r"
    b"PID|1||P1^^^HOSP||TRAN^AN\rOBR|1|PL1\rOBR|2|PL2||||||||||||||||A2\rZDS|1.2.3\r"
)


def test_every_value_has_its_place_and_its_name() -> None:
    rows = {place: (name, value) for place, name, value in named_fields(read(MESSAGE))}
    assert rows["MSH-9"] == ("Message type", "ORM^O01")
    assert rows["PID-5"] == ("Patient name", "TRAN^AN")
    assert rows["OBR-2"] == ("Placer order number", "PL1")
    assert rows["OBR[2]-18"] == ("Placer field 1", "A2")
    assert rows["ZDS-1"] == ("", "1.2.3")
    assert "OBR-3" not in rows


def test_a_version_that_nobody_published_has_the_names_of_its_nearest() -> None:
    fields = named_fields(read(MESSAGE.replace(b"2.3.1", b"2.5.0")))
    assert dict((place, name) for place, name, _ in fields)["PID-3"] == "Patient identifier list"


def test_an_unknown_field_has_no_name() -> None:
    assert field_name("PID", 999) == field_name("ZZZ", 1) == ""
