"""ImagingStudy of a study whose images, all or some of them, somebody else holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.domain.announced_study import AnnouncedImages, AnnouncedSeries, AnnouncedStatus
from bridge.domain.study import Study
from bridge.fhir.imaging_study import Rendering, imaging_study
from bridge.fhir.releases import Release
from bridge.fhir.validation import check
from tests.unit.fhir.studies import CT_IMAGE, a_series, a_study, published

HEAD = AnnouncedSeries(
    series_instance_uid="1.2.3.1",
    modality="CT",
    number=1,
    instances=(("1.2.3.1.1", CT_IMAGE), ("1.2.3.1.9", CT_IMAGE)),
    number_of_instances=5,
)
NECK = AnnouncedSeries(series_instance_uid="1.2.3.2", modality="MR", number_of_instances=7)


def told(study: Study) -> dict[str, Any]:
    found = imaging_study(published(study), Rendering())
    check(found, Release.R4)
    return found


def announced(study: Study, *series: AnnouncedSeries, status: str = "available") -> Study:
    return replace(study, announced=AnnouncedImages(status=AnnouncedStatus(status), series=series))


def counts(resource: dict[str, Any]) -> dict[str, int]:
    return {each["uid"]: each["numberOfInstances"] for each in resource["series"]}


def test_given_images_elsewhere_only_then_they_are_told_as_announced() -> None:
    found = told(announced(a_study(), HEAD, NECK))
    assert (found["status"], found["numberOfSeries"], found["numberOfInstances"]) == (
        "available",
        2,
        12,
    )
    assert counts(found) == {"1.2.3.1": 5, "1.2.3.2": 7}
    assert [each["code"] for each in found["modality"]] == ["CT", "MR"]


def test_given_some_here_and_some_elsewhere_then_each_is_told_once() -> None:
    found = told(announced(a_study(a_series("1.2.3.1", instances=2)), HEAD, NECK))
    assert counts(found) == {"1.2.3.1": 5, "1.2.3.2": 7}
    first = next(each for each in found["series"] if each["uid"] == "1.2.3.1")
    uids = [each["uid"] for each in first["instance"]]
    assert sorted(uids) == ["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.9"]


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error"])
def test_given_images_that_are_not_there_then_the_status_says_so(status: str) -> None:
    found = told(announced(a_study(), status=status))
    assert (found["status"], found["numberOfInstances"]) == (status, 0)


def test_given_images_of_our_own_then_they_stay_available() -> None:
    found = told(announced(a_study(a_series()), status="entered-in-error"))
    assert found["status"] == "available"


def test_given_a_study_that_nobody_lists_then_it_is_available_all_the_same() -> None:
    assert told(announced(a_study()))["status"] == "available"
