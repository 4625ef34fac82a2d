"""Given entries and a query, then each entry is in the answer or explained, as by the book."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.domain.names import fold_name
from bridge.domain.order import ProcedureDetails
from bridge.domain.worklist import (
    DateTimeRange,
    OpenSteps,
    Rule,
    Stations,
    Visibility,
    WorklistQuery,
)
from bridge.services.explain_worklist import ExplainWorklist, Explanation, Verdict
from bridge.store.database import Database
from tests.unit.services.core import Core, order, patient, procedure, step

MANY = 1000
_NUMBERS, _NODES = count(1), count(1)
LABELS = ("", "ER", "WARD")
LOCATIONS = ("", "EAST", "WEST", "EAST\\WEST")
NAMES = ("NGUYỄN^ÁNH^VĂN", "NGUYEN^VAN", "TRAN^BINH=陳", "MEYER^JAN", "A^^B")
MOMENTS = ("20260104230000", "20260105090000", "20260105180000", "20260106070000", "20260107")

ENTRIES = st.fixed_dictionaries(
    {
        "name": st.sampled_from(NAMES),
        "stations": st.sampled_from([(), ("CT01",), ("CT01", "CT02"), ("MR01",)]),
        "modality": st.sampled_from(["CT", "MR"]),
        "at": st.sampled_from(MOMENTS),
        "location": st.sampled_from(LOCATIONS),
        "label": st.sampled_from(LABELS),
        "held": st.booleans(),
    }
)
TAKES = st.builds(
    OpenSteps,
    st.sampled_from([(), ("CT",), ("CT", "MR")]),
    st.sampled_from([(), ("EAST",), ("WEST", "X")]),
)
SPANS = st.one_of(
    st.just(DateTimeRange()),
    st.builds(
        lambda first, last: DateTimeRange(first=first, last=last),
        st.sampled_from(["", "20260105", "20260106"]),
        st.sampled_from(["", "20260105", "20260107"]),
    ),
)
INTERVALS = SPANS.map(
    lambda span: DateTimeRange(
        first=span.first and span.first + "100000", last=span.last and span.last + "180000"
    )
)
PATTERNS = st.sampled_from(
    ["", "NGUYEN*", "nguyễn^ánh^văn", "*VAN", "TRAN^BINH", "=陳", "M?YER^J*", "^VAN", "A^^B", "X"]
)
TEXTS = st.sampled_from(["", "EAST", "W*", "?AST", "EA"])
VISIBLE = st.builds(
    lambda titles, takes, modalities, labels, hidden, window: Visibility(
        stations=Stations(titles, takes if titles else ()),
        modalities=modalities,
        worklist_labels=labels,
        hidden_statuses=hidden,
        window=window,
    ),
    st.sampled_from([(), ("CT01",), ("CT01", "MR01")]),
    st.lists(TAKES, max_size=2, unique=True).map(tuple),
    st.sampled_from([(), ("CT",)]),
    st.sampled_from([(), ("ER",)]),
    st.sampled_from([(), ("SCHEDULED",), ("STARTED",)]),
    INTERVALS,
)
QUERIES = st.builds(
    lambda titles, takes, **query: WorklistQuery(
        station_ae_titles=titles, station_takes=takes if titles else (), **query
    ),
    st.sampled_from([(), ("CT01",), ("CT*",), ("CT01", "MR01"), ("XX",), ("?T02", "MR01")]),
    st.lists(TAKES, max_size=2, unique=True).map(tuple),
    patient_name=PATTERNS,
    modalities=st.sampled_from([(), ("CT",), ("C*", "US")]),
    dates=SPANS,
    start=INTERVALS,
    sps_location=TEXTS,
    worklist_label=st.sampled_from(["", "E*", "WARD"]),
    visible=VISIBLE,
    impossible=st.sampled_from([False] * 9 + [True]),
)


def like(pattern: str, text: str) -> bool:
    return bool(text) and fnmatchcase(text, pattern.replace("[", "[[]"))


def within(bounds: DateTimeRange, start: str, whole: bool = False) -> bool:
    end = "999999" if whole and bounds.last else ""
    return bounds.first <= start and (not bounds.last or start <= bounds.last + end)


def taken(takes: tuple[OpenSteps, ...], entry: dict[str, Any]) -> bool:
    locations = [each for each in entry["location"].split("\\") if each]
    return not takes or any(
        (not each.modalities or entry["modality"] in each.modalities)
        and (
            not each.locations
            or not locations
            or any(place in each.locations for place in locations)
        )
        for each in takes
    )


def at_stations(stations: Stations, entry: dict[str, Any]) -> bool:
    if not stations:
        return True
    if not entry["stations"]:
        return taken(stations.takes, entry)
    return any(like(title, own) for title in stations.ae_titles for own in entry["stations"])


def named(key: str, name: str) -> bool:
    folded, asked = fold_name(name), fold_name(key)
    if not key:
        return True
    if asked.startswith("="):
        return any(like(asked[1:], group) for group in folded.split("=")[1:])
    pattern = "^".join(part or "*" for part in asked.split("^")) if "^" in asked else asked
    beginning = folded.split("=")[0] if "*" not in pattern and "?" not in pattern else folded
    return like(pattern, beginning)


def by_the_book(query: WorklistQuery, entry: dict[str, Any]) -> bool:
    """Whether a modality sees an entry, rule by rule and slowly."""
    start, visible = (entry["at"] + "000000")[:14], query.visible
    places = entry["location"].split("\\")
    return all(
        (
            not query.impossible,
            not entry["held"],
            at_stations(query.stations, entry),
            at_stations(visible.stations, entry),
            named(query.patient_name, entry["name"]),
            not query.modalities or any(like(m, entry["modality"]) for m in query.modalities),
            within(query.dates, start, whole=True),
            within(query.start, start),
            not query.sps_location or any(like(query.sps_location, place) for place in places),
            not query.worklist_label or like(query.worklist_label, entry["label"]),
            not visible.modalities or entry["modality"] in visible.modalities,
            not visible.worklist_labels or entry["label"] in ("", *visible.worklist_labels),
            "SCHEDULED" not in visible.hidden_statuses,
            within(visible.window, start),
        )
    )


def labelled(part: ProcedureDetails, label: str) -> ProcedureDetails:
    return replace(part, attributes={"WorklistLabel": label})


def place(core: Core, number: int, entry: dict[str, Any]) -> None:
    planned = step(
        "S1",
        start_date=entry["at"][:8],
        start_time=entry["at"][8:],
        modality=entry["modality"],
        station_ae_titles=entry["stations"],
        attributes={"ScheduledProcedureStepLocation": entry["location"]},
    )
    who, accession = patient(f"P{number}", PatientName=entry["name"]), f"A{number}"
    part = labelled(procedure(f"1.2.{number}", "R1", planned), entry["label"])
    core.place(order("NW", part, who=who, accession=accession))
    if entry["held"]:
        core.place(order("HD", part, who=who, accession=accession))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    entries=st.lists(ENTRIES, min_size=1, max_size=5),
    queries=st.lists(QUERIES, min_size=6, max_size=6),
)
def test_given_any_entries_and_queries_then_each_is_shown_or_explained_as_by_the_book(
    database: Database, entries: list[dict[str, Any]], queries: list[WorklistQuery]
) -> None:
    core = Core(database, node=f"node {next(_NODES)}")
    first = next(_NUMBERS) * 100
    for offset, entry in enumerate(entries):
        place(core, first + offset, entry)
    mine = [f"A{first + offset}" for offset in range(len(entries))]
    explain = ExplainWorklist(core.store).explain
    for query in queries:
        answer = core.queries.find(query, MANY)
        expected = {a for a, entry in zip(mine, entries, strict=True) if by_the_book(query, entry)}
        pks = {item.step_pk for item in answer}
        found = set()
        for accession in mine:
            (one,) = explain(query, MANY, accession).steps
            assert (one.verdict is Verdict.SHOWN) is not bool(one.reasons), one
            (held,) = core.held_order(accession).procedures[0].steps
            assert (held.pk in pks) is (one.verdict is Verdict.SHOWN), one
            found |= {accession} if held.pk in pks else set()
        assert found == expected, query


def explained(core: Core, number: str, limit: int = MANY, **query: Any) -> Explanation:
    return ExplainWorklist(core.store).explain(WorklistQuery(**query), limit, number)


def reasons(core: Core, number: str, limit: int = MANY, **query: Any) -> list[str]:
    found = explained(core, number, limit, **query)
    return [reason for one in found.steps for reason in one.reasons] or [found.note]


def test_given_an_entry_in_the_answer_then_there_is_nothing_to_explain(core: Core) -> None:
    core.place(order())
    (one,) = explained(core, "A1").steps
    assert (one.verdict, one.reasons, one.sps_id) == (Verdict.SHOWN, (), "S1")


@pytest.mark.parametrize(
    ("control", "said"),
    [("HD", "its status is HELD: on hold"), ("CA", "its status is CANCELED")],
)
def test_given_an_order_that_is_held_or_cancelled_then_its_status_says_so(
    core: Core, control: str, said: str
) -> None:
    core.place(order())
    core.place(order(control))
    assert reasons(core, "A1") == [said]


def test_given_an_order_that_lacks_something_then_it_says_what(core: Core) -> None:
    core.place(order("NW", procedure("1.2.1", "R1", step(modality=""))))
    (said,) = reasons(core, "A1")
    assert "missing Modality" in said


def test_given_keys_that_do_not_match_then_each_says_what_was_asked_and_what_is_held(
    core: Core,
) -> None:
    core.place(order())
    day = DateTimeRange(first="20260106", last="20260106")
    found = reasons(core, "A1", modalities=("MR",), dates=day, station_ae_titles=("MR01",))
    assert found == [
        "ScheduledProcedureStepStartDate: 20260106 was asked for, the entry has 20260105090000",
        "Modality: MR was asked for, the entry has CT",
        "ScheduledStationAETitle: MR01 was asked for, the entry has CT01",
    ]


def test_given_a_station_that_may_not_see_an_entry_then_the_rule_is_named(core: Core) -> None:
    core.place(order("NW", labelled(procedure(), "WARD")))
    visible = Visibility(
        stations=Stations(("MR01",)),
        modalities=("MR",),
        worklist_labels=("ER",),
        hidden_statuses=("SCHEDULED",),
        window=DateTimeRange(first="20270101000000"),
    )
    (one,) = explained(core, "A1", visible=visible).steps
    assert [each.rule for each in one.mismatches] == [
        Rule.MODALITY,
        Rule.LABEL,
        Rule.STATUS,
        Rule.WINDOW,
        Rule.STATION,
    ]


def test_given_more_entries_than_the_limit_then_the_rest_is_beyond_it(core: Core) -> None:
    for number in (1, 2):
        part = procedure(f"1.2.{number}", "R1", step(start_date=f"2026010{number}"))
        core.place(order("NW", part, who=patient(f"P{number}"), accession=f"A{number}"))
    assert explained(core, "A1", 1).steps[0].verdict is Verdict.SHOWN
    assert "after the first 1 entries" in reasons(core, "A2", 1)[0]


@pytest.mark.parametrize("number", ["P1", "1.2.1", "A1", "R1"])
def test_given_any_number_of_an_order_then_its_step_is_explained(core: Core, number: str) -> None:
    core.place(order())
    assert len(explained(core, number).steps) == 1


def test_given_a_number_that_nobody_has_then_it_says_so(core: Core) -> None:
    assert reasons(core, "NOBODY") == ["no order and no patient is known by this number"]
