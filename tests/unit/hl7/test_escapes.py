"""Given escape sequences, when replaced, then what they stand for is there and the rest stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.hl7.characters import CharacterSet
from bridge.hl7.escapes import Delimiters, Encoding

STANDARD = Encoding()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f"),
        (r"line\.br\next\.BR\third", "line\nnext\nthird"),
        (r"a\.sp2\b\.sk3\c\.sp\d", "a\n\nb   c\nd"),
        (r"\.ce\title\.in+4\\.ti-2\\.fi\\.nf\text", "\ntitletext"),
        (r"\H\bold\N\ plain", "bold plain"),
        (r"cut\P\\P\\P\ ", "cut### "),
        (r"\X0D0A\x\X41\\X42\ ", "\r\nxAB "),
        (r"a\X00\b\X1B\c\X09\d", "abc\td"),
        (r"\E\F\E\ ", r"\F\ "),
        (r"C:\temp\file", r"C:\temp\file"),
        (r"\Zlocal\ \X4\ \XYZ\ \Q\ ", r"\Zlocal\ \X4\ \XYZ\ \Q\ "),
        (r"\C2842\ \M2442\ ", r"\C2842\ \M2442\ "),
        ("\\", "\\"),
        (r"5\F", r"5\F"),
        (r"\.sp9999\ ", "\n" * 99 + " "),
    ],
)
def test_given_sequences_when_replaced_then_text_comes(written: str, meant: str) -> None:
    assert STANDARD.unescape(written) == meant


@pytest.mark.parametrize(
    ("codec", "written", "meant"),
    [
        ("utf-8", r"\XE1BAAC\ ", "Ậ "),
        ("utf-8", r"\XE1\\XBA\\XAC\ ", "Ậ "),
        ("iso8859-1", r"OPERA\XC7\\XC3\O", "OPERAÇÃO"),
        ("ascii", r"caf\XE9\ ", "café "),
        ("utf-8", r"caf\XE9\ ", "café "),
        ("ascii", r"caf\XC3A9\ ", "café "),
    ],
)
def test_given_hex_when_replaced_then_the_messages_character_set_reads_it(
    codec: str, written: str, meant: str
) -> None:
    assert Encoding(character_set=CharacterSet(codec)).unescape(written) == meant


def test_given_kanji_in_hex_when_replaced_then_iso_2022_reads_it() -> None:
    encoding = Encoding(character_set=CharacterSet("ascii", switching=True))

    assert encoding.unescape(r"\X1B24423B331B2842\ ") == "山 "


TEXT = st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\t\n\r")


@given(st.text(TEXT, max_size=40))
def test_given_any_text_when_escaped_and_replaced_then_it_is_the_same(text: str) -> None:
    assert STANDARD.unescape(STANDARD.escape(text)) == text


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_given_any_text_when_escaped_then_it_holds_no_delimiter_and_no_control(text: str) -> None:
    escaped = Encoding(Delimiters(truncation="#")).escape(text)

    assert not set(escaped) & set("|^~&#\r\n\x0b\x1c")


@given(st.text("\\FSTREPXHN.br09 ab", max_size=30))
def test_given_any_pile_of_sequences_when_replaced_then_it_never_fails(text: str) -> None:
    assert isinstance(STANDARD.unescape(text), str)
