"""Retrieve Capabilities (PS3.18 section 8.9): what the service offers, as WADL or JSON.

Made from the routes themselves, so that it says no more and no less than what there is.
"""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from bridge.dicomweb.accept import accepts
from bridge.dicomweb.media import FRAME_MEDIA_TYPES, MULTIPART, OCTETS
from bridge.dicomweb.multipart import DICOM

WADL = "application/vnd.sun.wadl+xml"
_NAMESPACE = "http://wadl.dev.java.net/2009/02"
_MODELS = (
    "application/dicom+json",
    "application/json",
    'multipart/related; type="application/dicom+xml"',
)
_RENDERED = ("image/jpeg", "image/png", "image/gif")
_PARAMETER = re.compile(r"\{([a-z]+)(?::path)?\}")

# Media types by the last part of a path that is no parameter.
REPRESENTATIONS: dict[str, tuple[str, ...]] = {
    "metadata": _MODELS,
    "frames": (
        f'{MULTIPART}; type="{OCTETS}"',
        *(f'{MULTIPART}; type="{each}"' for each in dict.fromkeys(FRAME_MEDIA_TYPES.values())),
        OCTETS,
    ),
    "bulkdata": (f'{MULTIPART}; type="{OCTETS}"', OCTETS),
    "rendered": (*_RENDERED, *(f'{MULTIPART}; type="{each}"' for each in _RENDERED)),
    "thumbnail": _RENDERED,
    "wado": (DICOM, *_RENDERED),
}
_INSTANCES = (f'{MULTIPART}; type="{DICOM}"',)


class Capabilities:
    """Answers OPTIONS on the service and on each of its resources."""

    def __init__(self, router: APIRouter) -> None:
        self._router = router
        self._routes = [route for route in router.routes if isinstance(route, APIRoute)]

    def add_routes(self) -> None:
        """Answer OPTIONS wherever there is something, and on the service itself."""
        for path in ("/", *dict.fromkeys(route.path for route in self._routes)):
            self._router.add_api_route(path, self.capabilities, methods=["OPTIONS"])

    def capabilities(self, request: Request) -> Response:
        """Say what is offered."""
        accept = request.headers.get("accept", "")
        allow = {"Allow": "GET, OPTIONS"}
        if accepts(accept, (WADL, "application/xml")):
            return Response(self._wadl(), media_type=WADL, headers=allow)
        if accepts(accept, ("application/json",)):
            return Response(self._json(), media_type="application/json", headers=allow)
        return Response(status_code=406, headers=allow)

    def _resources(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(_PARAMETER.sub(r"{\1}", r.path), _representations(r.path)) for r in self._routes]

    def _json(self) -> str:
        said = [
            {"path": path, "method": "GET", "representations": list(media_types)}
            for path, media_types in self._resources()
        ]
        return json.dumps({"resources": said})

    def _wadl(self) -> bytes:
        root = ElementTree.Element("application", xmlns=_NAMESPACE)
        resources = ElementTree.SubElement(root, "resources", base="")
        for path, media_types in self._resources():
            resource = ElementTree.SubElement(resources, "resource", path=path.lstrip("/"))
            for name in _PARAMETER.findall(path):
                ElementTree.SubElement(resource, "param", name=name, style="template")
            method = ElementTree.SubElement(resource, "method", name="GET")
            answer = ElementTree.SubElement(method, "response", status="200")
            for media_type in media_types:
                ElementTree.SubElement(answer, "representation", mediaType=media_type)
        declared: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
        return declared


def _representations(path: str) -> tuple[str, ...]:
    words = [each for each in path.split("/") if each and not each.startswith("{")]
    if words and words[-1] in REPRESENTATIONS:
        return REPRESENTATIONS[words[-1]]
    if path.endswith("}"):
        alone = (DICOM,) if "{instance}" in path else ()
        return (*_INSTANCES, *alone)
    return _MODELS
