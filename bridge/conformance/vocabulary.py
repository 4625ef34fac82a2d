"""Names of attributes and UIDs (PS3.6), and sentences that the code says of itself."""

from __future__ import annotations

import re

from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import (
    dictionary_description,
    dictionary_keyword,
    dictionary_VR,
    tag_for_keyword,
)
from pydicom.uid import UID

NAMELESS = "private"
_REFERENCE = re.compile(r" ?\([^()]*\)(?=\.?$)")


def uid_name(uid: str) -> str:
    """The name of a UID; a private one has none."""
    name = UID(uid).name
    return NAMELESS if name == uid else name


def attribute_name(tag: int) -> str:
    """Name and tag: `Patient's Name (0010,0010)`."""
    return f"{dictionary_description(tag)} {tag_text(tag)}"


def tag_text(tag: int) -> str:
    """A tag as the standard prints it."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def tag_of(keyword: str) -> int:
    """The tag of a keyword.

    Raises:
        LookupError: PS3.6 has no such keyword.
    """
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise LookupError(keyword)
    return tag


def attributes() -> dict[int, tuple[str, str]]:
    """Every data element that can be a key: tag → keyword and VR."""
    return {
        tag: (dictionary_keyword(tag), dictionary_VR(tag))
        for tag, (_, _, _, retired, keyword) in DicomDictionary.items()
        if keyword and not retired and tag >> 16 not in (0x0000, 0x0002, 0xFFFE)
    }


def first_sentence(documented: object) -> str:
    """What a class or function says of itself first, without the section it cites."""
    text = " ".join((documented.__doc__ or "").split())
    sentence = re.split(r"(?<=\.) ", text, maxsplit=1)[0]
    return _REFERENCE.sub("", sentence).rstrip(".")
