"""Given texts and character sets, then every letter is carried or folded, never made a `?`."""

import pytest
from pydicom.charset import convert_encodings
from pydicom.valuerep import PersonName

from bridge.dicom.charsets import DEFAULT, UTF8, character_set


@pytest.mark.parametrize(
    ("terms", "name"),
    [
        ("ISO_IR 100", "Müller^Jörg"),
        ("ISO_IR 101", "Dvořák^Šárka"),
        ("ISO_IR 126", "Διονυσιος"),
        ("ISO_IR 144", "Люкceмбypг"),
        ("ISO_IR 192", "NGUYỄN^ÁNH^VĂN=阮^英^文"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
        ("\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("ISO_IR 13\\ISO 2022 IR 87", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        ("\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동"),
    ],
)
def test_given_a_set_that_carries_the_name_then_pydicom_reads_back_what_was_written(
    terms: str, name: str
) -> None:
    chosen = character_set(terms)
    written = chosen.encode(name, is_name=True)
    assert str(PersonName(written, convert_encodings(list(chosen.terms)))) == name
    assert chosen.decode(written) == name


@pytest.mark.parametrize(
    ("terms", "name", "written"),
    [
        ("ISO_IR 100", "NGUYỄN^VĂN ÁNH", b"NGUYEN^VAN ANH"),
        ("ISO_IR 6", "ĐẶNG^THỊ", b"DANG^THI"),
        ("ISO_IR 100", "Wang^XiaoDong=王^小東", b"Wang^XiaoDong"),
        ("ISO_IR 100", "Müller=山田", b"M\xfcller"),
        ("ISO_IR 100", "山田^太郎", b"NOT REPRESENTABLE"),
        ("ISO_IR 13", "山田", b"NOT REPRESENTABLE"),
    ],
)
def test_given_a_set_that_cannot_carry_the_name_then_it_is_folded(
    terms: str, name: str, written: bytes
) -> None:
    assert character_set(terms).encode(name, is_name=True) == written


@pytest.mark.parametrize(
    "spelling", ["ISO_IR 100", "ISO-IR 100", "iso ir 100", "ISO_IR_100", "ISOIR100", "ISO_IR 100 "]
)
def test_given_a_spelling_of_the_field_then_it_is_understood(spelling: str) -> None:
    assert character_set(spelling).terms == ("ISO_IR 100",)


def test_given_the_default_repertoire_in_any_form_then_nothing_is_declared() -> None:
    assert {character_set(each) for each in ("", "ISO_IR 6", "ISO 2022 IR 6", "NONSENSE")} == {
        DEFAULT
    }


def test_given_a_stand_alone_set_among_others_then_it_stands_alone() -> None:
    assert character_set("ISO_IR 100\\ISO_IR 192") == UTF8


@pytest.mark.parametrize(
    ("declared", "value", "text"),
    [
        ("", "NGUYỄN".encode(), "NGUYỄN"),
        ("", "Müller".encode("latin-1"), "Müller"),
        ("ISO_IR 192", "Müller".encode("latin-1"), "Müller"),
        ("ISO_IR 192", "Nguye\u0302\u0303n".encode(), "Nguyễn"),
        ("", b"Yamada=\x1b$B;3ED\x1b(B", "Yamada=山田"),
        ("ISO 2022 IR 100", b"broken \x1b$B\xff", "broken \x1b$Bÿ"),
    ],
)
def test_given_bytes_that_contradict_their_declaration_then_they_are_read_all_the_same(
    declared: str, value: bytes, text: str
) -> None:
    assert character_set(declared).decode(value) == text


def test_given_a_set_then_it_knows_what_it_carries() -> None:
    assert character_set("ISO_IR 100").carries("Müller")
    assert not character_set("ISO_IR 100").carries("NGUYỄN")
    assert character_set("\\ISO 2022 IR 87").carries("山田^太郎")
