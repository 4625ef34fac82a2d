"""The Native DICOM Model (PS3.19 section A.1): what the DICOM JSON model says, as XML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pydicom.datadict import keyword_for_tag

MEDIA_TYPE = "application/dicom+xml"

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM"'
    ' xml:space="preserve">'
)
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
# XML has no way to write these.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FIRST_BLOCK = 0x10


def as_xml(told: Mapping[str, Any]) -> bytes:
    """Write one data set, given in the DICOM JSON model (PS3.18 Annex F)."""
    return f"{_HEAD}{''.join(_attributes(told))}</NativeDicomModel>".encode()


def _attributes(told: Mapping[str, Any]) -> Iterator[str]:
    for tag, element in sorted(told.items()):
        yield f"<DicomAttribute{_named(tag, element['vr'], told)}>"
        yield from _content(element)
        yield "</DicomAttribute>"


def _named(tag: str, vr: str, told: Mapping[str, Any]) -> str:
    """The attributes of an element; a private one is named by its creator, not its block."""
    number = int(tag, 16)
    is_private, block = bool(number >> 16 & 1), number >> 8 & 0xFF
    if is_private and block >= _FIRST_BLOCK:
        reserved = told.get(f"{number >> 16:04X}{block:04X}", {}).get("Value") or [""]
        own = number & 0xFFFF00FF
        said = f' privateCreator={quoteattr(_written(reserved[0]))} tag="{own:08X}"'
    else:
        said = f' tag="{tag}"'
    keyword = "" if is_private else keyword_for_tag(number)
    return f' vr="{vr}"{said}' + (f" keyword={quoteattr(keyword)}" if keyword else "")


def _content(element: Mapping[str, Any]) -> Iterator[str]:
    if "BulkDataURI" in element:
        yield f"<BulkData uri={quoteattr(element['BulkDataURI'])}/>"
    elif "InlineBinary" in element:
        yield f"<InlineBinary>{element['InlineBinary']}</InlineBinary>"
    for number, value in enumerate(element.get("Value", ()), 1):
        if element["vr"] == "SQ":
            yield f'<Item number="{number}">{"".join(_attributes(value or {}))}</Item>'
        elif element["vr"] == "PN":
            yield f'<PersonName number="{number}">{"".join(_name(value or {}))}</PersonName>'
        else:
            yield f'<Value number="{number}">{escape(_written(value))}</Value>'


def _name(groups: Mapping[str, str]) -> Iterator[str]:
    for group in _GROUPS:
        if text := groups.get(group):
            parts = zip(_COMPONENTS, text.split("^"), strict=False)
            said = (f"<{name}>{escape(_written(part))}</{name}>" for name, part in parts if part)
            yield f"<{group}>{''.join(said)}</{group}>"


def _written(value: Any) -> str:
    return "" if value is None else _UNWRITABLE.sub("", str(value))
