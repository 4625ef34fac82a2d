"""Metadata of an instance (PS3.18 section 10.4.1.1.2) in the DICOM JSON model (Annex F)."""

from __future__ import annotations

import math
from io import BytesIO
from typing import Any

from pydicom import dcmread

MOST_VALUES = 1024
"""Values in an element, and characters of binary data in base64, beyond which it is left out."""

_CHARACTER_SET = "00080005"
_TRANSFER_SYNTAXES = "00083002"


def metadata(content: bytes, transfer_syntax_uid: str) -> dict[str, Any]:
    """Everything a DICOM file says but its pixel data and other large elements.

    Retrieve the instance for those: we offer no bulk data of its own. What cannot be read as its
    VR demands is left out.
    """
    dataset = dcmread(BytesIO(content), stop_before_pixels=True)
    found = _without_large(dataset.to_json_dict(suppress_invalid_tags=True))
    found[_TRANSFER_SYNTAXES] = {"vr": "UI", "Value": [transfer_syntax_uid]}
    if _CHARACTER_SET in found:  # JSON is UTF-8, whatever the file was
        found[_CHARACTER_SET] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    return dict(sorted(found.items()))


def _without_large(dataset: dict[str, Any]) -> dict[str, Any]:
    return {tag: _element(element) for tag, element in dataset.items() if not _is_large(element)}


def _is_large(element: dict[str, Any]) -> bool:
    longest = max(len(element.get("InlineBinary", "")), len(element.get("Value", ())))
    return element["vr"] != "SQ" and longest > MOST_VALUES


def _element(element: dict[str, Any]) -> dict[str, Any]:
    if "Value" not in element:
        return element
    is_sequence = element["vr"] == "SQ"
    values = [_without_large(v) if is_sequence else _finite(v) for v in element["Value"]]
    return element | {"Value": values}


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: they are strings (PS3.18 F.2.3)."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
