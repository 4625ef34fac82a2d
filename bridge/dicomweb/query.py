"""The query parameters of QIDO-RS (PS3.18 section 8.3.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from bridge.services.read_images import ImageQuery

MOST_RESULTS = 1000
DEFAULT_RESULTS = 100
_UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z.\-]{0,63}")
_LARGEST = 2**31

# Matching keys: keyword and tag → the field of a query.
_UID_KEYS = {
    "StudyInstanceUID": "study_instance_uids",
    "0020000D": "study_instance_uids",
    "SeriesInstanceUID": "series_instance_uids",
    "0020000E": "series_instance_uids",
    "SOPInstanceUID": "sop_instance_uids",
    "00080018": "sop_instance_uids",
}
_TEXT_KEYS = {
    "AccessionNumber": "accession_number",
    "00080050": "accession_number",
    "PatientID": "patient_id",
    "00100020": "patient_id",
}
# We give every attribute we index and match literally, so these change nothing.
_TOLERATED = frozenset({"includefield", "fuzzymatching"})
_UNIVERSAL = ("", "*")


class InvalidQuery(ValueError):
    """A query that cannot be answered as asked; the text says why."""


def image_query(parameters: Iterable[tuple[str, str]]) -> ImageQuery:
    """Read the query parameters.

    Raises:
        InvalidQuery: a parameter is malformed, or asks to match what we do not index: leaving
            that key out would answer with the images of others.
    """
    fields: dict[str, Any] = {"limit": DEFAULT_RESULTS}
    for name, value in parameters:
        if name in ("limit", "offset"):
            fields[name] = _number(name, value)
        elif name in _UID_KEYS:
            uids = tuple(uid(each) for each in re.split(r"[,\\]", value) if each not in _UNIVERSAL)
            fields[_UID_KEYS[name]] = (*fields.get(_UID_KEYS[name], ()), *uids)
        elif name in _TEXT_KEYS:
            fields[_TEXT_KEYS[name]] = _text(name, value)
        elif name not in _TOLERATED and value not in _UNIVERSAL:
            supported = ", ".join(key for key in (*_UID_KEYS, *_TEXT_KEYS) if key.isalpha())
            raise InvalidQuery(f"matching by {name[:64]} is not supported; supported: {supported}")
    return ImageQuery(**fields | {"limit": min(fields["limit"], MOST_RESULTS)})


def uid(text: str) -> str:
    """Check a UID. Raises InvalidQuery."""
    if not _UID.fullmatch(text):
        raise InvalidQuery("a UID has at most 64 characters: digits and dots")
    return text


def _text(name: str, value: str) -> str:
    text = value.strip()
    if text in _UNIVERSAL:
        return ""
    if not text.isprintable():
        raise InvalidQuery(f"{name} holds control characters")
    if "*" in text or "?" in text:
        raise InvalidQuery(f"{name} is matched as a single value, not with wildcards")
    return text


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()) or int(value) >= _LARGEST:
        raise InvalidQuery(f"{name} must be a number, 0 or more")
    return int(value)
