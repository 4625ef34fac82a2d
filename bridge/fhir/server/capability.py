"""CapabilityStatement (FHIR R4 5.5), made of the tables that the server itself goes by."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.fhir.identifiers import Json
from bridge.fhir.releases import Release
from bridge.fhir.server.parameters import Parameter
from bridge.fhir.server.resource_types import EVERYWHERE, TYPES, ResourceType
from bridge.fhir.subscriptions.statement import subscription_resources

FHIR_VERSIONS: Mapping[Release, str] = {Release.R4: "4.0.1", Release.R5: "5.0.0"}
INTERACTIONS = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "create",
    "search-type",
)
DATE = "2026-01-01"
NAME = "bridge"


def capability_statement(base: str, release: Release, software: str, *, secured: bool) -> Json:
    """What this server can do, in the release that was asked for."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": {"name": NAME, "version": software},
        "implementation": {"description": "RIS-PACS bridge", "url": base},
        "fhirVersion": FHIR_VERSIONS[release],
        "format": ["json"],
        "patchFormat": ["application/json-patch+json"],
        "rest": [
            {
                "mode": "server",
                "documentation": (
                    "Orders, steps, visits and studies, whoever told of them, and what clients"
                    " wrote. A write is an order event: what it asks for is done, or refused."
                ),
                **({"security": _security()} if secured else {}),
                "resource": [
                    *(_resource(each, release) for each in TYPES.values()),
                    *subscription_resources(base, release),
                ],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
                "operation": [
                    {
                        "name": "process-message",
                        "definition": (
                            "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message"
                        ),
                    }
                ],
            }
        ],
    }


def _security() -> Json:
    return {"description": "A bearer token of the server's configuration (RFC 6750)"}


def _resource(type_: ResourceType, release: Release) -> Json:
    revincludes = {"searchRevInclude": list(type_.revincludes)} if type_.revincludes else {}
    includes = [f"{type_.name}:{name}" for name in type_.includes]
    return {
        "type": type_.name,
        "documentation": f"{type_.doc}. DELETE: {type_.deletion}",
        "interaction": [{"code": code} for code in INTERACTIONS],
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        **({"conditionalPatch": True} if release is Release.R5 else {}),
        **({"searchInclude": includes} if includes else {}),
        **revincludes,
        "searchParam": [_parameter(each) for each in (*EVERYWHERE, *type_.parameters)],
    }


def _parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "type": parameter.type.value,
        "documentation": parameter.doc,
    }
