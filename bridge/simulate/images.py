"""Small CT slices of a phantom, with the attributes of the worklist entry they were made for."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from datetime import datetime

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from bridge.simulate.hospital import new_uid

_SIZE = 64
_AIR, _WATER, _BONE = -1000, 0, 700  # Hounsfield units
_ROD, _SKULL, _HEAD = 4, 24, 28  # radii in pixels
_INTERCEPT = -1024

# What IHE Scheduled Workflow has a modality copy from the worklist entry into its images.
_COPIED = (
    "SpecificCharacterSet",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientWeight",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName",
    "StudyInstanceUID",
)


def ct_series(
    item: Dataset, count: int, now: datetime, *, performed_step_uid: str = "", number: int = 1
) -> Iterator[Dataset]:
    """Make `count` slices of one new series for a worklist item, with file meta information.

    `performed_step_uid` is named by the images when the modality reports its step by MPPS.
    """
    series_uid = new_uid()
    for index in range(1, count + 1):
        image = _slice(item, index, now)
        image.SeriesInstanceUID = series_uid
        image.SeriesNumber = number
        if performed_step_uid:
            image.ReferencedPerformedProcedureStepSequence = [_reference(performed_step_uid)]
        yield image


def _slice(item: Dataset, index: int, now: datetime) -> Dataset:
    image = Dataset()
    for keyword in _COPIED:
        if keyword in item:
            image[keyword] = item[keyword]
    step = item.ScheduledProcedureStepSequence[0]
    image.SOPClassUID = CTImageStorage
    image.SOPInstanceUID = new_uid()
    image.InstanceNumber = index
    image.Modality = "CT"
    image.Manufacturer = "Bridge simulator"
    image.StudyID = item.RequestedProcedureID
    image.StudyDescription = item.get("RequestedProcedureDescription", "")
    image.SeriesDescription = step.get("ScheduledProcedureStepDescription", "")
    image.RequestAttributesSequence = [_request(item)]
    _stamp(image, now)
    _draw(image, index)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    return image


def _request(item: Dataset) -> Dataset:
    step = item.ScheduledProcedureStepSequence[0]
    request = Dataset()
    request.AccessionNumber = item.AccessionNumber
    request.StudyInstanceUID = item.StudyInstanceUID
    request.RequestedProcedureID = item.RequestedProcedureID
    request.ScheduledProcedureStepID = step.ScheduledProcedureStepID
    return request


def _reference(performed_step_uid: str) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.3"
    reference.ReferencedSOPInstanceUID = performed_step_uid
    return reference


def _stamp(image: Dataset, now: datetime) -> None:
    for level in ("Study", "Series", "Acquisition", "Content"):
        setattr(image, f"{level}Date", now.strftime("%Y%m%d"))
        setattr(image, f"{level}Time", now.strftime("%H%M%S"))


def _draw(image: Dataset, index: int) -> None:
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows = image.Columns = _SIZE
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
    image.PixelRepresentation = 0
    image.RescaleIntercept, image.RescaleSlope = _INTERCEPT, 1
    image.PixelSpacing = [4, 4]
    image.SliceThickness = 5
    image.ImagePositionPatient = [-128, -128, 5 * index]
    image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    image.FrameOfReferenceUID = "2.25.1"
    image.KVP = 120
    image.PixelData = phantom(index)


def phantom(index: int) -> bytes:
    """A water-filled ring of bone in air with a rod that wanders from slice to slice."""
    rod = (-8 + 2 * (index % 8), 6)

    def hounsfield(x: int, y: int) -> int:
        radius = x * x + y * y
        if (x - rod[0]) ** 2 + (y - rod[1]) ** 2 < _ROD**2:
            return _BONE
        return _AIR if radius > _HEAD**2 else _BONE if radius > _SKULL**2 else _WATER

    half = _SIZE // 2
    span = range(-half, half)
    pixels = array("H", (hounsfield(x, y) - _INTERCEPT for y in span for x in span))
    return pixels.tobytes()
