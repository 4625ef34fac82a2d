"""A data set as a tree with the names of PS3.6, without its pixels and other long bytes."""

from __future__ import annotations

from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.datadict import dictionary_description
from pydicom.dataelem import DataElement
from pydicom.filereader import read_dataset

from bridge.domain.errors import BridgeError
from bridge.domain.parsed import Node

_BYTES = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_LONGEST = 2000
_VR_AT = slice(4, 6)
_FIRST_PIXELS = 0x7FE00008


def parsed_data_set(encoded: bytes) -> tuple[Node, ...]:
    """A data set as it was sent, in either of the little-endian transfer syntaxes.

    Raises:
        BridgeError: it cannot be read.
    """
    vr = encoded[_VR_AT]
    implicit = not (vr.isalpha() and vr.isupper())
    try:
        dataset = read_dataset(BytesIO(encoded), is_implicit_VR=implicit, is_little_endian=True)
        return _nodes(dataset, "")
    except Exception as error:  # whatever a damaged data set makes the library raise
        raise BridgeError("the data set cannot be read") from error


def parsed_file(head: bytes) -> tuple[Node, ...]:
    """What a file (PS3.10) says before its pixels, given at least that much of it.

    Raises:
        BridgeError: it cannot be read.
    """
    try:
        dataset = dcmread(BytesIO(head), stop_before_pixels=True)
        return (*_nodes(dataset.file_meta, ""), *_nodes(dataset, ""))
    except Exception as error:
        raise BridgeError("the file cannot be read") from error


def _nodes(dataset: Dataset, above: str) -> tuple[Node, ...]:
    return tuple(_node(element, above) for element in dataset if element.tag < _FIRST_PIXELS)


def _node(element: DataElement, above: str) -> Node:
    tag = f"({element.tag.group:04X},{element.tag.element:04X})"
    place = f"{above}{tag}"
    try:
        name = dictionary_description(element.tag)
    except KeyError:
        name = ""
    if element.VR == "SQ":
        items = (
            Node(f"{place}[{number}]", "", "", _nodes(item, f"{place}[{number}]."))
            for number, item in enumerate(element.value, 1)
        )
        return Node(place, name, "", tuple(items))
    return Node(place, name, _text(element))


def _text(element: DataElement) -> str:
    value = element.value
    if element.VR in _BYTES and isinstance(value, bytes):
        return f"… {len(value)} bytes"
    many = value if not isinstance(value, str) and hasattr(value, "__iter__") else [value]
    text = "\\".join("" if each is None else str(each) for each in many)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
