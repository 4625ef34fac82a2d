import pytest

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.patient import Patient
from bridge.fhir.identifiers import IdentifierSystems
from bridge.fhir.imaging_study import Rendering, imaging_study
from bridge.fhir.patient import patient_resource
from bridge.fhir.releases import Release
from bridge.fhir.validation import InvalidResource, check
from tests.unit.fhir.studies import a_series, a_study, published

VALID = imaging_study(published(), Rendering())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"status": "bogus"}, "status: not in the value set"),
        ({"status": None}, "status"),
        ({"started": "2024-01-02T10:00"}, "started"),
        ({"numberOfSeries": -1}, "numberOfSeries"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_given_an_invalid_resource_when_checked_then_the_element_is_named(
    change: dict[str, object], named: str
) -> None:
    with pytest.raises(InvalidResource, match=named) as caught:
        check(VALID | change, Release.R4)
    assert caught.value.permanent


@pytest.mark.parametrize("uid", ["1.2.3/4", "1" * 65, ""])
def test_given_a_uid_that_is_no_id_when_checked_then_it_is_refused(uid: str) -> None:
    study = imaging_study(published(a_study(a_series(uid))), Rendering())
    with pytest.raises(InvalidResource, match="uid"):
        check(study, Release.R4)


def test_given_an_invalid_patient_when_checked_then_no_value_is_told() -> None:
    patient = Patient(
        pk=1,
        identifiers=(Identifier("SECRET ID", Authority("has space: \x00")),),
        attributes={"PatientName": "SECRET\x00NAME"},
    )
    resource = patient_resource(patient, IdentifierSystems()) | {"birthDate": "SECRET"}
    with pytest.raises(InvalidResource) as caught:
        check(resource, Release.R4)
    assert "SECRET" not in str(caught.value)


def test_given_r4_when_checked_as_r5_then_it_is_not_taken() -> None:
    with pytest.raises(InvalidResource):
        check(VALID, Release.R5)
