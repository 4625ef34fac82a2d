"""Whatever an ADT message is made of: it is applied, noted or refused, and never breaks down."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.errors import BridgeError
from bridge.hl7.er7 import read
from bridge.hl7.messages import read_message
from bridge.store import schema
from tests.unit.hl7.messages import SENDER, msh, raw
from tests.unit.services.conftest import open_quickly
from tests.unit.services.core import Core

EVENTS = [f"A{number:02}" for number in range(1, 63) if number != 19]  # A19 is a query
identifiers = st.sampled_from(
    [
        "",
        '""',
        "P1",
        "P2^^^HOSP^MR",
        "P3^^^OTHER^PI",
        "P1~P2^^^HOSP",
        "0",
        "^^^HOSP",
        "P1^^^&1.2&ISO",
    ]
)
accounts = st.sampled_from(["", '""', "ACC1", "ACC2^^^HOSP^AN", "UNKNOWN"])
visits = st.sampled_from(["", '""', "V1", "V2^^^HOSP^VN"])
places = st.sampled_from(["", '""', "WARD^1^A", "^^", "ICU"])


@st.composite
def segments(draw: st.DrawFn) -> list[str]:
    """Segments that ADT events are made of, in an order that no standard promises."""
    made = []
    for kind in draw(st.lists(st.sampled_from(["PID", "MRG", "PV1", "PD1", "ZZZ"]), max_size=6)):
        if kind == "PID":
            name = draw(st.sampled_from(["", '""', "Le^Hoa"]))
            parts = [draw(identifiers), draw(identifiers), draw(identifiers), name]
            made.append("PID||" + "|".join(parts) + "|" * 13 + draw(accounts))
        elif kind == "MRG":
            parts = [draw(identifiers), draw(identifiers), draw(accounts), draw(identifiers)]
            made.append("MRG|" + "|".join([*parts, draw(visits), draw(visits)]))
        elif kind == "PV1":
            patient_class = draw(st.sampled_from(["", "I", "O", "P"]))
            made.append(f"PV1||{patient_class}|{draw(places)}" + "|" * 16 + draw(visits))
        else:
            made.append(f"{kind}|")
    return made


@pytest.fixture(scope="session")
def core(tmp_path_factory: pytest.TempPathFactory) -> Core:
    """One bridge for all: what earlier messages left behind makes later ones interesting."""
    path: Path = tmp_path_factory.mktemp("adt") / "bridge.db"
    database = open_quickly(path)
    schema.upgrade(database)
    return Core(database)


@given(st.sampled_from(EVENTS), segments())
@settings(max_examples=400, deadline=None)
def test_any_adt_message_is_applied_noted_or_refused_with_a_place(
    core: Core, event: str, made: list[str]
) -> None:
    message = read(raw(msh(f"ADT^{event}"), f"EVN|{event}|20260312081400", *made))
    try:
        reading = read_message(message, SENDER)
    except BridgeError as error:
        assert error.location
        assert error.permanent
        return
    answer = core.send(*reading.events)
    assert answer.permanent
    if answer.code:
        assert answer.location
