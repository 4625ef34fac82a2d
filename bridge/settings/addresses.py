"""Terms for where things are: hosts, ports, URLs, the database and the image store."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from bridge.settings.problems import quoted
from bridge.settings.terms import Term, UnfitValueError, instead, integer, parse_text
from bridge.settings.values import DatabaseUrl

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9.])?")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_NATS_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HIGHEST_PORT = 65_535
_OBJECT_STORES = ("s3", "gs", "az")
_POSTGRESQL = ("postgresql", "postgresql+psycopg")
_DATABASE_FIX = "use sqlite:///./var/bridge.db or postgresql://user@host/name"


def _parse_host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    if _HOST.fullmatch(text) and not re.fullmatch(r"[0-9.]+", text):
        return text
    raise UnfitValueError(
        f"{quoted(text)} is not a host name or IP address",
        "write the name or address alone, such as 127.0.0.1, without scheme or port",
    )


def _split_http(text: str) -> SplitResult:
    fix = "write the whole address, such as http://127.0.0.1:8090/fhir"
    try:
        parts = urlsplit(parse_text(text))
        port = parts.port
    except ValueError as error:
        raise UnfitValueError(f"is not a URL: {error}", fix) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise UnfitValueError("is not an http or https URL", fix)
    if parts.username is not None or parts.password is not None:
        raise UnfitValueError(
            "carries a user or password", "take it out of the URL; secrets have their own keys"
        )
    if " " in text or parts.fragment:
        raise UnfitValueError("holds a space or a fragment (#...)", fix)
    return parts


def _parse_nats_url(text: str) -> str:
    fix = "write the whole address, such as nats://127.0.0.1:4222"
    try:
        parts = urlsplit(parse_text(text))
        port = parts.port
    except ValueError as error:
        raise UnfitValueError(f"is not a URL: {error}", fix) from None
    if parts.scheme not in ("nats", "tls") or not parts.hostname or port == 0:
        raise UnfitValueError("is not a nats or tls URL", fix)
    if parts.username is not None or parts.path.strip("/") or parts.query or " " in text:
        raise UnfitValueError("holds more than host and port", fix)
    return text.rstrip("/")


def _parse_nats_subject(text: str) -> str:
    if all(_NATS_TOKEN.fullmatch(token) for token in text.split(".")):
        return text
    raise UnfitValueError(
        f"{quoted(text)} is not a subject",
        "use letters, digits, hyphens and underscores, with points between parts",
    )


def _parse_http_url(text: str) -> str:
    _split_http(text)
    return text


def _parse_base_url(text: str) -> str:
    if _split_http(text).query:
        raise UnfitValueError("holds a query (?...)", "write the base address only")
    return text.rstrip("/")


def _parse_database(text: str) -> DatabaseUrl:
    """Read a database URL; no message quotes it, for it may hold a password."""
    scheme = text.partition(":")[0]
    if scheme in _POSTGRESQL:
        return _parse_postgresql(text)
    if scheme != "sqlite":
        raise UnfitValueError("is not the URL of a database that is supported", _DATABASE_FIX)
    path = parse_text(text).removeprefix("sqlite:///")
    if path == text or path in ("", ":memory:"):
        raise UnfitValueError(
            "names no file: an acknowledged message has to survive a restart",
            "write sqlite:/// and the path, such as sqlite:///./var/bridge.db",
        )
    return DatabaseUrl(text)


def _parse_postgresql(text: str) -> DatabaseUrl:
    try:
        parts = urlsplit(text)
        named = bool(parts.path.strip("/")) and parts.port != 0
    except ValueError:
        named = False
    if not named or not text.isprintable() or " " in text:
        raise UnfitValueError("is not a PostgreSQL URL that names a database", _DATABASE_FIX)
    return DatabaseUrl(text)


def _parse_images(text: str) -> str:
    match = _SCHEME.match(parse_text(text))
    if match is None:
        return text
    scheme = match[1].lower()
    fix = "use a folder such as ./var/images, or s3://bucket/prefix (gs:// and az:// likewise)"
    if scheme not in _OBJECT_STORES:
        raise UnfitValueError(
            f"{quoted(scheme)} is no image store", instead(scheme, _OBJECT_STORES, fix)
        )
    if not re.fullmatch(r"[a-z0-9]+://[A-Za-z0-9][A-Za-z0-9._-]+(/.*)?", text):
        raise UnfitValueError("names no bucket", fix)
    return text.rstrip("/")


def is_everywhere(host: str) -> bool:
    """Return whether listening there means listening on every interface."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


HOST = Term("host name or IP address", _parse_host)
LISTEN_PORT = Term(
    "port from 0 to 65535 (0: any free port)", integer(0, _HIGHEST_PORT, "0: any free port").parse
)
PORT = Term("port from 1 to 65535", integer(1, _HIGHEST_PORT).parse)
HTTP_URL = Term("http or https URL", _parse_http_url)
BASE_URL = Term("http or https URL without query", _parse_base_url)
NATS_URL = Term("nats or tls URL", _parse_nats_url)
NATS_SUBJECT = Term("subject of NATS without wildcards", _parse_nats_subject)
DATABASE = Term("sqlite:///PATH or postgresql://USER@HOST/NAME", _parse_database, secret=True)
IMAGES = Term("folder, or s3://BUCKET/PREFIX (gs, az)", _parse_images)
