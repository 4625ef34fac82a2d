"""Schemathesis against `/fhir`: whatever is asked by its own description, no error of ours.

Every answer is of a status and a media type that the description declares, and every error is an
OperationOutcome with code and place.
"""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from bridge.fhir.server.openapi import openapi
from tests.adapters.fhir_server.conftest import Served
from tests.unit.fhir_server.house import BASE, patient, request
from tests.unit.services.core import order

TYPES = ("Patient", "ServiceRequest", "Task", "Appointment", "ImagingStudy", "Device")
_TRIED = f"^/({'|'.join(TYPES)})(/|$)|^/metadata|^/$|^/.process-message"
CHECKS = [not_a_server_error, content_type_conformance, status_code_conformance]

description = schemathesis.openapi.from_dict(openapi(BASE, "0")).include(path_regex=_TRIED)


@pytest.fixture(scope="module")
def hospital(lasting: Served) -> Served:
    """A server that holds something of every kind."""
    lasting.core.place(order("NW", placer="PL1"))
    someone = lasting.desk.post(patient())
    lasting.desk.post(request(f"Patient/{someone['id']}"))
    lasting.core.image()
    lasting.core.settle()
    return lasting


@description.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_request_makes_an_error_of_ours(case: schemathesis.Case[Any], hospital: Served) -> None:
    response = case.call(base_url=hospital.url, timeout=30)

    case.validate_response(response, checks=CHECKS)
    if response.status_code >= 400 and response.request.method != "HEAD":
        outcome = response.json()
        if outcome["resourceType"] == "Bundle":  # the answer to a message
            (outcome,) = outcome["entry"][0]["resource"]["contained"]
        assert outcome["resourceType"] == "OperationOutcome"
        for issue in outcome["issue"]:
            assert issue["code"]
            assert issue["expression"][0]
