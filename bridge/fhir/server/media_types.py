"""Which format and release an exchange is in (FHIR R4 3.1.0.1.6 to 3.1.0.1.9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.fhir.releases import Release
from bridge.fhir.server.exchange import FHIR_JSON, VERSIONS, Request
from bridge.fhir.server.refusals import FhirRefusal

JSON_PATCH = "application/json-patch+json"
FORM = "application/x-www-form-urlencoded"
_JSON = frozenset({FHIR_JSON, "application/json", "application/json+fhir", "text/json"})
_WILD = frozenset({"*/*", "application/*"})
_FORMATS = _JSON | {"json"}
_RELEASES: Mapping[str, Release] = {
    **{version: release for release, version in VERSIONS.items()},
    "4": Release.R4,
    "4.3": Release.R4,
    "4.0.1": Release.R4,
    "4.3.0": Release.R4,
    "5": Release.R5,
    "5.0.0": Release.R5,
}


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type with its parameters, all in lower case but the parameters' values."""

    name: str
    parameters: Mapping[str, str]

    @property
    def quality(self) -> float:
        """The weight of a media range; one that is not a number refuses the range."""
        try:
            return float(self.parameters.get("q", "1"))
        except ValueError:
            return 0.0


def media_types(header: str) -> list[MediaType]:
    """The media types of a Content-Type or Accept header."""
    return [_media_type(part) for part in header.split(",") if part.strip()]


def _media_type(text: str) -> MediaType:
    name, *parameters = text.split(";")
    pairs = (each.partition("=") for each in parameters)
    return MediaType(
        name.strip().lower(), {k.strip().lower(): v.strip().strip('"') for k, _, v in pairs}
    )


def answer_release(request: Request, default: Release) -> Release:
    """The release in which the client wants its answer.

    `_format` overrules Accept; neither means JSON of the default release, or of that the body is
    in. Raises FhirRefusal 406 when the client takes nothing that we can give.
    """
    formats = [value for name, value in request.parameters if name == "_format" and value]
    # In a query a plus sign is a space: `_format=application/fhir+json` is meant.
    wanted = formats[0].replace(" ", "+") if formats else request.header("accept")
    ranges = [each for each in media_types(wanted) if each.quality > 0]
    if not ranges and not wanted:
        return body_release(request, default) if request.body else default
    for each in sorted(ranges, key=lambda one: -one.quality):
        if each.name not in _FORMATS | _WILD:
            continue
        version = each.parameters.get("fhirversion", "")
        if not version:
            return body_release(request, default) if request.body else default
        if version in _RELEASES:
            return _RELEASES[version]
    raise FhirRefusal(
        406,
        "only JSON is given (application/fhir+json), of fhirVersion 4.0 or 5.0; there is no XML",
        expression="http.accept",
    )


def body_release(request: Request, default: Release) -> Release:
    """The release that the body is in. Raises FhirRefusal 415 for anything but JSON of ours."""
    header = request.header("content-type")
    found = media_types(header)
    if not found:
        return default
    if found[0].name not in _JSON | {JSON_PATCH, FORM}:
        raise FhirRefusal(
            415,
            "only JSON is taken (application/fhir+json; for PATCH application/json-patch+json);"
            " there is no XML",
            expression="http.content-type",
        )
    charset = found[0].parameters.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise FhirRefusal(415, "JSON is UTF-8", expression="http.content-type")
    version = found[0].parameters.get("fhirversion", "")
    if version and version not in _RELEASES:
        raise FhirRefusal(415, "fhirVersion is 4.0 or 5.0 here", expression="http.content-type")
    return _RELEASES.get(version, default)


def demand_json(request: Request) -> None:
    """Raise FhirRefusal 415 unless the body says that it is a resource in JSON."""
    found = media_types(request.header("content-type"))
    if not found or found[0].name not in _JSON:
        raise FhirRefusal(
            415,
            "the body is a resource in JSON: Content-Type is application/fhir+json",
            expression="http.content-type",
        )
