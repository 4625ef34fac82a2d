"""Given a time stamp as senders write it, when read, then it is the same moment at the site."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mapping.times import parse_date, parse_time_stamp

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "date", "time", "utc"),
    [
        ("20260312", "20260312", "", "20260311170000"),
        ("2026031208", "20260312", "080000", "20260312010000"),
        ("202603120815", "20260312", "081500", "20260312011500"),
        ("20260312081530.1234", "20260312", "081530", "20260312011530"),
        ("20260312233000+0000", "20260313", "063000", "20260312233000"),
        ("202110201126+0215", "20211020", "161100", "20211020091100"),
        ("2017-04-25 07:31:13.123456", "20170425", "073113", "20170425003113"),
        ("2026-03-12T08:15:00Z", "20260312", "151500", "20260312081500"),
        ("2026-03-12T08:15:00+07:00", "20260312", "081500", "20260312011500"),
        ("1928-01-01", "19280101", "", "19271231165320"),
        (" 20260312 ", "20260312", "", "20260311170000"),
    ],
)
def test_forms(text: str, date: str, time: str, utc: str) -> None:
    stamp = parse_time_stamp(text, HANOI)
    assert stamp is not None
    assert (stamp.date, stamp.time) == (date, time)
    if date != "19280101":  # local mean times differ between editions of the zone database
        assert stamp.utc == utc


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "202603",
        "1234",
        "12345678",
        "20260230",
        "20261301",
        "202603122400",
        "tomorrow",
        "20260312+0700x",
        "2026031",
        "00000000",
        "99999999999999",
        "Aug 15, 1942",
        "$DATE$",
    ],
)
def test_what_is_no_moment_is_none(text: str) -> None:
    assert parse_time_stamp(text, HANOI) is None


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("19750314", "19750314"),
        ("196512131515", "19651213"),
        ("198808181126+0215", "19880818"),
        ("1928-01-01", "19280101"),
        ("1975", None),
        ("196513121515", None),
        ("DOB", None),
    ],
)
def test_dates(text: str, date: str | None) -> None:
    assert parse_date(text) == date


@given(
    moment=st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
    offset=st.integers(-14 * 4, 14 * 4),
)
def test_an_offset_never_moves_the_moment(moment: datetime, offset: int) -> None:
    zone = timezone(timedelta(minutes=15 * offset))
    aware = moment.replace(microsecond=0, tzinfo=zone)
    stamp = parse_time_stamp(aware.strftime("%Y%m%d%H%M%S%z")[:19], BERLIN)
    assert stamp is not None
    assert stamp.utc == aware.astimezone(UTC).strftime("%Y%m%d%H%M%S")
    local = datetime.strptime(stamp.date + stamp.time, "%Y%m%d%H%M%S")  # noqa: DTZ007
    assert local == aware.astimezone(BERLIN).replace(tzinfo=None)


@given(st.text(max_size=30))
def test_no_text_breaks_it(text: str) -> None:
    stamp = parse_time_stamp(text, HANOI)
    assert stamp is None or (len(stamp.date) == 8 and len(stamp.time) in (0, 6))


@pytest.mark.parametrize(
    ("text", "order", "date"),
    [
        ("31/12/2026", "dmy", "20261231"),
        ("3.1.1975", "dmy", "19750103"),
        ("12/31/2026", "mdy", "20261231"),
        ("19750314", "dmy", "19750314"),
        ("1975-03-14", "dmy", "19750314"),
        ("31/12/2026", "mdy", None),
        ("31/12/2026", "", None),
        ("31/02/2026", "dmy", None),
        ("1980", "dmy", None),
    ],
)
def test_a_date_as_people_write_it_is_read_when_the_profile_says_the_order(
    text: str, order: str, date: str | None
) -> None:
    assert parse_date(text, order) == date


def test_a_time_as_people_write_it_is_read_when_the_profile_says_the_order() -> None:
    stamp = parse_time_stamp("12/03/2026 8:30", ZoneInfo("Asia/Ho_Chi_Minh"), "dmy")
    assert stamp is not None
    assert (stamp.date, stamp.time, stamp.utc) == ("20260312", "083000", "20260312013000")
    assert parse_time_stamp("12/03/2026 08:30", ZoneInfo("UTC")) is None
