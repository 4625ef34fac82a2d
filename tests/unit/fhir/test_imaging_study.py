from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import fhirkit
import pytest
from fhir.resources.imagingstudy import ImagingStudy as R5ImagingStudy
from fhir.resources.R4B.imagingstudy import ImagingStudy as R4ImagingStudy
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import CodedConcept
from bridge.domain.step_status import StepStatus
from bridge.fhir.imaging_study import Rendering, imaging_study
from bridge.fhir.releases import Release, in_release
from bridge.fhir.validation import check
from tests.unit.fhir.studies import HOSP, a_request, a_series, a_study, published

VIETNAM = Rendering(zone=ZoneInfo("Asia/Ho_Chi_Minh"))
RICH = published(
    a_study(
        a_series(
            modality="CT",
            SeriesDescription="axial 1 mm",
            BodyPartExamined="CHEST",
            Laterality="R",
            SeriesDate="20240102",
            SeriesTime="101213.25",
            PerformingPhysicianName="TRẦN^THỊ\\LÊ^HOA",
            OperatorsName="PHẠM^MINH",
        ),
        a_series("1.2.3.2", modality="SR", number=2, instances=1),
        StudyDate="20240102",
        StudyTime="101112",
        StudyDescription="Thorax",
        ReferringPhysicianName="DO^JOHN",
        NameOfPhysiciansReadingStudy="VO^AN",
    ),
    requests=(
        a_request(
            of_order={"ReferringPhysicianName": "ĐỖ^JOHN"},
            ReasonForTheRequestedProcedure="ho kéo dài",
            RequestedProcedureDescription="Chest",
        ),
    ),
)


def build(*arguments: Any, **keywords: Any) -> dict[str, Any]:
    return imaging_study(published(*arguments, **keywords), VIETNAM)


def test_given_a_study_when_told_then_every_element_has_its_place() -> None:
    resource = imaging_study(RICH, VIETNAM)

    acsn = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]}
    accession = {"type": acsn, "system": "urn:id:HOSP", "value": "A1"}
    assert resource["identifier"] == [
        {"use": "official", "system": "urn:dicom:uid", "value": "urn:oid:1.2.3"},
        accession,
    ]
    assert resource["basedOn"] == [{"type": "ServiceRequest", "identifier": accession}]
    assert resource["status"] == "available"
    assert resource["modality"] == [
        {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"}
    ]
    assert resource["subject"]["identifier"]["value"] == "P1"
    assert resource["started"] == "2024-01-02T10:11:12+07:00"
    assert (resource["numberOfSeries"], resource["numberOfInstances"]) == (2, 3)
    assert resource["referrer"] == {"type": "Practitioner", "display": "ĐỖ, JOHN"}
    assert resource["interpreter"] == [{"type": "Practitioner", "display": "VO, AN"}]
    assert resource["procedureCode"][0]["coding"][0]["system"] == "http://loinc.org"
    assert resource["reasonCode"] == [{"text": "ho kéo dài"}]
    assert resource["description"] == "Thorax"


def test_given_a_series_when_told_then_its_codes_are_the_receivers() -> None:
    series = imaging_study(RICH, VIETNAM)["series"][0]

    assert series["uid"] == "1.2.3.1"  # a bare UID: its type is id
    assert (series["bodySite"]["code"], series["laterality"]["code"]) == ("816094009", "24028007")
    assert series["started"] == "2024-01-02T10:12:13.250+07:00"
    assert [p["actor"]["display"] for p in series["performer"]] == [
        "TRẦN, THỊ",
        "LÊ, HOA",
        "PHẠM, MINH",
    ]
    assert series["instance"][0] == {
        "uid": "1.2.3.1.1",
        "sopClass": {
            "system": "urn:ietf:rfc:3986",
            "code": "urn:oid:1.2.840.10008.5.1.4.1.1.2",
        },
        "number": 1,
    }


def test_given_a_rich_study_when_told_then_three_validators_agree() -> None:
    resource = imaging_study(RICH, VIETNAM) | {"subject": {"reference": "Patient/1"}}

    R4ImagingStudy.model_validate(resource)
    assert [str(issue) for issue in fhirkit.validate(resource)] == []
    R5ImagingStudy.model_validate(in_release(resource, Release.R5))


def test_given_r5_when_told_then_renamed_and_retyped_elements_follow() -> None:
    resource = in_release(imaging_study(RICH, VIETNAM), Release.R5)

    assert resource["modality"][0]["coding"][0]["code"] == "CT"
    assert resource["procedure"][0]["concept"]["coding"][0]["code"] == "36643-5"
    assert resource["reason"] == [{"concept": {"text": "ho kéo dài"}}]
    assert not {"interpreter", "procedureCode", "reasonCode"} & resource.keys()
    series = resource["series"][0]
    assert series["modality"]["coding"][0]["code"] == "CT"
    assert series["bodySite"]["concept"]["coding"][0]["code"] == "816094009"


@pytest.mark.parametrize(
    ("modalities", "told"),
    [
        (("CT", "SR", "PR"), ["CT"]),
        (("SR",), ["SR"]),
        (("KO", "PR"), ["KO", "PR"]),
        (("PT", "CT", "CT"), ["CT", "PT"]),
        (("",), ["OT"]),
    ],
)
def test_given_companion_objects_when_told_then_the_study_is_named_after_its_images(
    modalities: tuple[str, ...], told: list[str]
) -> None:
    series = [a_series(f"1.2.3.{i}", m) for i, m in enumerate(modalities)]
    resource = build(a_study(*series))
    assert [coding["code"] for coding in resource["modality"]] == told


@pytest.mark.parametrize(
    ("series", "step", "status"),
    [
        ((a_series(),), StepStatus.STARTED, "available"),
        ((a_series(),), StepStatus.DISCONTINUED, "available"),
        ((), StepStatus.STARTED, "registered"),
        ((), StepStatus.DISCONTINUED, "cancelled"),
        ((), StepStatus.CANCELED, "cancelled"),
    ],
)
def test_given_images_or_none_when_told_then_the_status_says_so(
    series: tuple[Any, ...], step: StepStatus, status: str
) -> None:
    resource = build(a_study(*series), requests=(a_request(status=step),))
    assert resource["status"] == status
    check(resource, Release.R4)


def test_given_a_group_case_when_told_then_it_is_based_on_every_order() -> None:
    requests = (
        a_request(2, accession=Identifier("A2", HOSP)),
        a_request(1, accession=Identifier("A1", HOSP)),
        a_request(1, accession=Identifier("A1", HOSP)),
    )
    resource = build(requests=requests)
    assert [b["identifier"]["value"] for b in resource["basedOn"]] == ["A1", "A2"]
    assert [i["value"] for i in resource["identifier"][1:]] == ["A1", "A2"]


def test_given_an_order_without_accession_when_told_then_its_placer_number_names_it() -> None:
    placer = Identifier("PL1", Authority("KIS", "1.2.3.4", "ISO"), "VN")
    resource = build(requests=(a_request(accession=None, placer=placer),))
    number = resource["basedOn"][0]["identifier"]
    assert number["type"]["coding"][0]["code"] == "PLAC"
    assert number["system"] == "urn:oid:1.2.3.4"
    assert len(resource["identifier"]) == 1


def test_given_an_unscheduled_study_when_told_then_the_images_own_accession_is_kept() -> None:
    resource = build(requests=())
    assert resource["identifier"][1]["value"] == "A1"
    assert "basedOn" not in resource


def test_given_images_in_another_order_when_told_then_the_resource_is_the_same() -> None:
    one, two = a_series("1.2.3.1", number=1), a_series("1.2.3.2", number=None)
    assert build(a_study(one, two)) == build(a_study(two, one))


def test_given_thousands_of_instances_when_told_then_they_are_counted_and_not_listed() -> None:
    study = published(a_study(a_series(instances=3), a_series("1.2.3.2", instances=2)))
    listed = imaging_study(study, Rendering(instance_limit=5))
    counted = imaging_study(study, Rendering(instance_limit=4))
    assert [len(series["instance"]) for series in listed["series"]] == [3, 2]
    assert all("instance" not in series for series in counted["series"])
    assert counted["numberOfInstances"] == 5


@pytest.mark.parametrize(
    ("attributes", "started"),
    [
        ({"StudyDate": "20240102"}, "2024-01-02"),
        ({"StudyDate": "20240102", "StudyTime": "240000"}, "2024-01-02"),
        ({"StudyDate": "20240102", "StudyTime": "10"}, "2024-01-02T10:00:00+07:00"),
        (
            {"StudyDate": "20240102", "StudyTime": "1011", "TimezoneOffsetFromUTC": "-0330"},
            "2024-01-02T10:11:00-03:30",
        ),
        ({"StudyDate": "00000000", "StudyTime": "1011"}, None),
        ({}, None),
    ],
)
def test_given_dates_as_they_come_when_told_then_no_time_is_without_its_zone(
    attributes: dict[str, str], started: str | None
) -> None:
    resource = build(a_study(a_series(), **attributes))
    assert resource.get("started") == started
    check(resource, Release.R4)


def test_given_values_fhir_has_no_place_for_when_told_then_they_are_left_out() -> None:
    series = a_series(number=-1, BodyPartExamined="LOCAL PART", Laterality="U")
    told = build(a_study(series, StudyDescription=" a\x00b \n"))
    assert "number" not in told["series"][0]
    assert told["series"][0]["bodySite"] == {"display": "LOCAL PART"}
    assert "laterality" not in told["series"][0]
    assert told["description"] == "ab"
    check(in_release(told, Release.R5), Release.R5)


text = st.text(st.characters(codec="utf-8"), max_size=40)


headers = st.fixed_dictionaries(
    {
        "description": text,
        "name": text,
        "body_part": text,
        "modality": st.sampled_from(["CT", "", "MR ", "SR"]),
        "date": st.text("0123456789.", max_size=10),
        "time": st.text("0123456789.:", max_size=13),
        "offset": st.sampled_from(["", "+0700", "-1200", "+1500", "0700", "+9999"]),
    }
)


@given(
    header=headers,
    number=st.one_of(st.none(), st.integers(-(2**31), 2**32)),
    code=st.builds(CodedConcept, st.text("AB1-", min_size=1), st.text("LN9S "), text),
    reason=text,
)
def test_given_whatever_a_header_holds_when_told_then_the_resource_is_valid(
    header: dict[str, str], number: int | None, code: CodedConcept, reason: str
) -> None:
    series = a_series(
        modality=header["modality"],
        number=number,
        SeriesDescription=header["description"],
        BodyPartExamined=header["body_part"],
        SeriesDate=header["date"],
        SeriesTime=header["time"],
        OperatorsName=header["name"],
    )
    study = a_study(
        series,
        StudyDate=header["date"],
        StudyTime=header["time"],
        TimezoneOffsetFromUTC=header["offset"],
        ReferringPhysicianName=header["name"],
        StudyDescription=header["description"],
    )
    request = a_request(code=code, ReasonForTheRequestedProcedure=reason)
    resource = build(study, requests=(request,))

    check(resource, Release.R4)
    check(in_release(resource, Release.R5), Release.R5)
    assert [str(issue) for issue in fhirkit.validate(resource)] == []
