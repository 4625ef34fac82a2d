"""Every event, written down as JSON and read again, is the same event."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.domain.events import Event
from bridge.domain.parked import ParkedEvent
from bridge.store.event_documents import dump, dump_event, load, load_event

KINDS = get_args(Event)


def through_json(document: Any) -> Any:
    return json.loads(json.dumps(document))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40, deadline=None)
@given(data=st.data())
def test_given_any_event_then_it_is_the_same_after_a_round_trip(
    kind: type[Event], data: st.DataObject
) -> None:
    event = data.draw(st.from_type(kind))
    assert load_event(through_json(dump_event(event))) == event


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40, deadline=None)
@given(parked=st.from_type(ParkedEvent))
def test_given_a_parked_event_then_all_that_decides_about_it_is_kept(parked: ParkedEvent) -> None:
    assert load(ParkedEvent, through_json(dump(parked))) == parked


def test_given_a_document_of_another_version_then_what_is_unknown_is_left_out() -> None:
    document = {"kind": "Noted", "reason": "nothing", "added_later": 1}
    assert dump_event(load_event(document)) == {"kind": "Noted", "reason": "nothing"}
