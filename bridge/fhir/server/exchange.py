"""One HTTP exchange as values: what was asked, and what is answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qsl

from bridge.fhir.identifiers import Json
from bridge.fhir.releases import Release

FHIR_JSON = "application/fhir+json"
VERSIONS: Mapping[Release, str] = {Release.R4: "4.0", Release.R5: "5.0"}
"""`fhirVersion` of the media type (FHIR 3.1.0.1.8)."""
_JOURNALED = ("content-type", "if-match", "if-none-exist", "if-none-match", "prefer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asks. `path` is below the server's base, header names are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    client: str = ""
    user: str = ""

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The query, decoded."""
        return parse_qsl(self.query, keep_blank_values=True, errors="replace")

    def header(self, name: str) -> str:
        """A header; empty when it is not there."""
        return self.headers.get(name, "").strip()

    def preference(self, name: str) -> str:
        """A preference of the Prefer header (RFC 7240); empty when it is not there."""
        for part in self.header("prefer").replace(";", ",").split(","):
            key, _, value = part.partition("=")
            if key.strip().lower() == name:
                return value.strip().strip('"').lower()
        return ""

    @property
    def raw(self) -> bytes:
        """The request as the journal keeps it: without credentials."""
        target = f"{self.path}?{self.query}" if self.query else self.path
        lines = [f"{self.method} {target}"]
        lines += [f"{name}: {self.headers[name]}" for name in _JOURNALED if name in self.headers]
        head = "\r\n".join(lines).encode("utf-8", "backslashreplace")
        return head + b"\r\n\r\n" + self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered; `content` None is no body at all.

    `updated_at` is when the resource changed last, where it is one.
    """

    status: int
    content: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    updated_at: float = 0.0

    def body(self, *, pretty: bool = False) -> bytes:
        """The body's bytes."""
        if self.content is None:
            return b""
        if pretty:
            return json.dumps(self.content, ensure_ascii=False, indent=2).encode()
        return json.dumps(self.content, ensure_ascii=False, separators=(",", ":")).encode()

    @property
    def raw(self) -> bytes:
        """The answer as the journal keeps it, from which it can be given again."""
        head = {"status": self.status, "headers": dict(self.headers)}
        return json.dumps(head).encode() + b"\n" + self.body()


def answer_from(raw: bytes) -> Answer:
    """The inverse of `Answer.raw`."""
    head, _, body = raw.partition(b"\n")
    said = json.loads(head)
    content = json.loads(body) if body else None
    return Answer(status=said["status"], headers=said["headers"], content=content)


def content_type(release: Release) -> str:
    """The media type of what is answered."""
    return f"{FHIR_JSON}; fhirVersion={VERSIONS[release]}; charset=utf-8"


def http_date(moment: float) -> str:
    """Unix time → HTTP-date (RFC 9110 5.6.7)."""
    return format_datetime(datetime.fromtimestamp(moment, UTC), usegmt=True)


def instant(moment: float) -> str:
    """Unix time → FHIR instant, to the microsecond."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds")


def etag(tag: str) -> str:
    """A version as a weak entity tag."""
    return f'W/"{tag}"'


def tags_of(header: str) -> list[str]:
    """The versions that If-Match or If-None-Match names; `*` stands for any."""
    tags = (part.strip().removeprefix("W/").strip('"') for part in header.split(","))
    return [tag for tag in tags if tag]
