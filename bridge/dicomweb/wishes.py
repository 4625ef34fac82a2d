"""How a rendered image is to look, as the query says (PS3.18 sections 8.3.5 and 9.1.2)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bridge.dicom.pixels.pool import Rendering
from bridge.dicomweb.query import InvalidQuery

LARGEST = 8192
"""Pixels of a side that can be asked for."""

THUMBNAIL = 128
_FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
_PROFILES = frozenset({"no", "yes", "srgb", "adobergb", "rommrgb", "displayp3"})
_ANNOTATIONS = frozenset({"patient", "technique"})
_OF_VIEWPORT = (2, 6)


def rendering(query: Mapping[str, str], media_type: str, texts: Sequence[str] = ()) -> Rendering:
    """Read the parameters of a rendered resource. Raises InvalidQuery."""
    size, region = _viewport(query.get("viewport", ""))
    if query.get("iccprofile", "no").lower() not in _PROFILES:
        raise InvalidQuery(f"iccprofile is one of {', '.join(sorted(_PROFILES))}")
    return Rendering(
        media_type=media_type,
        quality=quality(query.get("quality", "")),
        window=_window(query.get("window", "")),
        source=region,
        size=size,
        texts=tuple(texts),
    )


def annotated(query: Mapping[str, str]) -> frozenset[str]:
    """Which texts are to be written over the image. Raises InvalidQuery."""
    wanted = frozenset(each for each in query.get("annotation", "").split(",") if each)
    if not wanted <= _ANNOTATIONS:
        raise InvalidQuery(f"annotation is a list of {', '.join(sorted(_ANNOTATIONS))}")
    return wanted


def of_uri(query: Mapping[str, str], media_type: str) -> Rendering:
    """Read the parameters of WADO-URI that say how an image looks. Raises InvalidQuery."""
    center, width = query.get("windowCenter", ""), query.get("windowWidth", "")
    if bool(center) != bool(width):
        raise InvalidQuery("windowCenter and windowWidth go together")
    rows, columns = _side(query, "rows"), _side(query, "columns")
    return Rendering(
        media_type=media_type,
        quality=quality(query.get("imageQuality", "")),
        window=_window(f"{center},{width},linear") if center else None,
        region=_region(query.get("region", "")),
        size=(columns or LARGEST, rows or LARGEST) if rows or columns else None,
    )


def quality(text: str) -> int | None:
    """A number from 1 to 100. Raises InvalidQuery."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 100):  # noqa: PLR2004
        raise InvalidQuery("quality is a number from 1 to 100")
    return int(text)


def _side(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LARGEST):
        raise InvalidQuery(f"{name} is a number from 1 to {LARGEST}")
    return int(text)


def _window(text: str) -> tuple[float, float, str] | None:
    if not text:
        return None
    parts = text.split(",")
    if len(parts) != 3 or parts[2].lower() not in _FUNCTIONS:  # noqa: PLR2004
        raise InvalidQuery(f"window is center,width,function; of these: {', '.join(_FUNCTIONS)}")
    center, width = (_number("window", each) for each in parts[:2])
    function = _FUNCTIONS[parts[2].lower()]
    if width <= 0 or (function == "LINEAR" and width < 1):
        raise InvalidQuery("the width of a window is at least 1, or above 0 where not linear")
    return center, width, function


def _viewport(
    text: str,
) -> tuple[tuple[int, int] | None, tuple[float | None, ...] | None]:
    """The size, and the region of the image in pixels: x, y, width, height."""
    if not text:
        return None, None
    parts = text.split(",")
    if len(parts) not in _OF_VIEWPORT:
        raise InvalidQuery("viewport is vw,vh or vw,vh,sx,sy,sw,sh")
    sides = [_number("viewport", each) for each in parts[:2]]
    if not all(1 <= side <= LARGEST for side in sides):
        raise InvalidQuery(f"the sides of a viewport are from 1 to {LARGEST}")
    region = tuple(_number("viewport", each) if each else None for each in parts[2:])
    if any(each is not None and each < 0 for each in region[:2]):
        raise InvalidQuery("the region of a viewport begins inside the image")
    if any(each == 0 for each in region[2:]):
        raise InvalidQuery("the region of a viewport is empty")
    return (int(sides[0]), int(sides[1])), region if any(region) else None


def _region(text: str) -> tuple[float, float, float, float] | None:
    """Left, top, right and bottom as fractions of the image (PS3.18 section 9.1.2.2.4)."""
    if not text:
        return None
    parts = [_number("region", each) for each in text.split(",")]
    if len(parts) != 4 or not all(0 <= each <= 1 for each in parts):  # noqa: PLR2004
        raise InvalidQuery("region is xmin,ymin,xmax,ymax, each from 0 to 1")
    left, top, right, bottom = parts
    if left >= right or top >= bottom:
        raise InvalidQuery("region is empty")
    return left, top, right - left, bottom - top


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise InvalidQuery(f"{name} holds what is no number") from None
    if not math.isfinite(number):
        raise InvalidQuery(f"{name} holds what is no number")
    return number
