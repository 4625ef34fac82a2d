"""From decoded samples to an image that a browser shows (PS3.4 Annex N, PS3.3 C.11 and C.7.6.3).

Modality LUT, VOI LUT or window, presentation LUT shape, palette; then the region, the size and
the texts that were asked for. Runs in the worker process only.
"""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi

Samples = np.ndarray[Any, Any]
FORMATS: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF"}
_DEFAULT_QUALITY = 90
_WHITE = 255.0


def render(samples: Samples, header: Dataset, wishes: dict[str, Any]) -> bytes:
    """Give the encoded image; `wishes` are those of `request.Rendering`."""
    image = Image.fromarray(_shown(samples, header, wishes))
    if source := wishes.get("source"):
        image = _cut(image, _in_fractions(image, source))
    if region := wishes.get("region"):
        image = _cut(image, region)
    if size := wishes.get("size"):
        image = _fitted(image, size)
    if wishes.get("texts"):
        _annotate(image, wishes["texts"])
    target = io.BytesIO()
    kind = FORMATS[wishes["media_type"]]
    options = {"quality": wishes.get("quality") or _DEFAULT_QUALITY} if kind == "JPEG" else {}
    image.save(target, kind, **options)
    return target.getvalue()


def _shown(samples: Samples, header: Dataset, wishes: dict[str, Any]) -> Samples:
    """Eight bits for each sample: one for a grayscale, three for a colour image."""
    photometric = str(header.get("PhotometricInterpretation") or "")
    if photometric == "PALETTE COLOR":
        return _eight_bits(apply_color_lut(samples, header))
    if samples.ndim > 2:  # noqa: PLR2004 - rows, columns, samples
        depth = int(header.get("BitsStored") or 8)
        return _eight_bits(samples, depth)[..., :3]
    shown = _windowed(samples, header, wishes)
    return 255 - shown if _is_inverse(header, photometric) else shown


def _eight_bits(samples: Samples, depth: int | None = None) -> Samples:
    if samples.dtype == np.uint8:
        return samples
    depth = depth or samples.dtype.itemsize * 8
    return (samples.astype(np.uint32) >> max(0, depth - 8)).clip(0, 255).astype(np.uint8)


def _is_inverse(header: Dataset, photometric: str) -> bool:
    shape = str(header.get("PresentationLUTShape") or "")
    return shape == "INVERSE" if shape in ("INVERSE", "IDENTITY") else photometric == "MONOCHROME1"


def _windowed(samples: Samples, header: Dataset, wishes: dict[str, Any]) -> Samples:
    padding = _padding(samples, header)
    values: Samples = apply_modality_lut(samples, header).astype(np.float32)
    window = wishes.get("window")
    if window is None and header.get("VOILUTSequence"):
        looked_up = _looked_up(values, header)
        if looked_up is not None:
            return looked_up
    if window is None:
        window = _window_of(header)
    if window is None:
        window = _range_of(values[~padding] if padding is not None else values)
    return _through(values, *window)


def _looked_up(values: Samples, header: Dataset) -> Samples | None:
    """Through the first VOI LUT; None when it cannot be used."""
    try:
        item = header.VOILUTSequence[0]
        depth = int(item.LUTDescriptor[2])
        lut = apply_voi(values.astype(np.int64), header).astype(np.float32)
        return (lut * (_WHITE / ((1 << depth) - 1))).clip(0, 255).astype(np.uint8)
    except Exception:  # a broken LUT: the window, or the values' own range, shows the image too
        return None


def _padding(samples: Samples, header: Dataset) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
    """Where the image is only filled up (PS3.3 C.7.5.1.1.2); None when nowhere or everywhere."""
    first = header.get("PixelPaddingValue")
    if first is None or samples.dtype.kind == "f":
        return None
    last = header.get("PixelPaddingRangeLimit", first)
    low, high = sorted((int(first), int(last)))
    padding = (samples >= low) & (samples <= high)
    return None if padding.all() or not padding.any() else padding


def _window_of(header: Dataset) -> tuple[float, float, str] | None:
    try:
        center, width = _first(header.get("WindowCenter")), _first(header.get("WindowWidth"))
        if center is None or width is None:
            return None
        function = str(header.get("VOILUTFunction") or "LINEAR")
        least = 1.0 if function == "LINEAR" else 0.0
        is_usable = np.isfinite(center) and np.isfinite(width) and width >= max(least, 1e-6)
        return (center, width, function) if is_usable else None
    except (TypeError, ValueError):
        return None


def _first(value: Any) -> float | None:
    if value in (None, ""):
        return None
    return float(value if isinstance(value, (str, int, float)) else value[0])


def _range_of(values: Samples) -> tuple[float, float, str]:
    """A window over all that the image holds."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low == high:
        low, high = (0.0, high) if high > 0 else (low, low + 1.0)
    return (low + high) / 2, high - low, "LINEAR_EXACT"


def _through(values: Samples, center: float, width: float, function: str) -> Samples:
    """Windowing (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
    values = np.nan_to_num(values, copy=False)
    if function == "SIGMOID":
        shown = _WHITE / (1.0 + np.exp((-4.0 * (values - center) / width).clip(-80, 80)))
    elif function == "LINEAR_EXACT" or width <= 1:
        shown = ((values - center) / max(width, 1e-6) + 0.5) * _WHITE
    else:
        shown = ((values - (center - 0.5)) / (width - 1.0) + 0.5) * _WHITE
    rounded: Samples = shown.round().clip(0, 255).astype(np.uint8)
    return rounded


def _in_fractions(image: Image.Image, source: list[float | None]) -> list[float]:
    """A region in pixels as one in fractions, inside the image."""
    x, y, width, height = source
    left, top = min(x or 0, image.width - 1), min(y or 0, image.height - 1)
    wide = min(abs(width or image.width), image.width - left)
    high = min(abs(height or image.height), image.height - top)
    return [
        (left + wide if (width or 0) < 0 else left) / image.width,
        (top + high if (height or 0) < 0 else top) / image.height,
        (-wide if (width or 0) < 0 else wide) / image.width,
        (-high if (height or 0) < 0 else high) / image.height,
    ]


def _cut(image: Image.Image, region: list[float]) -> Image.Image:
    """A region in fractions of the image, mirrored where its size is negative."""
    x, y, width, height = region
    left, right = sorted((x, x + width))
    top, bottom = sorted((y, y + height))
    box = (
        round(left * image.width),
        round(top * image.height),
        max(round(left * image.width) + 1, round(right * image.width)),
        max(round(top * image.height) + 1, round(bottom * image.height)),
    )
    image = image.crop(box)
    if width < 0:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if height < 0:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return image


def _fitted(image: Image.Image, size: list[int]) -> Image.Image:
    """As large as fits, in its own proportions."""
    scale = min(size[0] / image.width, size[1] / image.height)
    wanted = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image if wanted == image.size else image.resize(wanted, Image.Resampling.LANCZOS)


def _annotate(image: Image.Image, texts: list[str]) -> None:
    draw, white = ImageDraw.Draw(image), "white" if image.mode == "RGB" else 255
    black = "black" if image.mode == "RGB" else 0
    draw.multiline_text((4, 4), "\n".join(texts), fill=white, stroke_width=1, stroke_fill=black)
