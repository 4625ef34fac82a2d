"""What performed steps say of radiation (PS3.3 C.4.16)."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.domain.radiation_dose import ExposureDose, RadiationDose, read_dose


def test_given_nothing_of_radiation_then_there_is_no_dose() -> None:
    assert read_dose({"Modality": "MR", "ExposureDoseSequence": ()}) is None
    assert read_dose({"TotalNumberOfExposures": ""}) is None


def test_given_a_fluoroscopy_then_time_area_and_entrance_dose_are_told() -> None:
    dose = read_dose(
        {
            "TotalTimeOfFluoroscopy": "125",
            "TotalNumberOfExposures": "7",
            "DistanceSourceToDetector": "1000",
            "DistanceSourceToEntrance": "700.5",
            "EntranceDose": "3",
            "ExposedArea": "240\\300",
            "ImageAndFluoroscopyAreaDoseProduct": "42.75",
        }
    )
    assert dose == RadiationDose(
        fluoroscopy_time=125,
        number_of_exposures=7,
        distance_to_detector=1000.0,
        distance_to_entrance=700.5,
        entrance_dose=300.0,
        exposed_area="240\\300",
        area_dose_product=42.75,
    )


def test_given_an_entrance_dose_in_mgy_then_it_is_taken_as_the_more_exact() -> None:
    dose = read_dose({"EntranceDose": "0", "EntranceDoseInmGy": "4.2"})
    assert dose is not None
    assert dose.entrance_dose == 4.2


@pytest.mark.parametrize(
    ("comments", "total", "by_event"),
    [
        ("TotalDLP=612.3\r\nEvent=1 DLP=12.3\r\nEvent=2 DLP=600", 612.3, (12.3, 600.0)),
        ("Event=2 DLP=600", 600.0, (None, 600.0)),
        ("total dlp: 88", 88.0, (None, None)),
        ("the patient moved", None, (None, None)),
        ("TotalDLP=", None, (None, None)),
    ],
)
def test_given_a_ct_then_the_dose_length_product_is_read_from_the_comments(
    comments: str, total: float | None, by_event: tuple[float | None, float | None]
) -> None:
    items: Any = ({"KVP": "120", "CTDIvol": "1.5"}, {"KVP": "120", "CTDIvol": "38.25"})
    dose = read_dose({"CommentsOnRadiationDose": comments, "ExposureDoseSequence": items})
    assert dose is not None
    assert (dose.dose_length_product, dose.ctdi_vol) == (total, 38.25)
    assert tuple(each.dose_length_product for each in dose.exposures) == by_event


def test_given_an_exposure_then_what_it_was_made_with_is_told() -> None:
    item: Any = {
        "RadiationMode": "PULSED",
        "KVP": "77.5",
        "XRayTubeCurrentInuA": "320000",
        "ExposureTime": "60",
        "FilterType": "FLAT",
        "FilterMaterial": "COPPER\\ALUMINUM",
    }
    dose = read_dose({"ExposureDoseSequence": (item,)})
    assert dose is not None
    assert dose.exposures == (
        ExposureDose(
            radiation_mode="PULSED",
            kvp=77.5,
            tube_current=320000.0,
            exposure_time=60.0,
            filter_type="FLAT",
            filter_material="COPPER\\ALUMINUM",
        ),
    )


@pytest.mark.parametrize("text", ["a lot", "NaN", "inf", "1e999"])
def test_given_a_value_that_is_no_number_then_it_is_unknown(text: str) -> None:
    dose = read_dose({"ImageAndFluoroscopyAreaDoseProduct": text})
    assert dose == RadiationDose()


def test_given_a_count_that_no_device_can_mean_then_it_is_unknown() -> None:
    assert read_dose({"TotalNumberOfExposures": "99999999999"}) == RadiationDose()


def test_given_a_later_message_then_what_it_does_not_tell_stays() -> None:
    before = RadiationDose(entrance_dose=4.2, number_of_exposures=1)
    now = RadiationDose(number_of_exposures=3)
    assert now.over(before) == RadiationDose(entrance_dose=4.2, number_of_exposures=3)
    assert now.over(None) == now
