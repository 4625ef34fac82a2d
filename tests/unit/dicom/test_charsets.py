"""Given texts and character sets, then every letter is carried or folded, never made a `?`."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.charset import convert_encodings
from pydicom.data import get_charset_files
from pydicom.valuerep import PersonName

from bridge.dicom.charsets import DEFAULT, UTF8, character_set
from bridge.domain.names import to_ascii


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
        ("\\ISO 2022 IR 87\\ISO 2022 IR 159", "Yamada=丂山=やまだ"),
        ("ISO_IR 109", "Ĝorĝo^Ŭeĉo"),
        ("ISO_IR 110", "Šķēle^Ģirts"),
        ("ISO_IR 127", "محمد"),
        ("ISO_IR 138", "שרה^כהן"),
        ("ISO_IR 148", "Çavuşoğlu^İ"),
        ("ISO_IR 166", "สมชาย"),
        ("GBK", "Wang^XiaoDong=王^小东"),
        ("ISO_IR 100\\ISO 2022 IR 144", "Müller=Иванов"),
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
        ("ISO_IR 100", "山田^太郎", b""),
        ("ISO_IR 13", "山田", b""),
        ("ISO_IR 100", "山田^太郎=山田^太郎=やまだ^たろう", b"YAMADA^TAROU"),
        ("ISO_IR 6", "=山田^太郎=ヤマダ^タロウ", b"YAMADA^TAROU"),
        ("ISO_IR 6", "김^희중", b"GIM^HUIJUNG"),
        ("ISO_IR 100", "Иванов^Пётр", b"Ivanov^Petr"),
        (
            "\\ISO 2022 IR 87",
            "やまだ^たろう",
            b"YAMADA^TAROU==\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        ),
        ("\\ISO 2022 IR 87", "Иванов", b"Ivanov=\x1b$B'*'S'Q'_'`'S\x1b(B"),
        ("\\ISO 2022 IR 87", "山田^太郎", b"=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"),
        ("ISO_IR 100\\ISO 2022 IR 87", "Müller=山田", b"M\xfcller=\x1b$B;3ED\x1b(B"),
        ("\\ISO 2022 IR 149", "NGUYỄN^ÁNH", b"NGUYEN^ANH"),
        ("GB18030", "NGUYỄN", "NGUYỄN".encode("gb18030")),
        ("GBK", "NGUYỄN=阮", b"NGUYEN=\xc8\xee"),
        ("ISO_IR 6", "Nguyễn 阮 (英)", b"Nguyen"),
        ("ISO_IR 100", "ĐỖ^A\\山田\\LÊ^B", b"DO^A\\L\xca^B"),
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


def test_given_chinese_of_gb_2312_then_each_component_designates_it_anew() -> None:
    """pydicom leaves the escape bytes in such names: the acceptance test asks dcmtk instead."""
    chosen = character_set("\\ISO 2022 IR 58")
    written = chosen.encode("Wang^XiaoDong=王^小东", is_name=True)
    assert written == b"Wang^XiaoDong=\x1b$)A\xcd\xf5^\x1b$)A\xd0\xa1\xb6\xab"
    assert chosen.decode(written) == "Wang^XiaoDong=王^小东"


@pytest.mark.parametrize(
    ("text", "limit", "written"),
    [
        ("Щ" * 10, 16, b"SHCH" * 4),
        ("Größe " * 3, 16, b"Grosse Grosse Gr"),
        ("Größe (頭部) 5 µg", 64, b"Grosse 5 ug"),
    ],
)
def test_given_text_that_grows_when_folded_then_it_is_cut_to_what_its_vr_holds(
    text: str, limit: int, written: bytes
) -> None:
    assert character_set("ISO_IR 6").encode(text, limit=limit) == written


NAMES = {
    "ISO_IR 100": "äéñøß",
    "ISO_IR 101": "řščžő",
    "ISO_IR 126": "αβγδ",
    "ISO_IR 144": "абвгд",
    "ISO_IR 203": "œŸ€",
    "GB18030": "王小东ễă",
    "\\ISO 2022 IR 87": "山田太郎やまだ",
    "ISO_IR 13\\ISO 2022 IR 87": "ﾔﾏﾀﾞ山田太郎やまだ",
    "\\ISO 2022 IR 87\\ISO 2022 IR 159": "山田丂丄",
    "\\ISO 2022 IR 149": "金姜김희중",
    "\\ISO 2022 IR 58": "王小东",
    "ISO_IR 100\\ISO 2022 IR 126\\ISO 2022 IR 87": "äéαβ山田",
    "ISO_IR 192": "ễ山김🙂",
}


@pytest.mark.parametrize("terms", NAMES)
@given(data=st.data())
def test_given_any_text_a_set_carries_then_it_comes_back(terms: str, data: st.DataObject) -> None:
    chosen = character_set(terms)
    text = data.draw(st.text(NAMES[terms] + "ab ^-\r\n", max_size=20))
    assert chosen.decode(chosen.encode(text)) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("terms", ["", *NAMES])
@given(text=st.text(max_size=30))
def test_given_any_text_at_all_then_no_question_mark_is_made(terms: str, text: str) -> None:
    chosen = character_set(terms)
    for is_name in (False, True):
        shown = chosen.decode(chosen.encode(text, is_name=is_name))
        assert shown.count("?") <= max(text.count("?"), to_ascii(text).count("?"))


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
        ("ISO 2022 IR 100", b"broken \x1b$B\xff", "broken ÿ"),
        ("\\ISO 2022 IR 87", "山田".encode("cp932"), "山田"),
        ("ISO_IR 100\\ISO 2022 IR 87", b"M\xfcller=\x1b$B;3ED\x1b(B^\xe9", "Müller=山田^é"),
        ("\\ISO 2022 IR 149", b"Hong=\x1b$)C\xfb\xf3^\xd1\xce\xd4\xd7", "Hong=洪^吉洞"),
        ("\\ISO 2022 IR 58", b"Wang=\x1b$)A\xcd\xf5^\x1b$)A\xd0\xa1", "Wang=王^小"),
        ("ISO_IR 203", b"B\xbduf \xa4", "Bœuf €"),
        ("ISO_IR 166", "สมชาย".encode("tis_620"), "สมชาย"),
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


# pydicom leaves the escape sequences of ISO 2022 IR 58 in names.
CHARSET_FILES = [path for path in get_charset_files("*.dcm") if "ISO 2022 IR 58" not in path]


def names_in(dataset: Dataset) -> list[PersonName]:
    values = [each.value for each in dataset if each.VR == "PN"]
    flat = [name for each in values for name in ([each] if isinstance(each, PersonName) else each)]
    return [name for name in flat if name.original_string]


@pytest.mark.parametrize("path", CHARSET_FILES, ids=lambda path: Path(path).name)
def test_given_the_files_of_the_standards_examples_then_names_are_read_as_pydicom_does(
    path: str,
) -> None:
    raw, decoded = dcmread(path), dcmread(path)
    decoded.decode()
    declared = raw.get("SpecificCharacterSet", "")
    terms = declared if isinstance(declared, str) else "\\".join(declared)
    names, texts = names_in(raw), names_in(decoded)
    assert names or "Multi" in path or "SQ" in path
    for name, text in zip(names, texts, strict=True):
        read = character_set(terms).decode(name.original_string)
        assert read == unicodedata.normalize("NFC", str(text))
        if "=" in read or "ISO 2022" not in terms:  # else ideographs alone change their group
            written = character_set(terms).encode(read, is_name=True)
            assert character_set(terms).decode(written) == read


@pytest.mark.parametrize("terms", ["", "NONSENSE", *NAMES])
@given(value=st.binary(max_size=40))
def test_given_any_bytes_then_text_comes_without_replacement_characters(
    terms: str, value: bytes
) -> None:
    text = character_set(terms).decode(value)
    assert unicodedata.is_normalized("NFC", text)
    assert "\ufffd" not in text or b"\xef\xbf\xbd" in value or "GB" in terms
