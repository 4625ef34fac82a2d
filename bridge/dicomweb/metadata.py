"""Metadata of an instance (PS3.18 section 10.4.1.1.2) in the DICOM JSON model (Annex F).

Large values are told by a BulkDataURI, under which `bulk_value` finds them again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from bridge.dicom.stored_file import StoredFile

MOST_VALUES = 1024
"""Bytes of a binary value, and values of an element, beyond which it is bulk data."""

_CHARACTER_SET = "00080005"
_TRANSFER_SYNTAXES = "00083002"
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})


def metadata(stored: StoredFile, instance_url: str) -> dict[str, Any]:
    """Everything a DICOM file says, what is large by reference.

    What cannot be read as its VR demands is left out.
    """
    found = _level(stored.header, f"{instance_url}/bulkdata")
    for tag, extent in stored.bulk.items():
        name = f"{tag:08X}"
        found[name] = {"vr": extent.vr, "BulkDataURI": f"{instance_url}/bulkdata/{name}"}
    if stored.pixel_data is not None:
        name, vr = f"{stored.pixel_tag:08X}", stored.pixel_data.vr
        found[name] = {"vr": vr, "BulkDataURI": f"{instance_url}/bulkdata/{name}"}
    found[_TRANSFER_SYNTAXES] = {"vr": "UI", "Value": [stored.transfer_syntax_uid]}
    if _CHARACTER_SET in found:  # JSON is UTF-8, whatever the file was
        found[_CHARACTER_SET] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    return dict(sorted(found.items()))


def bulk_value(header: Dataset, path: Sequence[str]) -> bytes | None:
    """The value at a path of tags and numbers of items (from 1); None when there is none."""
    level = header
    for tag, number in zip(path[:-1:2], path[1:-1:2], strict=True):
        items = level[int(tag, 16)].value if int(tag, 16) in level else ()
        if not number.isdigit() or not 1 <= int(number) <= len(items):
            return None
        level = items[int(number) - 1]
    last = int(path[-1], 16)
    value = level[last].value if last in level and level[last].VR in _BINARY else None
    return value if isinstance(value, bytes) else None


def _level(dataset: Dataset, url: str) -> dict[str, Any]:
    found = {}
    for tag in sorted(dataset.keys()):
        if tag.element == 0:
            continue
        told = _readable(dataset, tag, f"{url}/{tag:08X}")
        if told is not None:
            found[f"{tag:08X}"] = told
    return found


def _readable(dataset: Dataset, tag: BaseTag, url: str) -> dict[str, Any] | None:
    try:
        return _element(dataset[tag], url)
    except Exception:  # a value that is none of its VR raises all sorts of things
        return None


def _element(element: DataElement, url: str) -> dict[str, Any] | None:
    if element.VR == "SQ":
        items = [_level(item, f"{url}/{number}") for number, item in enumerate(element.value, 1)]
        return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
    is_binary = element.VR in _BINARY and isinstance(element.value, bytes)
    if is_binary and len(element.value) > MOST_VALUES:
        return {"vr": element.VR, "BulkDataURI": url}
    told: dict[str, Any] = element.to_json_dict(None, MOST_VALUES)
    if len(told.get("Value", ())) > MOST_VALUES:
        return None
    if "Value" in told:
        told["Value"] = [_finite(value) for value in told["Value"]]
    return told


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: they are strings (PS3.18 F.2.3)."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
