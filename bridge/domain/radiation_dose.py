"""What a performed step says of radiation (PS3.3 C.4.16, Radiation Dose Module)."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace

from bridge.domain.attribute_tree import AttributeTree, decimal, items_of, text_of, whole

# CT has no attribute for the dose length product in a performed step: scanners write it, in
# mGy·cm, into Comments on Radiation Dose: `TotalDLP=612.3`, then `Event=1 DLP=…` for each exposure.
_TOTAL_DLP = re.compile(r"\bTotal\s*DLP\s*[=:]\s*([0-9]+(?:\.[0-9]+)?)", re.IGNORECASE)
_EVENT_DLP = re.compile(
    r"\bEvent\s*=\s*([0-9]+)\s*,?\s*DLP\s*[=:]\s*([0-9]+(?:\.[0-9]+)?)", re.IGNORECASE
)

MODULE = (
    "TotalTimeOfFluoroscopy",
    "TotalNumberOfExposures",
    "DistanceSourceToDetector",
    "DistanceSourceToEntrance",
    "EntranceDose",
    "EntranceDoseInmGy",
    "ExposedArea",
    "ImageAndFluoroscopyAreaDoseProduct",
    "CommentsOnRadiationDose",
    "ExposureDoseSequence",
)
"""The attributes of the module, by keyword."""

# CTDIvol stands beside them on some scanners.
_KEYWORDS = frozenset({*MODULE, "CTDIvol"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureDose:
    """One item of Exposure Dose Sequence (0040,030E).

    Voltage in kV, current in µA, time in ms, CTDIvol in mGy, dose length product in mGy·cm.
    """

    radiation_mode: str = ""
    kvp: float | None = None
    tube_current: float | None = None
    exposure_time: float | None = None
    ctdi_vol: float | None = None
    dose_length_product: float | None = None
    filter_type: str = ""
    filter_material: str = ""
    comments: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RadiationDose:
    """The dose of one performed step; None is what it does not tell.

    `fluoroscopy_time` in seconds, distances and `exposed_area` (rows and columns, or a diameter)
    in mm, `entrance_dose` in mGy at the entrance to the patient, `area_dose_product` in
    dGy·cm², `ctdi_vol` the largest of any exposure in mGy, `dose_length_product` of all in mGy·cm.
    """

    fluoroscopy_time: int | None = None
    number_of_exposures: int | None = None
    distance_to_detector: float | None = None
    distance_to_entrance: float | None = None
    entrance_dose: float | None = None
    exposed_area: str = ""
    area_dose_product: float | None = None
    ctdi_vol: float | None = None
    dose_length_product: float | None = None
    comments: str = ""
    exposures: tuple[ExposureDose, ...] = ()

    def over(self, older: RadiationDose | None) -> RadiationDose:
        """What is told now, and what was told before and is not told now."""
        if older is None:
            return self
        untold = (each.name for each in fields(self) if getattr(self, each.name) in (None, "", ()))
        return replace(self, **{name: getattr(older, name) for name in untold})


def read_dose(content: AttributeTree) -> RadiationDose | None:
    """What an Attribute List or Modification List says of radiation; None when nothing."""
    if not any(content.get(keyword) for keyword in _KEYWORDS):
        return None
    comments = text_of(content, "CommentsOnRadiationDose")
    by_event = {int(event): float(dlp) for event, dlp in _EVENT_DLP.findall(comments)}
    exposures = tuple(
        _exposure(item, by_event.get(number))
        for number, item in enumerate(items_of(content, "ExposureDoseSequence"), start=1)
    )
    indices = [decimal(content, "CTDIvol"), *(each.ctdi_vol for each in exposures)]
    return RadiationDose(
        fluoroscopy_time=whole(content, "TotalTimeOfFluoroscopy"),
        number_of_exposures=whole(content, "TotalNumberOfExposures"),
        distance_to_detector=decimal(content, "DistanceSourceToDetector"),
        distance_to_entrance=decimal(content, "DistanceSourceToEntrance"),
        entrance_dose=_entrance_dose(content),
        exposed_area=text_of(content, "ExposedArea"),
        area_dose_product=decimal(content, "ImageAndFluoroscopyAreaDoseProduct"),
        ctdi_vol=max((each for each in indices if each is not None), default=None),
        dose_length_product=_total_dlp(comments, by_event),
        comments=comments,
        exposures=exposures,
    )


def _exposure(item: AttributeTree, dose_length_product: float | None) -> ExposureDose:
    return ExposureDose(
        radiation_mode=text_of(item, "RadiationMode"),
        kvp=decimal(item, "KVP"),
        tube_current=decimal(item, "XRayTubeCurrentInuA"),
        exposure_time=decimal(item, "ExposureTime"),
        ctdi_vol=decimal(item, "CTDIvol"),
        dose_length_product=dose_length_product,
        filter_type=text_of(item, "FilterType"),
        filter_material=text_of(item, "FilterMaterial"),
        comments=text_of(item, "CommentsOnRadiationDose"),
    )


def _entrance_dose(content: AttributeTree) -> float | None:
    """In mGy: said so (0040,8302), or in whole dGy (0040,0302)."""
    exact = decimal(content, "EntranceDoseInmGy")
    if exact is not None:
        return exact
    coarse = decimal(content, "EntranceDose")
    return None if coarse is None else coarse * 100


def _total_dlp(comments: str, by_event: dict[int, float]) -> float | None:
    total = _TOTAL_DLP.search(comments)
    if total:
        return float(total.group(1))
    return sum(by_event.values()) if by_event else None
