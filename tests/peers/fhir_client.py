"""A bare FHIR client: reads what a server holds, with nothing but JSON over HTTP."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from typing import Any, TypeAlias

Resource: TypeAlias = dict[str, Any]


class FhirClient:
    """Reads from (and, for a test's own needs, writes to) the FHIR server at `url`."""

    token = ""
    """Bearer token that the server asks for."""

    def __init__(self, url: str) -> None:
        self.url = url

    def exchange(self, method: str, path: str, body: Resource | None = None) -> Resource:
        request = urllib.request.Request(
            f"{self.url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "content-type": "application/fhir+json",
                "accept": "application/fhir+json",
                **({"authorization": f"Bearer {self.token}"} if self.token else {}),
            },
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            content: Resource = json.load(response)
        return content

    def search(self, resource_type: str, **parameters: str) -> list[Resource]:
        """Give the resources of a type that match (at most 1000)."""
        query = urllib.parse.urlencode({"_count": "1000", **parameters})
        bundle = self.exchange("GET", f"{resource_type}?{query}")
        return [entry["resource"] for entry in bundle.get("entry", [])]

    def read(self, reference: str) -> Resource:
        return self.exchange("GET", reference)

    def create(self, resource: Resource) -> Resource:
        return self.exchange("POST", resource["resourceType"], resource)

    def imaging_studies(self, study_uid: str) -> list[Resource]:
        """Give every ImagingStudy that carries the Study Instance UID, of whatever number."""
        return self.search("ImagingStudy", identifier=f"urn:dicom:uid|urn:oid:{study_uid}")
