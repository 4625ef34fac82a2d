"""Given bytes and the label in MSH-18, when they disagree, then the bytes are believed, aloud."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.hl7.characters import character_set, encode
from bridge.hl7.detection import declared, decode
from bridge.hl7.er7 import Message, read

NAME = "Nguyễn^Văn^Ánh"


def message(name: bytes, label: str) -> bytes:
    header = f"MSH|^~\\&|A|B|C|D|20240101||ADT^A08|M1|P|2.5.1||||||{label}\r"
    return header.encode() + b"PID|||1||" + name + b"||1980\r"


def name_of(order: Message) -> str:
    return order.all("PID")[0].text(5)


@pytest.mark.parametrize(
    ("label", "codec", "name"),
    [
        ("UNICODE UTF-8", "utf-8", NAME),
        ("UNICODE", "utf-8", NAME),
        ("UTF-8", "utf-8", NAME),
        ("8859/1", "latin-1", "Müller^Jürgen"),
        ("ISO-8859-1", "latin-1", "Müller^Jürgen"),
        ("8859/2", "iso8859-2", "Dvořák^Jiří"),
        ("8859/5", "iso8859-5", "Люкceмбypг"),
        ("8859/7", "iso8859-7", "Διονυσιος"),
        ("8859/9", "iso8859-9", "Çavuşoğlu"),
        ("8859/15", "iso8859-15", "Bœuf €"),
        ("KS X 1001", "euc_kr", "김희중"),
        ("GB 18030-2000", "gb18030", "王^小东"),
        ("BIG-5", "big5", "功^許蓋"),  # the second bytes hold backslashes and bars
        ("ISO IR14", "shift_jis", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("TIS-620", "tis_620", "สมชาย"),
        ("windows-1252", "cp1252", "Müller “x”"),
        ("", "ascii", "Doe^Jane"),
    ],
)
def test_given_a_true_label_when_read_then_the_name_is_right(
    label: str, codec: str, name: str
) -> None:
    order = read(message(name.encode(codec), label))

    assert name_of(order) == name
    assert order.warnings == ()


@pytest.mark.parametrize("label", ["", "ASCII", "8859/1", "8859/15", "windows-1258", "KLINGON"])
def test_given_utf_8_under_another_label_when_read_then_it_is_read_as_utf_8(label: str) -> None:
    order = read(message(NAME.encode(), label))

    assert name_of(order) == NAME
    assert any("UTF-8" in warning for warning in order.warnings)


def test_given_gbk_that_looks_like_utf_8_when_labelled_then_the_label_is_believed() -> None:
    assert name_of(read(message("联通".encode("gb18030"), "GB 18030-2000"))) == "联通"


@pytest.mark.parametrize(
    ("raw", "label", "name"),
    [
        (b"M\xfcller \x93x\x94", "8859/1", "Müller “x”"),
        (b"M\xfcller", "", "Müller"),
        (b"M\xfcller", "UNICODE UTF-8", "Müller"),
        (NAME.encode() + b"\xe1\xba", "UNICODE UTF-8", NAME + "\ufffd"),
    ],
)
def test_given_bytes_that_do_not_fit_when_read_then_the_rest_is_saved_with_a_warning(
    raw: bytes, label: str, name: str
) -> None:
    order = read(message(raw, label))

    assert name_of(order) == name
    assert order.warnings


def test_given_a_site_default_when_the_label_is_blank_then_it_is_tried_first() -> None:
    raw = message("Люкс".encode("cp1251"), "")

    assert name_of(read(raw, fallback="windows-1251")) == "Люкс"


def test_given_a_peer_override_when_read_then_neither_label_nor_detection_counts() -> None:
    raw = message("Ã".encode(), "UNICODE UTF-8")

    assert name_of(read(raw, encoding_override="8859/1")) == "Ã\x83"


def test_given_decomposed_letters_when_read_then_they_are_composed() -> None:
    raw = message(unicodedata.normalize("NFD", NAME).encode(), "UNICODE UTF-8")

    assert name_of(read(raw)) == NAME


@pytest.mark.parametrize(
    ("label", "raw"),
    [
        ("windows-1258", b"Nguy\xea\xden V\xe3n \xc1nh"),
        ("TCVN3", b"Nguy\xd4n V\xa8n \xb8nh"),
        ("VNI", "Nguyeãn Vaên AÙnh".encode("cp1252")),
        ("VISCII", b"Nguy\xadn V\xe5n \xc1nh"),
    ],
)
def test_given_vietnamese_from_before_unicode_when_read_then_it_is_unicode(
    label: str, raw: bytes
) -> None:
    name = name_of(read(message(raw, label)))

    assert name.casefold() == "nguyễn văn ánh"
    assert unicodedata.is_normalized("NFC", name)


@pytest.mark.parametrize("label", ["ISO IR87", "~ISO IR87", "ISO IR14~ISO IR87", "ISO IR159", ""])
def test_given_kanji_whose_bytes_hold_delimiters_when_read_then_they_do_not_split(
    label: str,
) -> None:
    name = "^山田健^太郎"  # bytes with | ^ ~ & among them
    raw = message(name.encode("iso2022_jp"), label)

    order = read(raw)

    assert name_of(order) == name
    assert order.get("PID-7") == "1980"
    assert bool(order.warnings) == (label == "")


@pytest.mark.parametrize(
    ("label", "codec", "name"),
    [
        ("ISO IR87", "cp932", "山田^太郎"),
        ("~ISO IR87", "cp932", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("~KS X 1001", "euc_kr", "홍^길동"),
    ],
)
def test_given_eight_bit_text_under_an_iso_2022_label_when_read_then_it_is_the_countrys_own(
    label: str, codec: str, name: str
) -> None:
    order = read(message(name.encode(codec), label))

    assert name_of(order) == name
    assert order.warnings


def test_given_half_width_and_kanji_in_one_name_when_read_then_both_come() -> None:
    name = "ﾔﾏﾀﾞ^ﾀﾛｳ".encode("shift_jis") + b"=" + "山田".encode("iso2022_jp")

    assert name_of(read(message(name, "ISO IR14~ISO IR87"))) == "ﾔﾏﾀﾞ^ﾀﾛｳ=山田"


def test_given_korean_announced_by_a_sequence_when_read_then_it_comes() -> None:
    name = b"Kim=\x1b$)C" + "김^희중".encode("euc_kr")

    assert name_of(read(message(name, "~KS X 1001"))) == "Kim=김^희중"


def test_given_sequences_written_as_escapes_when_read_then_they_switch() -> None:
    name = rb"\M2442\;3EDB@O:\C2842\^x"

    assert name_of(read(message(name, "~ISO IR87"))) == "山田太郎^x"


def test_given_kanji_before_msh_18_when_looking_for_the_label_then_it_is_found() -> None:
    sender = "病院".encode("iso2022_jp")
    header = b"MSH|^~\\&|" + sender + b"|B|C|D|2024||ADT|1|P|2.5||||||~ISO IR87\r"

    assert declared(header) == ("", "ISO IR87")


@pytest.mark.parametrize("label", ["Klingon", "utf-16", ""])
def test_given_a_configured_label_that_cannot_work_when_looked_up_then_it_is_refused(
    label: str,
) -> None:
    if label:
        with pytest.raises(LookupError):
            character_set(label)
    else:
        assert character_set(label).codec == "ascii"


def test_given_text_that_does_not_fit_when_encoded_then_it_is_folded_or_a_question_mark() -> None:
    assert encode("Ánh", "8859/1") == b"\xc1nh"
    assert encode("Ậ 山", "8859/1") == b"A ?"


@given(st.binary(max_size=200), st.sampled_from(["", "8859/1", "ISO IR87", "UNICODE", "VNI", "KS"]))
def test_given_any_bytes_when_decoded_then_text_comes_in_composed_form(
    raw: bytes, label: str
) -> None:
    text = decode(b"x" + raw, override=label if label != "KS" else "KS X 1001").text

    assert unicodedata.is_normalized("NFC", text)
