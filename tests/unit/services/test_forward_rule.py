"""Given a rule of a destination, then just what it names goes there."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.services.forward_images import ForwardRule
from bridge.services.read_images import FoundInstance

CT = "1.2.840.10008.5.1.4.1.1.2"
IMAGE = FoundInstance(
    study_instance_uid="1.2",
    series_instance_uid="1.2.1",
    sop_instance_uid="1.2.1.1",
    sop_class_uid=CT,
    transfer_syntax_uid="1.2.840.10008.1.2.1",
    modality="CT",
    number=1,
    attributes={},
    path="x",
    peer="CT01@192.0.2.7",
)
SERIES = {"StationName": "Scanner 1", "BodyPartExamined": "Head"}


@pytest.mark.parametrize(
    ("rule", "goes"),
    [
        ({}, True),
        ({"modalities": {"CT"}}, True),
        ({"modalities": {"MR"}}, False),
        ({"sources": {"CT01"}}, True),
        ({"sources": {"CT02"}}, False),
        ({"stations": {"Scanner 1"}}, True),
        ({"stations": {"Scanner 2"}}, False),
        ({"body_parts": {"HEAD"}}, True),
        ({"body_parts": {"CHEST"}}, False),
        ({"sop_classes": {CT}}, True),
        ({"sop_classes": {"1.2"}}, False),
        ({"modalities": {"CT"}, "body_parts": {"CHEST"}}, False),
    ],
)
def test_given_a_rule_then_it_covers_what_it_names(rule: dict[str, Any], goes: bool) -> None:
    named: dict[str, Any] = {key: frozenset(values) for key, values in rule.items()}
    assert ForwardRule(**named).covers(IMAGE, SERIES) is goes


def test_given_a_series_that_names_no_body_part_then_a_rule_on_body_parts_leaves_it_out() -> None:
    assert not ForwardRule(body_parts=frozenset({"HEAD"})).covers(IMAGE)
