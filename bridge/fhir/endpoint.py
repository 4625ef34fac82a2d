"""Endpoint (FHIR R4): where the images of a study can be had."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.fhir.identifiers import Json
from bridge.fhir.terms import DCM, ENDPOINT_CONNECTION, URI

WADO_RS = "dicom-wado-rs"
# Connection type → its display and the media types that come over it.
CONNECTIONS = {
    WADO_RS: ("DICOM WADO-RS", ("application/dicom", "application/dicom+json")),
    "dicom-wado-uri": ("DICOM WADO-URI", ("application/dicom",)),
    "dicom-qido-rs": ("DICOM QIDO-RS", ("application/dicom+json",)),
    "ihe-iid": ("IHE IID", ()),
}

STUDY_PAYLOAD = {"system": DCM, "code": "113014", "display": "Study"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One way to the images: one Endpoint per archive and connection type, not per study.

    `identifier` is a URI that stays the same when the address changes. `address` is the service's
    base, without `/studies`, without a trailing slash, and without anything secret.
    """

    identifier: str
    address: str
    connection: str = WADO_RS
    name: str = "Images"


def endpoint_resource(access: Access) -> Json:
    """The Endpoint as R4 JSON. `payloadType` is required in R4.

    Raises:
        KeyError: the connection type is none of the value set.
    """
    display, media_types = CONNECTIONS[access.connection]
    return {
        "resourceType": "Endpoint",
        "identifier": [{"system": URI, "value": access.identifier}],
        "status": "active",
        "connectionType": {
            "system": ENDPOINT_CONNECTION,
            "code": access.connection,
            "display": display,
        },
        "name": access.name,
        "payloadType": [{"coding": [STUDY_PAYLOAD], "text": "DICOM study"}],
        **({"payloadMimeType": list(media_types)} if media_types else {}),
        "address": access.address.rstrip("/"),
    }


def viewer_endpoint(address: str) -> Json:
    """Where a person sees a study: a web page, which no connection type of the value set names."""
    return {
        "resourceType": "Endpoint",
        "status": "active",
        "connectionType": {"display": "Web viewer"},
        "name": "Viewer",
        "payloadType": [{"coding": [STUDY_PAYLOAD], "text": "DICOM study"}],
        "payloadMimeType": ["text/html"],
        "address": address,
    }
