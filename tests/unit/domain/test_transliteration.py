"""Given names in other scripts, when a device reads ASCII only, then it gets what can be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.names import to_ascii


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Иванов^Пётр", "Ivanov^Petr"),
        ("ЩУКИН^ЮРИЙ", "SHCHUKIN^IURII"),
        ("Щукин", "Shchukin"),
        ("Зеленський^Їжак", "Zelenskii^Izhak"),
        ("Ђорђевић", "Djordjevic"),
        ("Παπαδόπουλος^Άγγελος", "Papadopoulos^Angelos"),
        ("ΔΙΟΝΥΣΙΟΥ", "DIONYSIOU"),
        ("やまだ^たろう", "YAMADA^TAROU"),
        ("ヤマダ^キョウコ", "YAMADA^KYOUKO"),
        ("ﾔﾏﾀﾞ", "YAMADA"),
        ("はっとり^まっちゃ", "HATTORI^MATCHA"),
        ("シャーロット", "SHAROTTO"),
        ("김^희중", "GIM^HUIJUNG"),
        ("홍^길동", "HONG^GILDONG"),
        ("Größe 5 ½ × 3", "Grosse 5 1/2 x 3"),
        ("Ｙａｍａｄａ", "Yamada"),
        ("“x” – ‘y’…", "\"x\" - 'y'..."),
        ("37 °C, 5 µg, 3 m²", "37 degC, 5 ug, 3 m2"),
        ("山田^太郎", "山田^太郎"),
    ],
)
def test_given_a_name_then_it_is_written_as_its_language_does(name: str, written: str) -> None:
    assert to_ascii(name) == written


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x4FF)))
def test_given_letters_of_europe_then_the_folded_form_is_stable(text: str) -> None:
    assert to_ascii(to_ascii(text)) == to_ascii(text)


@given(st.text("абвгдежзийклмнопрстуфхцчшщъыьэюяαβγδεζηθικλμνξοπρστυφχψως", max_size=30))
def test_given_cyrillic_or_greek_then_nothing_else_is_left(text: str) -> None:
    assert to_ascii(text).isascii()
    assert to_ascii(text.upper()).isascii()


@given(st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), max_size=20))
def test_given_any_hangul_then_nothing_else_is_left(text: str) -> None:
    assert to_ascii(text).isascii()
