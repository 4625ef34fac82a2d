"""Identifiers are what their value and their authority say together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.identifiers import NO_AUTHORITY, Authority, Identifier, is_placeholder

HOSP = Authority("HOSP", "1.2.3", "ISO")
AUTHORITIES = st.sampled_from(
    [NO_AUTHORITY, HOSP, Authority("HOSP"), Authority("", "1.2.3", "ISO"), Authority("CLINIC")]
)
IDENTIFIERS = st.builds(Identifier, st.sampled_from(["1", "2"]), AUTHORITIES)


def test_an_authority_is_its_namespace_else_its_universal_id() -> None:
    assert HOSP.key == "HOSP"
    assert Authority("", "1.2.3", "ISO").key == "1.2.3"
    assert not NO_AUTHORITY
    assert Authority(universal_id="1.2.3")


def test_the_same_value_of_two_authorities_is_two_identifiers() -> None:
    assert not Identifier("1", HOSP).agrees_with(Identifier("1", Authority("CLINIC")))


def test_a_silent_authority_contradicts_nobody() -> None:
    assert Identifier("1").agrees_with(Identifier("1", HOSP))
    assert Identifier("1", HOSP).agrees_with(Identifier("1"))
    assert not Identifier("1").agrees_with(Identifier("2", HOSP))


@given(IDENTIFIERS, IDENTIFIERS)
def test_agreement_is_mutual_and_never_joins_two_values(one: Identifier, two: Identifier) -> None:
    assert one.agrees_with(two) == two.agrees_with(one)
    assert one.agrees_with(one)
    assert one.value == two.value or not one.agrees_with(two)


@pytest.mark.parametrize(
    "value", ["", " ", "0", "unknown", "UNK", "N/A", "none", '""', "9999", "9999999", ".", "-"]
)
def test_what_senders_write_when_they_have_no_identifier(value: str) -> None:
    assert is_placeholder(value)


@pytest.mark.parametrize("value", ["1", "00", "999", "9998", "P9999", "UNKNOWN1"])
def test_what_is_an_identifier(value: str) -> None:
    assert not is_placeholder(value)
