"""Given bytes of the wire, when they are shown, then they are text and stay text."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from bridge.console.pages import MOST_SHOWN, Pages, wire_text
from bridge.services.overview import ListedMessage, WholeMessage


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"MSH|^~\\&|A\rPID|1\r", "MSH|^~\\&|A\nPID|1\n"),
        (b"{\r\n}", "{\n}"),
        ("NGUYỄN".encode(), "NGUYỄN"),
        (b"M\xfcller", "M\\xfcller"),
        (b"\x00\x1b$B", "␀␛$B"),
        (b"", ""),
    ],
)
def test_given_bytes_when_shown_then_controls_and_foreign_bytes_are_visible(
    content: bytes, shown: str
) -> None:
    assert wire_text(content) == shown


def test_given_a_huge_message_when_shown_then_its_beginning_is() -> None:
    assert len(wire_text(b"x" * (MOST_SHOWN + 1))) == MOST_SHOWN + 2


def test_given_markup_in_a_message_when_shown_then_it_is_not_markup() -> None:
    pages = Pages(site="<b>H</b>", zone=ZoneInfo("UTC"))
    evil = "<script>alert(1)</script>"
    listed = ListedMessage(
        pk=1,
        received_at=0.0,
        direction="in",
        protocol="hl7",
        type=evil,
        peer=evil,
        disposition="refused",
        error=evil,
    )
    message = WholeMessage(
        listed=listed, control_id=evil, warnings=(evil,), raw=evil.encode(), reply=evil.encode()
    )

    for page in (pages.message(message), pages.search(evil, [listed]), pages.notice(evil, evil)):
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "<b>H" not in page
