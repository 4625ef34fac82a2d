"""OpenAPI 3.1 description of the routes, for tools that try or document HTTP services."""

from __future__ import annotations

from typing import Any

from bridge.fhir.identifiers import Json
from bridge.fhir.server.exchange import FHIR_JSON
from bridge.fhir.server.media_types import FORM, JSON_PATCH
from bridge.fhir.server.resource_types import EVERYWHERE, RESULT_PARAMETERS, TYPES, ResourceType

_RESOURCE = {"type": "object", "required": ["resourceType"]}
_ERRORS = ("400", "401", "404", "405", "406", "409", "410", "412", "413", "415", "422", "503")


def openapi(base: str, version: str) -> Json:
    """Every route below the server's base."""
    paths: Json = {
        "/metadata": {"get": _operation("What this server can do", "200")},
        "/": {"post": _operation("A transaction, batch or message", "200", body=_bundle())},
        "/$process-message": {"post": _operation("Take a message", "200", body=_bundle())},
    }
    for type_ in TYPES.values():
        paths |= _paths(type_)
    return {
        "openapi": "3.1.0",
        "info": {"title": "bridge: FHIR", "version": version},
        "servers": [{"url": base}],
        "paths": paths,
    }


def _paths(type_: ResourceType) -> Json:
    name = type_.name
    id_, version = _in_path("id"), _in_path("version")
    return {
        f"/{name}": {
            "get": _operation(f"Search {name}", "200", parameters=_search(type_)),
            "post": _operation(
                f"Create a {name}",
                "201",
                "200",
                body=_body(name),
                parameters=[_header("If-None-Exist"), _prefer()],
            ),
        },
        f"/{name}/_search": {
            "post": _operation(f"Search {name}", "200", body=_form(type_)),
        },
        f"/{name}/{{id}}": {
            "get": _operation(
                f"Read a {name}", "200", "304", parameters=[id_, _header("If-None-Match")]
            ),
            "put": _operation(
                f"Update or create a {name}",
                "200",
                "201",
                body=_body(name),
                parameters=[id_, _header("If-Match"), _prefer()],
            ),
            "patch": _operation(
                f"Change a {name}", "200", body=_patch(), parameters=[id_, _header("If-Match")]
            ),
            "delete": _operation(type_.deletion, "204", parameters=[id_]),
        },
        f"/{name}/{{id}}/_history": {
            "get": _operation(f"The versions of a {name}", "200", parameters=[id_])
        },
        f"/{name}/{{id}}/_history/{{version}}": {
            "get": _operation(f"A version of a {name}", "200", parameters=[id_, version])
        },
    }


def _operation(
    summary: str,
    *good: str,
    body: Json | None = None,
    parameters: list[Json] | None = None,
) -> Json:
    content = {FHIR_JSON: {"schema": _RESOURCE}}
    bodiless = ("204", "304")
    responses: dict[str, Any] = {
        status: {"description": "Done", **({} if status in bodiless else {"content": content})}
        for status in good
    }
    outcome = {"description": "OperationOutcome", "content": content}
    responses |= dict.fromkeys(_ERRORS, outcome)
    return {
        "summary": summary,
        "parameters": parameters or [],
        **({"requestBody": body} if body else {}),
        "responses": responses,
    }


def _search(type_: ResourceType) -> list[Json]:
    named = {each.name: each.doc for each in (*EVERYWHERE, *type_.parameters)}
    return [
        {"name": name, "in": "query", "description": doc, "schema": {"type": "string"}}
        for name, doc in {**named, **RESULT_PARAMETERS}.items()
    ]


def _form(type_: ResourceType) -> Json:
    properties = {each["name"]: {"type": "string"} for each in _search(type_)}
    return {"content": {FORM: {"schema": {"type": "object", "properties": properties}}}}


def _body(name: str) -> Json:
    schema = {
        "type": "object",
        "required": ["resourceType"],
        "properties": {
            "resourceType": {"const": name},
            "id": {"type": "string"},
            "identifier": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"system": {"type": "string"}, "value": {"type": "string"}},
                },
            },
            "status": {"type": "string"},
            "intent": {"type": "string"},
            "subject": {"type": "object", "properties": {"reference": {"type": "string"}}},
        },
    }
    return {"required": True, "content": {FHIR_JSON: {"schema": schema}}}


def _bundle() -> Json:
    entry = {
        "type": "object",
        "properties": {
            "fullUrl": {"type": "string"},
            "resource": _RESOURCE,
            "request": {
                "type": "object",
                "properties": {"method": {"type": "string"}, "url": {"type": "string"}},
            },
        },
    }
    schema = {
        "type": "object",
        "required": ["resourceType", "type"],
        "properties": {
            "resourceType": {"const": "Bundle"},
            "type": {"enum": ["transaction", "batch", "message", "collection"]},
            "entry": {"type": "array", "items": entry},
        },
    }
    return {"required": True, "content": {FHIR_JSON: {"schema": schema}}}


def _patch() -> Json:
    operation = {
        "type": "object",
        "required": ["op", "path"],
        "properties": {
            "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
            "path": {"type": "string"},
            "from": {"type": "string"},
            "value": {},
        },
    }
    schema = {"type": "array", "items": operation}
    return {"required": True, "content": {JSON_PATCH: {"schema": schema}}}


def _in_path(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _header(name: str) -> Json:
    return {"name": name, "in": "header", "schema": {"type": "string"}}


def _prefer() -> Json:
    values = ["return=representation", "return=OperationOutcome"]
    return {"name": "Prefer", "in": "header", "schema": {"enum": values}}
