"""The orders that every contender holds: 200 a day for each of five stations, from today on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

from bridge.simulate.hospital import EXAMS, OrderRequest, Person
from bridge.simulate.orders import order_message

PER_DAY = 200
STATIONS = ("CT01", "CT02", "CT03", "CT04", "CT05")
ZONE = timezone(timedelta(hours=7))
# Fixed for the run, so that midnight does not part the seeding from the queries.
TODAY = datetime.now(UTC).astimezone(ZONE).replace(hour=7, minute=0, second=0, microsecond=0)
FAMILIES = ("NGUYEN", "TRAN", "LE", "PHAM", "HOANG", "PHAN", "VU", "DANG", "BUI", "DO")
GIVEN = ("AN", "BINH", "CHI", "DUNG", "HA", "KHANH", "LAN", "MINH", "NGOC", "QUAN", "THAO")


def order(number: int, prefix: str = "S") -> OrderRequest:
    """The `number`th order, from 0 on; `prefix` (one letter) sets series of orders apart."""
    slot, station_day = number % PER_DAY, number // PER_DAY
    name = f"{prefix}{number:07d}"
    return OrderRequest(
        placer_number=f"P{name}",
        control_id=f"C{name}",
        person=Person(
            f"BN{name}",
            FAMILIES[number % len(FAMILIES)],
            "",
            GIVEN[number % len(GIVEN)],
            f"{1940 + number % 80}{1 + number % 12:02d}{1 + number % 28:02d}",
            "MF"[number % 2],
            60,
        ),
        exam=EXAMS[number % len(EXAMS)],
        accession_number=f"A{name}",
        rp_id=f"R{name}",
        sps_id=f"T{name}",
        study_instance_uid=f"2.25.{ord(prefix)}{number:09d}",
        station_ae_title=STATIONS[station_day % len(STATIONS)],
        start=day(station_day) + timedelta(minutes=3 * slot),
    )


def day(station_day: int) -> datetime:
    """The morning of a station's day."""
    return TODAY + timedelta(days=station_day // len(STATIONS))


def messages(first: int, last: int, prefix: str = "S") -> Iterator[bytes]:
    """OMI^O23 of the orders from `first` up to and without `last`."""
    return (order_message(order(number, prefix), "OMI^O23") for number in range(first, last))
