"""Names: how they are folded, and when two of them are the same person's."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.names import fold, fold_name, same_name, to_ascii

# Every letter of Vietnamese, both cases.
VIETNAMESE = "".join(
    chr(code)
    for code in (*range(0xC0, 0x250), *range(0x1EA0, 0x1EFA))
    if unicodedata.normalize("NFD", chr(code))[0] in "AEIOUYaeiouy" or chr(code) in "Đđ"
)
NAMES = st.lists(
    st.text(st.sampled_from(VIETNAMESE + "ABCDEFGHIJKLMNOPQRSTUVWXYZ abc"), max_size=8),
    min_size=1,
    max_size=5,
).map("^".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NGUYỄN VĂN ÁNH", "NGUYEN VAN ANH"),
        ("Nguyễn Thị Đặng Phượng", "Nguyen Thi Dang Phuong"),
        ("đỗ", "do"),
        ("Ødegård", "Odegard"),
        ("Łukasz Groß", "Lukasz Gross"),
        ("O\u2019Brien", "O'Brien"),
        ("山田 やまだ", "山田 YAMADA"),
        ("Андрей", "Andrei"),
        ("שרה", "שרה"),
        ("", ""),
    ],
)
def test_letters_fold_to_ascii_and_what_has_no_reading_stays(text: str, expected: str) -> None:
    assert to_ascii(text) == expected


@given(st.text(st.sampled_from(VIETNAMESE)))
def test_all_of_vietnamese_folds_to_ascii(text: str) -> None:
    assert to_ascii(text).isascii()
    assert len(to_ascii(text)) == len(text)


@given(NAMES)
def test_composed_and_decomposed_names_are_the_same(name: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    assert fold_name(composed) == fold_name(decomposed)
    assert same_name(composed, decomposed)


@given(NAMES)
def test_folding_twice_is_folding_once(name: str) -> None:
    assert fold_name(fold_name(name)) == fold_name(name)
    assert fold(fold(name)) == fold(name)


@given(NAMES)
def test_case_and_accents_do_not_count(name: str) -> None:
    assert fold_name(name.upper()) == fold_name(name.lower()) == fold_name(to_ascii(name))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nguyễn^ánh^văn^^", "NGUYEN^ANH^VAN"),
        (" Tran  Thi ^ Binh ", "TRAN THI^BINH"),
        ("YAMADA^TARO=山田^太郎=やまだ^たろう", "YAMADA^TARO=山田^太郎=YAMADA^TAROU"),
        ("YAMADA^TARO==やまだ", "YAMADA^TARO==YAMADA"),
        ("YAMADA==", "YAMADA"),
        ("^^", ""),
        ("", ""),
    ],
)
def test_a_name_folds_group_by_group_without_its_empty_tail(name: str, expected: str) -> None:
    assert fold_name(name) == expected


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("NGUYỄN^ÁNH^VĂN", "NGUYEN^ANH^VAN"),
        ("NGUYỄN VĂN ÁNH", "NGUYEN^VAN^ANH"),
        ("nguyen^anh", "NGUYỄN^ÁNH^^^"),
        ("YAMADA^TARO=山田^太郎", "YAMADA^TARO"),
        ("山田^太郎", "=山田^太郎"),
        ("YAMADA^TARO=山田^太郎", "山田 太郎"),
        ("Иванов^Пётр", "IVANOV^PETR"),
        ("", "^"),
    ],
)
def test_the_same_person(left: str, right: str) -> None:
    assert same_name(left, right)
    assert same_name(right, left)


@pytest.mark.parametrize(
    ("left", "right"), [("TRAN^BINH", "TRAN^BINH^THI"), ("TRAN^BINH", "BINH^TRAN"), ("TRAN", "")]
)
def test_not_the_same_person(left: str, right: str) -> None:
    assert not same_name(left, right)
