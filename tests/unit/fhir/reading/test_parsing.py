"""Bodies: what JSON lets pass and FHIR does not."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.errors import DataTypeError
from bridge.fhir.reading import parse_body

PATIENT = {"resourceType": "Patient", "name": [{"family": "Nguyễn"}]}


@pytest.mark.parametrize(
    "body",
    [json.dumps(PATIENT), json.dumps(PATIENT, ensure_ascii=False), "\ufeff" + json.dumps(PATIENT)],
)
def test_given_an_object_then_it_is_read(body: str) -> None:
    assert parse_body(body.encode()) == PATIENT


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{'resourceType': 'Patient'}", "not JSON"),
        (b'{"resourceType": "Patient",}', "not JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"a": NaN}', "NaN"),
        (b'{"status": "active", "status": "draft"}', "stands twice"),
        (b'{"name": "\xff"}', "not UTF-8"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "not JSON"),
    ],
)
def test_given_no_object_then_the_reason_is_told(body: bytes, reason: str) -> None:
    with pytest.raises(DataTypeError, match=reason):
        parse_body(body)


def test_given_brackets_inside_strings_then_they_do_not_count() -> None:
    assert parse_body(json.dumps({"a": '[{\\"' * 500}).encode()) == {"a": '[{\\"' * 500}


@given(st.binary(max_size=200))
def test_given_any_bytes_then_nothing_but_a_refusal_comes_of_them(body: bytes) -> None:
    with suppress(DataTypeError):
        assert isinstance(parse_body(body), dict)
