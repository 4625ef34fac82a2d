"""Given an outbound profile, when a message is composed, then its rows say what it holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.domain.identifiers import Authority, Identifier
from bridge.mapping.errors import ProfileError
from bridge.mapping.outbound import OutboundProfile, load_outbound_profile
from bridge.mapping.outbound_rows import Slot, Telling, Value

BASE = """
profile: base
language: hl7-out
version: 2.5.1
messages:
  order: {type: ORM^O01, segments: [PID, ORC, OBR, OBX.link]}
segments:
  PID:
    - {to: PID-1, from: SetID}
    - {to: PID-3, from: PatientID}
  ORC:
    - {to: ORC-1, constant: SC}
    - {to: ORC-2, from: [PlacerOrderNumberImagingServiceRequest, AccessionNumber]}
  OBR:
    - {to: OBR-4.2, from: RequestedProcedureDescription, as: upper}
  OBX.link:
    - {to: OBX-2, constant: RP}
    - {to: OBX-5.1, from: ViewerUrl}
"""


def profile(folder: Path, text: str = BASE, name: str = "base") -> OutboundProfile:
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_outbound_profile(name, folder)


def composed(made: OutboundProfile, **values: Value) -> dict[str, dict[str, Value]]:
    telling = Telling(message="order", version=(2, 5, 1), values=values)
    return {
        each.name: {slot.text: value for slot, value in each.fields}
        for each in made.compose(telling)
    }


def test_given_values_then_each_is_written_where_its_row_says(tmp_path: Path) -> None:
    number = Identifier("A1", Authority("HOSP"))
    made = profile(tmp_path)
    found = composed(made, PatientID=(number,), AccessionNumber=number)
    assert found["PID"] == {"PID-1": "1", "PID-3": (number,)}
    assert found["ORC"] == {"ORC-1": "SC", "ORC-2": number}


def test_given_nothing_but_constants_then_the_segment_is_left_out(tmp_path: Path) -> None:
    made = profile(tmp_path)
    assert list(composed(made, PatientID=Identifier("1"))) == ["PID"]
    assert "OBX" in composed(made, ViewerUrl="https://v")


def test_given_a_mapper_then_it_is_applied(tmp_path: Path) -> None:
    found = composed(profile(tmp_path), RequestedProcedureDescription="ct head")
    assert found["OBR"] == {"OBR-4.2": "CT HEAD"}


def test_given_a_profile_that_extends_then_only_what_it_says_differs(tmp_path: Path) -> None:
    profile(tmp_path)
    made = profile(
        tmp_path,
        "profile: own\nlanguage: hl7-out\nextends: base\n"
        "segments:\n  ORC:\n    - {to: ORC-1, constant: XX}\nremove: [OBX.link, PID-1]\n",
        "own",
    )
    found = composed(
        made, AccessionNumber=Identifier("A"), ViewerUrl="https://v", PatientID=Identifier("1")
    )
    assert found["ORC"]["ORC-1"] == "XX"
    assert found["ORC"]["ORC-2"] == Identifier("A")
    assert "OBX" not in found
    assert "PID-1" not in found["PID"]


def test_given_a_repeated_part_then_it_is_written_for_each_step(tmp_path: Path) -> None:
    made = profile(
        tmp_path,
        "profile: base\nlanguage: hl7-out\n"
        "messages: {order: {type: OMI^O23, segments: [{each: step, segments: [IPC]}]}}\n"
        "segments:\n  IPC:\n    - {to: IPC-4, from: ScheduledProcedureStepID}\n"
        "    - {to: IPC-2, from: SetID}\n",
    )
    telling = Telling(
        message="order",
        steps=({"ScheduledProcedureStepID": "S1"}, {"ScheduledProcedureStepID": "S2"}),
    )
    written = [dict(each.fields) for each in made.compose(telling)]
    assert written == [
        {Slot("IPC", 4): "S1", Slot("IPC", 2): "1"},
        {Slot("IPC", 4): "S2", Slot("IPC", 2): "2"},
    ]


@pytest.mark.parametrize(
    ("condition", "yes", "no"),
    [
        ("message: order", Telling(message="order"), Telling(message="study")),
        ("event: [a, b]", Telling(message="order", event="b"), Telling(message="order")),
        (
            "since: '2.5'",
            Telling(message="order", version=(2, 5, 1)),
            Telling(message="order", version=(2, 4)),
        ),
        (
            "before: '2.5'",
            Telling(message="order", version=(2, 3, 1)),
            Telling(message="order", version=(2, 5)),
        ),
        (
            "present: [AccessionNumber, Modality]",
            Telling(message="order", values={"Modality": "CT"}),
            Telling(message="order", values={"Modality": ""}),
        ),
        (
            "absent: Modality",
            Telling(message="order"),
            Telling(message="order", values={"Modality": "CT"}),
        ),
        (
            "is: {OrderStatus: [CA, DC]}",
            Telling(message="order", values={"OrderStatus": "DC"}),
            Telling(message="order", values={"OrderStatus": "SC"}),
        ),
    ],
)
def test_given_a_condition_then_the_row_counts_only_where_it_holds(
    tmp_path: Path, condition: str, yes: Telling, no: Telling
) -> None:
    made = profile(
        tmp_path,
        "profile: base\nlanguage: hl7-out\nmessages:\n"
        "  order: {type: ORM^O01, segments: [ORC]}\n  study: {type: ORU^R01, segments: [ORC]}\n"
        f"segments:\n  ORC:\n    - {{to: ORC-1, constant: XX, when: {{{condition}}}}}\n",
    )
    assert list(made.compose(yes))
    assert not list(made.compose(no))


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        (
            "PatientID}",
            "PatientId}",
            r"base.yaml:10: PID row 2: unknown value 'PatientId'; did you",
        ),
        ("to: PID-3", "to: PID_3", r"base.yaml:10: PID row 2: 'PID_3' is not a field"),
        ("to: PID-3", "to: OBR-3", r"base.yaml:10: PID row 2: OBR-3 is not of PID"),
        ("constant: SC", "konstant: SC", r"base.yaml:12: ORC row 1: unknown key 'konstant'"),
        ("as: upper", "as: uper", r"base.yaml:15: OBR row 1: unknown transform 'uper'"),
        ("OBR, OBX.link]", "OBR, OBX.url]", r"base.yaml:6: OBX.url has no rows"),
        ("version: 2.5.1", "version: two", r"base.yaml:4: 'two' is no version"),
        ("segments: [PID,", "segments: [{each: day, segments: [PID]},", r"not a repeated part"),
        ("constant: SC}", "constant: SC, when: {message: ordr}}", r"unknown 'ordr'; did you mean"),
    ],
)
def test_given_a_mistake_in_a_profile_then_the_error_names_line_row_and_fix(
    tmp_path: Path, wrong: str, right: str, message: str
) -> None:
    assert wrong in BASE
    with pytest.raises(ProfileError, match=message):
        profile(tmp_path, BASE.replace(wrong, right))


def test_given_an_inbound_profile_then_it_is_no_outbound_one() -> None:
    with pytest.raises(ProfileError, match="ihe-swf does not say how messages are written"):
        load_outbound_profile("ihe-swf")
