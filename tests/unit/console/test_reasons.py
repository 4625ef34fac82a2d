"""Given reasons in the bridge's own words, when shown in Vietnamese, then they are Vietnamese."""

from __future__ import annotations

import pytest

from bridge.console.language import entries
from bridge.console.reasons import CATALOGUE, HOLE, reasons
from tools.reasons import reasons as collected

PUT_IN = ("ACC0001", "CT01", "17", "x2", "y3")


def test_given_every_reason_of_the_source_when_said_then_it_is_as_the_catalogue_has_it() -> None:
    known = entries("vi", CATALOGUE)
    say = reasons("vi").say
    wrong = {}
    for text in (each for each in collected() if each in known):
        given = PUT_IN[: text.count(HOLE)]
        if " " in text and say(text.format(*given)) != known[text].format(*given):
            wrong[text] = say(text.format(*given))
    assert wrong == {}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("on hold; missing PatientName", "đang tạm hoãn; thiếu PatientName"),
        ("down: cannot be reached: ConnectError", "mất kết nối: không kết nối được: ConnectError"),
        ("role viewer", "vai trò người xem"),
        ("cert.pem: ends soon in 12 days", "cert.pem: sắp hết hạn trong 12 ngày"),
    ],
)
def test_given_a_reason_made_of_reasons_when_said_then_each_part_is_said(
    written: str, shown: str
) -> None:
    assert reasons("vi").say(written) == shown
    assert reasons("en").say(written) == written


def test_given_what_somebody_typed_when_it_is_shown_with_a_reason_then_it_stays_as_it_was() -> None:
    replayed = "edited and replayed: patient ID by telephone"
    assert reasons("vi").say(replayed) == "đã sửa và áp dụng lại: patient ID by telephone"
    assert reasons("vi").say("in") == "in"


def test_given_words_of_others_when_shown_then_they_are_marked_as_english_and_escaped() -> None:
    assert reasons("vi").mark("no <b> here") == '<span lang="en">no &lt;b&gt; here</span>'
    assert reasons("en").mark("no <b> here") == "no &lt;b&gt; here"
    assert reasons("vi").mark("") == ""
