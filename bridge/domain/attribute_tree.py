"""A data set as a plain tree: what a peer said, by DICOM keyword, without any library's types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

_LARGEST = 2**31 - 1

AttributeTree: TypeAlias = Mapping[str, "str | tuple[AttributeTree, ...]"]
"""Keyword → the whole value as text (several values by backslash), or the items of a sequence.

An attribute that was sent empty has an empty value. What has no keyword is named by its tag, in
eight hexadecimal digits.
"""


def text_of(tree: AttributeTree, keyword: str) -> str:
    """The text of an attribute; empty when it is absent or a sequence."""
    value = tree.get(keyword, "")
    return value if isinstance(value, str) else ""


def texts_of(tree: AttributeTree, keyword: str) -> tuple[str, ...]:
    """The values of an attribute, without empty ones."""
    values = (each.strip() for each in text_of(tree, keyword).split("\\"))
    return tuple(each for each in values if each)


def items_of(tree: AttributeTree, keyword: str) -> tuple[AttributeTree, ...]:
    """The items of a sequence; none when it is absent."""
    value = tree.get(keyword, ())
    return () if isinstance(value, str) else value


def decimal(tree: AttributeTree, keyword: str) -> float | None:
    """The first value as a number; None when there is none, or it is no number."""
    for text in texts_of(tree, keyword)[:1]:
        try:
            number = float(text)
        except ValueError:
            return None
        return number if math.isfinite(number) else None
    return None


def whole(tree: AttributeTree, keyword: str) -> int | None:
    """The first value as a whole number of 32 bits; None when there is none, or it is no number."""
    number = decimal(tree, keyword)
    return None if number is None or abs(number) > _LARGEST else round(number)
