"""Given values of DICOM, when a page shows them, then people can read them."""

from __future__ import annotations

import pytest

from bridge.console.values import FILTERS


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("person", "NGUYỄN^VĂN ÁNH", "NGUYỄN VĂN ÁNH"),
        ("person", "YAMADA^TARO=山田^太郎=やまだ^たろう", "YAMADA TARO (山田 太郎, やまだ たろう)"),
        ("person", "=山田^太郎", "山田 太郎"),
        ("person", "", ""),
        ("day", "20260105", "2026-01-05"),
        ("day", "2026", "2026"),
        ("day", "20260101-20260131", "2026-01-01"),
        ("day", "", ""),
        ("hour", "090000", "09:00"),
        ("hour", "0900", "09:00"),
        ("hour", "090017.123", "09:00:17"),
        ("hour", "09", "09"),
        ("moment", "20260105090000", "2026-01-05 09:00"),
        ("moment", "20260105", "2026-01-05"),
        ("moment", "", ""),
    ],
)
def test_given_a_value_then_it_reads_as_people_write_it(kind: str, value: str, shown: str) -> None:
    assert FILTERS[kind](value) == shown
