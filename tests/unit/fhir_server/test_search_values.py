"""Values of search parameters: tokens, dates with prefixes, escapes."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from bridge.fhir.server.moments import read_period, site_text, utc_text
from bridge.fhir.server.parameters import Meaning, Parameter, date, token
from bridge.fhir.server.query import Cursor, read_query
from bridge.fhir.server.refusals import FhirRefusal
from bridge.fhir.server.resource_types import TYPES
from bridge.fhir.server.values import Token, field_tests, read_token, split, term_tests
from bridge.services.find_records import Between, Exactly

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
START = date("occurrence", "occurrenceDateTime", doc="", field="start")
CHANGED = date("_lastUpdated", doc="", field="updated_at", meaning=Meaning.UNIX_TIME)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b", ["a", "b"]),
        (r"a\,b,c", [r"a\,b", "c"]),
        ("", [""]),
        ("a,", ["a", ""]),
        (r"a\\,b", [r"a\\", "b"]),
    ],
)
def test_values_are_split_at_marks_that_are_not_escaped(text: str, parts: list[str]) -> None:
    assert split(text, ",") == parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A1", Token("A1")),
        ("|A1", Token("A1", "")),
        ("urn:oid:1.2|A1", Token("A1", "urn:oid:1.2")),
        (r"urn:x|A\|1\,2", Token("A|1,2", "urn:x")),
    ],
)
def test_a_token_is_a_system_and_a_code(text: str, expected: Token) -> None:
    assert read_token(text, "identifier") == expected


def test_a_system_alone_is_told_to_be_too_little() -> None:
    with pytest.raises(FhirRefusal) as refused:
        read_token("urn:oid:1.2|", "identifier")
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-05", Between("20260105", "20260106")),
        ("ge2026-01-05", Between("20260105", None)),
        ("gt2026-01-05", Between("20260106", None)),
        ("lt2026-01-05", Between(None, "20260105")),
        ("le2026-01-05", Between(None, "20260106")),
        ("ne2026-01", Between("20260101", "20260201", outside=True)),
        ("2026-12", Between("20261201", "20270101")),
        ("2026", Between("20260101", "20270101")),
        ("2026-01-05T09:30", Between("20260105093000", "20260105093100")),
        ("2026-01-05T02:30:00Z", Between("20260105093000", "20260105093001")),
        ("sa2026-01-05", Between("20260106", None)),
        ("eb2026-01-05", Between(None, "20260105")),
        ("ap2026-01-05", Between("20260104", "20260107")),
    ],
)
def test_a_date_is_a_period_at_the_site(value: str, expected: Between) -> None:
    assert field_tests(START, value, "", HANOI) == [expected]


@pytest.mark.parametrize(
    "value", ["yesterday", "2026-13", "2026-02-30", "0000", "ge", "2026-01-05T25:00", "xx2026"]
)
def test_what_is_no_date_is_refused(value: str) -> None:
    with pytest.raises(FhirRefusal) as refused:
        field_tests(START, value, "", HANOI)
    assert refused.value.status == 400
    assert refused.value.problems[0].expression == "http.occurrence"


@pytest.mark.parametrize("value", ["9999", "9999-12-31", "le9999-12-31T23:59:59Z", "gt9999"])
def test_the_end_of_the_calendar_is_no_error(value: str) -> None:
    assert field_tests(CHANGED, value, "", UTC)
    assert term_tests(START, value, "", UTC)


def test_a_plus_that_became_a_space_is_an_offset_all_the_same() -> None:
    (test,) = field_tests(CHANGED, "ge2026-01-05T07:00:00 07:00", "", UTC)
    assert test == Between(1767571200.0, None)


def test_moments_sort_as_texts() -> None:
    early, late = read_period("0999-12-31", UTC), read_period("1000-01-01T00:00:00.5Z", UTC)
    assert early
    assert late
    assert utc_text(early.low) < utc_text(late.low)
    assert site_text(late.low, UTC) == "10000101"


def test_a_code_means_what_the_table_says() -> None:
    status: Parameter = token(
        "status", "status", doc="", field="state", codes={"on-hold": ("held",)}
    )
    assert field_tests(status, "on-hold", "", UTC) == [Exactly("held")]
    assert field_tests(status, "nonsense", "", UTC) == []


@pytest.mark.parametrize(
    "pair",
    [
        ("_count", "-1"),
        ("_count", "ten"),
        ("_summary", "all"),
        ("_total", "many"),
        ("_cursor", "eyJ4"),
        ("_cursor", "%%%"),
        ("_include:all", "ServiceRequest:patient"),
        ("status:exact", "active"),
        ("patient:Device", "1"),
        ("status.name", "x"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(FhirRefusal) as refused:
        read_query(TYPES["ServiceRequest"], [pair], strict=False)
    assert refused.value.status == 400


def test_a_cursor_comes_back_as_it_was_written() -> None:
    cursor = Cursor(1, 1234.5, 77, backwards=True)
    query = read_query(TYPES["Patient"], [("_cursor", cursor.text())], strict=True)
    assert query.cursor == cursor


def test_no_count_is_larger_than_a_page_may_be() -> None:
    assert read_query(TYPES["Patient"], [("_count", "999999")], strict=True).count == 500


@pytest.mark.parametrize(
    "pair",
    [
        ("_sort", "status"),
        ("_include", "Patient:nothing"),
        ("_revinclude", "Nothing:patient"),
        ("_revinclude", "*"),
        ("identifer", "A1"),
    ],
)
def test_what_is_not_known_is_left_out_or_refused(pair: tuple[str, str]) -> None:
    query = read_query(TYPES["ServiceRequest"], [pair, ("status", "active")], strict=False)
    assert query.used == (("status", "active"),)
    with pytest.raises(FhirRefusal) as refused:
        read_query(TYPES["ServiceRequest"], [pair], strict=True)
    assert refused.value.status == 400
