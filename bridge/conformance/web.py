"""DICOMweb (PS3.18) as it is served: the routes themselves, and what each takes."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter
from fastapi.routing import APIRoute

from bridge.conformance.markdown import code, section, table
from bridge.conformance.vocabulary import (
    attribute_name,
    first_sentence,
    tag_of,
    uid_name,
)
from bridge.dicomweb.capabilities import REPRESENTATIONS
from bridge.dicomweb.media import FRAME_MEDIA_TYPES
from bridge.dicomweb.query import DEFAULT_RESULTS, KEYWORDS, MOST_RESULTS


def web_services(routers: Iterable[APIRouter]) -> str:
    """Section 4.5: the resources, and the keys of QIDO-RS."""
    rows = [
        (code(f"/dicom-web{route.path}"), method, first_sentence(route.endpoint))
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
        if method != "OPTIONS" or route.path == "/"
    ]
    return section(
        3,
        "4.5 DICOMweb (origin server, PS3.18)",
        "HTTP/1.1 of the HTTP listener; `http.public_url` is written into what is published. No"
        " authentication and no TLS of its own.",
        table(("Resource", "Method", "What it does"), sorted(rows)),
        "OPTIONS is answered by every resource. Media types that are given:",
        table(
            ("Resource", "Media types"),
            ((code(part), ", ".join(map(code, types))) for part, types in REPRESENTATIONS.items()),
        ),
        "Frames and bulk data of pixels stored in these transfer syntaxes go as they are stored,"
        " or decoded in Explicit VR Little Endian:",
        table(
            ("Transfer syntax", "UID", "Media type"),
            (
                (uid_name(syntax), code(syntax), code(media_type))
                for syntax, media_type in FRAME_MEDIA_TYPES.items()
            ),
        ),
        "QIDO-RS matches these, by keyword or tag; texts may hold wildcards, dates and times"
        " ranges. Any other key is refused with 400, for leaving it out would answer with images of"
        f" others. `limit` is {DEFAULT_RESULTS}, at most {MOST_RESULTS}; `offset` goes on.",
        table(("Attribute",), ([_named(keyword)] for keyword in KEYWORDS)),
        "Series and instances that are searched for in all studies, or with `includefield`, say"
        " what their studies and series say, too. With `fuzzymatching=true` each word of a name"
        " begins a word of the name that is held, in any order. Metadata, rendered images and"
        " thumbnails have an entity tag; what the client has is answered with 304.",
        "WADO-RS gives whole instances in their stored transfer syntax; 406 names what can be had."
        " STOW-RS answers 200 when all instances are kept,"
        " 202 when some are, 409 when none is, 400 for a body that is no multipart, 413 for an"
        " instance that is too long, 415 for another media type and 503 with Retry-After when there"
        " is no room; what is not kept is named with its reason, as in 4.3.4.",
        "As user agent (destinations of kind `stow`): POST of at most 64 instances, or 64 MiB, to"
        " `/studies`, as stored; decoded in Explicit VR Little Endian when the server answers 415"
        " or C122H. What the response says of each instance counts. 401, 429 and 5xx, and failure"
        " reasons A7xxH, 0110H and 0213H, are tried again; every other refusal is final.",
    )


def _named(path: str) -> str:
    return " > ".join(attribute_name(tag_of(keyword)) for keyword in path.split("."))
