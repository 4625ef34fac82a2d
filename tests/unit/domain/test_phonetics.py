"""Names that are heard alike are one, and Vietnamese names that are not stay apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.attribute_matching import matches_name
from bridge.domain.phonetics import sounds_like, sounds_of, sounds_sought


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("NGUYEN", "NGUYỄN^ÁNH^VĂN"),
        ("Chang", "NGUYỄN^TRANG"),
        ("Suan", "LÊ^XUÂN"),
        ("Tuy", "LÊ^THÚY"),
        ("Huynh", "HOÀNG^MINH"),
        ("Dang", "LÊ^GIANG"),
        ("MAIER", "MEYER^JAN"),
        ("Schmid", "SCHMIDT^EVA"),
        ("Filip", "X^PHILIPP"),
        ("Mueller", "MÜLLER^ANN"),
        ("Kristian", "A^CHRISTIAN"),
        ("VAN NGUYEN", "NGUYỄN^ÁNH^VĂN"),
        ("NGUY*", "NGUYỄN^ÁNH"),
        ("TRAN=陳", "TRAN^BINH=陳"),
    ],
)
def test_given_names_that_sound_alike_then_they_match(key: str, name: str) -> None:
    assert sounds_like(key, name)


@pytest.mark.parametrize(
    ("key", "name"),
    [("Dung", "LÊ^TÙNG"), ("Phan", "LÊ^VĂN"), ("Lê", "LỘ^A"), ("NGUYEN TRAN", "NGUYỄN^VĂN")],
)
def test_given_names_that_do_not_then_they_do_not(key: str, name: str) -> None:
    assert not sounds_like(key, name)


@pytest.mark.parametrize("key", ["", "*", "^", "N?UYEN", "*EN"])
def test_given_no_word_or_wildcards_within_one_then_nothing_is_heard(key: str) -> None:
    assert sounds_sought(key) == ()
    assert not sounds_like(key, "NGUYEN^VAN")


@given(st.text(st.sampled_from("ABCDEGHIJKLMNOPQRSTUVWXYZ^ ĐƯƠ'-"), min_size=1, max_size=12))
def test_given_any_name_then_it_sounds_like_itself(name: str) -> None:
    assert sounds_of(name) == "" or sounds_like(name, name)


def test_given_an_empty_component_of_a_name_then_it_may_be_anything() -> None:
    assert matches_name("^ANH", "NGUYỄN^ÁNH")
    assert matches_name("NGUYEN^^VAN", "NGUYỄN^ÁNH^VĂN")
    assert not matches_name("NGUYEN^^VAN", "TRẦN^ÁNH^VĂN")
    assert not matches_name("*", "")
