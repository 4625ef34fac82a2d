"""Resources of FHIR as events of the domain (STANDARDS 2.9, 7): JSON enters, events leave.

Which element means what is the profile's (`mappings/fhir-*.yaml`); what belongs together, and what
is wrong with a resource, is decided here.
"""

from bridge.fhir.reading.issues import Issue, error_of, issue_code
from bridge.fhir.reading.parsing import parse_body
from bridge.fhir.reading.reading import (
    NOTHING,
    EntryReading,
    FhirReading,
    FhirSender,
    Resolver,
    expression_of,
)
from bridge.fhir.reading.resources import read_deletion, read_resources
from bridge.fhir.reading.structure import check_resource

__all__ = [
    "NOTHING",
    "EntryReading",
    "FhirReading",
    "FhirSender",
    "Issue",
    "Resolver",
    "check_resource",
    "error_of",
    "expression_of",
    "issue_code",
    "parse_body",
    "read_deletion",
    "read_resources",
]
