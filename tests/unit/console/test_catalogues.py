"""Given the console's texts, when catalogues are read, then each is there in Vietnamese."""

from __future__ import annotations

from bridge.console.language import translations
from tools.catalogues import missing, stale, unused


def test_given_every_text_when_sought_in_the_catalogues_then_it_has_vietnamese() -> None:
    assert missing("vi") == []


def test_given_the_catalogues_when_compared_with_the_texts_then_none_is_left_over() -> None:
    assert unused("vi") == []


def test_given_the_catalogues_when_compiled_then_they_are_what_is_kept() -> None:
    assert stale("vi") == []


def test_given_a_text_when_said_in_a_language_then_it_is_that_language() -> None:
    assert translations("vi").gettext("Search") == "Tìm kiếm"
    assert translations("en").gettext("Search") == "Search"
    assert translations("vi").gettext("no such text") == "no such text"
