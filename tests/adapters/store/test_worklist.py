"""What a modality finds (PS3.4 Annex K and C.2.2.2), by each key, on both databases alike."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Connection, MetaData, Table, select

from bridge.domain.names import fold_name
from bridge.domain.worklist import DateTimeRange, WorklistQuery
from bridge.store.database import Database
from bridge.store.key_matching import any_text
from bridge.store.tables import TEXT
from tests.unit.services.core import Core, order, patient, procedure, step

_numbers = count(1)


@pytest.fixture
def one(core: Core) -> Core:
    """One step with every key filled."""
    planned = step(
        "SPS_1",
        station_ae_titles=("CT01", "CT02"),
        attributes={
            "ScheduledStationName": "ROOM 1",
            "ScheduledProcedureStepLocation": "EAST",
            "ScheduledPerformingPhysicianName": "LÊ^ĐỨC",
        },
    )
    who = patient("P1", PatientName="NGUYỄN^ÁNH^VĂN=阮")
    core.place(order("NW", procedure("1.2.1", "R1", planned), who=who, AdmissionID="V1"))
    return core


def found(core: Core, **query: Any) -> int:
    return len(core.worklist(**query))


def add(core: Core, *, who: str = "", at: str = "20260105090000", **details: Any) -> str:
    """A step of an order of its own; returns its accession number."""
    number = next(_numbers)
    planned = step("S1", start_date=at[:8], start_time=at[8:], **details)
    name = {"PatientName": who} if who else {}
    core.place(
        order(
            "NW",
            procedure(f"1.2.{number}", "R1", planned),
            who=patient(f"P{number}", **name),
            accession=f"A{number}",
        )
    )
    return f"A{number}"


def accessions(core: Core, **query: Any) -> list[str]:
    return [item["accession"] for item in core.worklist(**query)]


# --- each key


@pytest.mark.parametrize(
    ("key", "matches", "misses"),
    [
        ("patient_id", ["P1", "P*", "?1", "*"], ["P", "p1", "P1*1", "P?1"]),
        ("issuer_of_patient_id", ["HOSP", "H*"], ["HOS", "CLINIC"]),
        ("patient_sex", ["F"], ["M", "O"]),
        ("accession_number", ["A1", "A*", "?1"], ["A", "A11", "a1"]),
        ("requested_procedure_id", ["R1", "R?"], ["R2"]),
        ("sps_id", ["SPS_1", "SPS?1", "*_1"], ["SPS-1", "SPSX1", "SPS"]),
        ("station_name", ["ROOM 1", "ROOM*"], ["ROOM"]),
        ("sps_location", ["EAST", "*AS*"], ["WEST"]),
        ("admission_id", ["V1"], ["V2"]),
        ("patient_name", ["NGUYỄN^ÁNH^VĂN"], ["NGUYEN", "ANH", "NGUYEN^ANH", "NGUYEN^VAN^ANH"]),
        ("performing_physician", ["LE^DUC", "LÊ*", "le^đức", "*"], ["LE", "DUC*"]),
    ],
)
def test_a_text_key(one: Core, key: str, matches: list[str], misses: list[str]) -> None:
    assert [text for text in matches if found(one, **{key: text}) != 1] == []
    assert [text for text in misses if found(one, **{key: text}) != 0] == []


@pytest.mark.parametrize(
    ("key", "matches", "misses"),
    [
        ("station_ae_titles", [("CT01",), ("CT02",), ("X", "CT02"), ("CT*",)], [("CT0",), ("X",)]),
        ("modalities", [("CT",), ("MR", "CT"), ("C*",), ("?T",)], [("MR",), ("ct",)]),
        ("study_instance_uids", [("1.2.1",), ("9", "1.2.1")], [("1.2",), ("1.2.*",)]),
        ("sps_statuses", [("SCHEDULED",), ("ARRIVED", "SCHEDULED")], [("STARTED",)]),
    ],
)
def test_a_key_of_several_values_matches_any(
    one: Core, key: str, matches: list[tuple[str, ...]], misses: list[tuple[str, ...]]
) -> None:
    assert [each for each in matches if found(one, **{key: each}) != 1] == []
    assert [each for each in misses if found(one, **{key: each}) != 0] == []


def test_no_key_matches_everything_and_an_impossible_one_nothing(one: Core) -> None:
    assert found(one) == 1
    assert found(one, impossible=True) == 0


def test_all_keys_must_match(one: Core) -> None:
    assert found(one, patient_id="P1", accession_number="A1", modalities=("CT",)) == 1
    assert found(one, patient_id="P1", accession_number="A2", modalities=("CT",)) == 0


@pytest.mark.parametrize(
    "name",
    [
        "NGUYEN^ANH^VAN",
        "nguyễn^ánh^văn",
        "NGUYE\u0302\u0303N^A\u0301NH^VA\u0306N",
        "NGUYEN^ANH^VAN^^",
        "NGUYEN*",
        "NGUY?N*",
        "*ANH*",
        "NGUYEN^*^VAN*",
        "ngu*",
        "*",
        "NGUYEN^ANH^VAN=*",
        "*阮",
    ],
)
def test_names_match_without_regard_to_accents_case_and_empty_tails(one: Core, name: str) -> None:
    assert found(one, patient_name=name) == 1


def test_names_match_by_their_first_group(core: Core) -> None:
    add(core, who="YAMADA^TARO=山田^太郎")
    add(core, who="YAMADA^TAROU")
    assert found(core, patient_name="YAMADA^TARO") == 1
    assert found(core, patient_name="YAMADA^TARO*") == 2
    assert found(core, patient_name="YAMADA^TARO=山田^太郎") == 1


@pytest.mark.parametrize(
    ("key", "count"),
    [
        ("山田^太郎", 2),
        ("山田*", 2),
        ("=山田^太郎", 1),
        ("=山田*", 1),
        ("==やまだ*", 1),
        ("YAMADA^TARO=山田*", 1),
        ("太郎", 0),
        ("=YAMADA*", 1),
        ("山?^太郎", 2),
        ("鈴木*", 0),
    ],
)
def test_names_in_ideographs_are_found_in_any_group(core: Core, key: str, count: int) -> None:
    add(core, who="YAMADA^TARO=山田^太郎=やまだ^たろう")
    add(core, who="山田^太郎")
    assert found(core, patient_name=key) == count


# --- texts that a pattern language would take for its own


LITERALS = ["A[1]", "A[", "A]", "[A-Z]", "A%", "A_B", "A\\B", "%", "_", "\\", "A^B", "A'B", 'A"']


@pytest.mark.parametrize("text", LITERALS)
def test_brackets_percent_signs_and_underscores_stand_for_themselves(core: Core, text: str) -> None:
    mine = add(core, attributes={"ScheduledStationName": text})
    add(core, attributes={"ScheduledStationName": "AXB"})
    for pattern in (text, f"{text}*", f"*{text}", f"*{text}*"):
        assert accessions(core, station_name=pattern) == [mine]


TEXTS = st.text(st.sampled_from("AB[]%_\\^'-é"), min_size=1, max_size=5)
PATTERNS = st.text(st.sampled_from("AB[]%_\\^'-é*?"), min_size=1, max_size=5)


def matches(pattern: str, text: str) -> bool:
    """Wildcards as PS3.4 C.2.2.2.4 has them, by the book and slowly."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(matches(pattern[1:], text[n:]) for n in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and matches(pattern[1:], text[1:])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=1, max_size=4, unique=True), pattern=PATTERNS)
def test_wildcards_are_those_of_the_standard(
    database: Database, texts: list[str], pattern: str
) -> None:
    """The same texts and patterns on either database; each text in a row of its own."""
    table = Table("text", MetaData(), Column("value", TEXT))

    def work(connection: Connection) -> list[str]:
        table.drop(connection, checkfirst=True)
        table.create(connection)
        connection.execute(table.insert(), [{"value": each} for each in texts])
        conditions = any_text(table.c.value, (pattern,), connection.dialect.name)
        return list(connection.execute(select(table.c.value).where(*conditions)).scalars())

    expected = [text for text in texts if matches(pattern, text)]
    assert sorted(database.transact(work)) == sorted(expected)


# --- stations


def test_a_step_for_any_station_is_found_by_every_station(core: Core) -> None:
    anywhere = add(core, station_ae_titles=())
    here = add(core, station_ae_titles=("CT01",))
    assert accessions(core, station_ae_titles=("CT01",)) == [anywhere, here]
    assert accessions(core, station_ae_titles=("MR01",)) == [anywhere]
    assert accessions(core, station_ae_titles=("MR*",)) == [anywhere]


@pytest.mark.parametrize(
    "titles", [("CT01",), ("CT01", "CT02"), ("CT*",), ("CT01", "CT*"), ("C*", "*2")]
)
def test_a_step_of_several_stations_is_found_once(core: Core, titles: tuple[str, ...]) -> None:
    wanted = add(core, station_ae_titles=("CT01", "CT02"))
    assert accessions(core, station_ae_titles=titles) == [wanted]


def test_a_step_that_moves_to_another_station_leaves_the_first(core: Core) -> None:
    core.place(order("NW", procedure("1.2.1", "R1", step(station_ae_titles=("CT01",)))))
    core.place(order("XO", procedure("1.2.1", "R1", step(station_ae_titles=("CT02",)))))
    assert found(core, station_ae_titles=("CT01",)) == 0
    assert found(core, station_ae_titles=("CT02",)) == 1


# --- dates and times

MOMENTS = ["20260105090000", "20260105180000", "20260106070000", "20260107175959", "20260107190000"]


@pytest.fixture
def week(core: Core) -> Core:
    for moment in MOMENTS:
        add(core, at=moment)
    add(core, at="20260106")  # a day without a time begins at midnight
    return core


def starts(core: Core, **query: Any) -> list[str]:
    return [item["start"] for item in core.worklist(**query)]


def span(first: str = "", last: str = "") -> DateTimeRange:
    return DateTimeRange(first=first, last=last)


@pytest.mark.parametrize("station", [(), ("CT01",), ("CT*",)])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"dates": span("20260106", "20260106")}, ["20260106", "20260106070000"]),
        ({"dates": span("20260107")}, MOMENTS[3:]),
        ({"dates": span("", "20260105")}, MOMENTS[:2]),
        ({"dates": span("20260108", "20260109")}, []),
        ({"times": span("070000", "090000")}, ["20260105090000", "20260106070000"]),
        ({"times": span("180000")}, ["20260105180000", "20260107190000"]),
        ({"times": span("", "000000")}, ["20260106"]),
        (
            # From the 5th at ten until the 7th at six: one interval, not office hours.
            {"start": span("20260105100000", "20260107180000")},
            ["20260105180000", "20260106", "20260106070000", "20260107175959"],
        ),
        (
            {"dates": span("20260105", "20260107"), "times": span("100000", "180000")},
            ["20260105180000", "20260107175959"],
        ),
        ({"start": span("20260107190000", "20260107190000")}, ["20260107190000"]),
        ({"start": span("", "20260105090000")}, ["20260105090000"]),
    ],
)
def test_ranges_are_inclusive_and_date_and_time_are_one_interval(
    week: Core, station: tuple[str, ...], query: dict[str, DateTimeRange], expected: list[str]
) -> None:
    assert starts(week, station_ae_titles=station, **query) == expected


def test_a_birth_date_is_a_range_and_an_unknown_one_never_matches(core: Core) -> None:
    known = add(core)
    core.place(order("NW", procedure("9.9"), who=patient("PX", PatientBirthDate=""), accession="X"))
    for bounds in (span("19700101", "19700101"), span("19700101"), span("", "19700101")):
        assert accessions(core, patient_birth_date=bounds) == [known]
    assert len(accessions(core)) == 2


def test_an_empty_value_never_matches_a_key_that_asks_for_something(core: Core) -> None:
    add(core)
    assert found(core, station_name="*") == 0
    assert found(core, admission_id="?*") == 0


# --- how many, and in which order


def test_the_earliest_come_first_and_then_as_they_were_ordered(core: Core) -> None:
    late, early, same = (
        add(core, at=moment) for moment in ("20260107080000", "20260105080000", "20260107080000")
    )
    for station in ((), ("CT01",), ("CT01", "CT02"), ("CT*",)):
        assert accessions(core, station_ae_titles=station) == [early, late, same]


def test_one_more_than_the_limit_tells_that_there_are_more(week: Core) -> None:
    for limit, expected in ((2, 3), (5, 6), (6, 6), (100, 6)):
        assert len(week.queries.find(WorklistQuery(), limit)) == expected
    assert [item.step_pk for item in week.queries.find(WorklistQuery(), 0)] == [1]


# --- the projection


def test_an_entry_is_gone_with_its_step_and_back_with_it(core: Core) -> None:
    core.place(order())
    core.place(order("HD"))
    assert (found(core), found(core, station_ae_titles=("CT01",))) == (0, 0)
    core.place(order("RL"))
    assert (found(core), found(core, station_ae_titles=("CT01",))) == (1, 1)


@given(st.lists(st.sampled_from("NA^ĂẮÁ*?=đ "), max_size=6).map("".join))
def test_folding_a_pattern_keeps_its_wildcards(name: str) -> None:
    assert [c for c in fold_name(name) if c in "*?"] == [c for c in name if c in "*?"]


def test_names_of_every_plane_are_found_by_their_beginning(database: Database) -> None:
    core = Core(database)
    add(core, who="N\U00020000^A")
    assert found(core, patient_name="N*") == 1
