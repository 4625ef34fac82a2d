"""Given studies on both databases, when images are queried, then requests and words are matched."""

from __future__ import annotations

import pytest

from bridge.domain.study import RequestAttributes
from bridge.domain.worklist import DateTimeRange
from bridge.services.read_images import FoundRequest, ImageQuery
from tests.unit.services.core import Core, order, procedure, step


def requested(rp_id: str, sps_id: str) -> RequestAttributes:
    return RequestAttributes(rp_id, sps_id, None, "")


@pytest.fixture
def filled(core: Core) -> Core:
    """A study of an order with two steps, and one of nobody whose images name two requests."""
    core.place(order("NW", procedure("1.2.1", "R1", step("S1"), step("S2"))))
    device = [requested("R-OF-DEVICE", "S-OF-DEVICE")]
    core.image(requests=device)
    core.image(
        "1.2.9.1.1",
        "1.2.9",
        accession="",
        patient_id="P9",
        name="NGUYỄN^ÁNH VĂN",
        requests=[requested("R7", "S7"), requested("R8", "S8")],
        PerformedProcedureStepStartDate="20260105",
    )
    core.settle()
    return core


def found(core: Core, **asked: object) -> list[str]:
    query = ImageQuery(**asked)  # type: ignore[arg-type]
    studies = core.store.read(lambda tx: tx.images.studies(query))
    series = core.store.read(lambda tx: tx.images.series(query))
    uids = [each.study_instance_uid for each in studies]
    assert [each.study_instance_uid for each in series] == uids
    return uids


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"sps_id": "S2"}, ["1.2.1"]),
        ({"rp_id": "R1", "sps_id": "S?"}, ["1.2.1"]),
        ({"sps_id": "S-OF-DEVICE"}, []),
        ({"sps_id": "S8"}, ["1.2.9"]),
        ({"rp_id": "R8", "sps_id": "S*"}, ["1.2.9"]),
        ({"rp_id": "R8", "sps_id": "S7"}, []),
        ({"fuzzy_names": True, "patient_name": "van nguyen"}, ["1.2.9"]),
        ({"fuzzy_names": True, "patient_name": "TRAN*"}, ["1.2.1"]),
        ({"fuzzy_names": True, "patient_name": "guyen"}, []),
        ({"performed_date": DateTimeRange(first="20260101", last="20260131")}, ["1.2.9"]),
        ({"performed_date": DateTimeRange(first="20260201")}, []),
    ],
)
def test_given_a_key_then_just_the_studies_that_match_are_found(
    filled: Core, asked: dict[str, object], expected: list[str]
) -> None:
    assert found(filled, **asked) == expected


def test_given_series_then_they_tell_what_their_order_or_their_images_ask_for(
    filled: Core,
) -> None:
    series = filled.store.read(lambda tx: tx.images.series(ImageQuery()))
    assert {each.study_instance_uid: each.requests for each in series} == {
        "1.2.1": (FoundRequest("R1", "S1"), FoundRequest("R1", "S2")),
        "1.2.9": (FoundRequest("R7", "S7"), FoundRequest("R8", "S8")),
    }
