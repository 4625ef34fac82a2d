import json

import pytest

from bridge.fhir.outcome import Blame, blame, failure


def outcome(code: str, text: str = "") -> dict[str, object]:
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


@pytest.mark.parametrize(
    ("status", "whose"),
    [
        (400, Blame.MESSAGE),
        (422, Blame.MESSAGE),
        (410, Blame.MESSAGE),
        (413, Blame.MESSAGE),
        (301, Blame.MOMENT),
        (403, Blame.MOMENT),
        (404, Blame.MOMENT),
        (408, Blame.MOMENT),
        (409, Blame.MOMENT),
        (412, Blame.MOMENT),
        (500, Blame.MOMENT),
        (501, Blame.MOMENT),
        (401, Blame.LINK),
        (429, Blame.LINK),
        (502, Blame.LINK),
        (503, Blame.LINK),
        (504, Blame.LINK),
    ],
)
def test_given_a_status_then_it_is_known_whose_fault_it_is(status: int, whose: Blame) -> None:
    assert blame(status, None) is whose


@pytest.mark.parametrize(
    ("status", "told", "whose"),
    [
        (412, outcome("multiple-matches"), Blame.MESSAGE),
        (412, outcome("processing", "this search matched 2 resources"), Blame.MESSAGE),
        (412, outcome("processing", "Multiple resources found"), Blame.MESSAGE),
        (412, outcome("conflict", "version 3 is current"), Blame.MOMENT),
        (400, outcome("invalid"), Blame.MESSAGE),
        (400, outcome("lock-error"), Blame.MOMENT),
        (400, outcome("duplicate"), Blame.MOMENT),
        (422, outcome("transient"), Blame.MOMENT),
        (503, outcome("transient"), Blame.LINK),
        (400, {"resourceType": "OperationOutcome", "issue": "none"}, Blame.MESSAGE),
        (400, {"resourceType": "OperationOutcome", "issue": ["none"]}, Blame.MESSAGE),
        (400, {"resourceType": "OperationOutcome", "issue": [{"details": []}]}, Blame.MESSAGE),
        (400, {"error": "none"}, Blame.MESSAGE),
    ],
)
def test_given_an_outcome_then_it_is_more_exact_than_the_status(
    status: int, told: dict[str, object], whose: Blame
) -> None:
    assert blame(status, told) is whose


def test_given_an_outcome_that_names_a_patient_then_only_its_codes_are_in_the_message() -> None:
    issue = {
        "severity": "error",
        "code": "value",
        "diagnostics": "NGUYỄN VĂN ÁNH is too long",
        "expression": ["Patient.name[0].family"],
    }
    body = json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()

    error = failure(422, body, request=b"said")

    assert str(error) == "HTTP 422 (value at Patient.name[0].family)"
    assert (error.response, error.request, error.permanent) == (body, b"said", True)
