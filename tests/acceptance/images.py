"""Images as a CT of the hospital makes them: small, valid, and with what the worklist gave."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from tests.acceptance.orders import Order

ROWS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Images in files, by series."""

    uid: str
    series: dict[str, list[Path]] = field(default_factory=dict)

    @property
    def paths(self) -> list[Path]:
        return [path for paths in self.series.values() for path in paths]

    @property
    def counts(self) -> dict[str, int]:
        """Number of instances by Series Instance UID."""
        return {uid: len(paths) for uid, paths in self.series.items()}


def scan(
    order: Order, directory: Path, series: tuple[int, ...] = (2, 1), **attributes: Any
) -> Study:
    """Make the images of an order: `series` tells how many each series has.

    `attributes` replace what the worklist gave, by keyword; None leaves an attribute out.
    """
    uid = str(attributes.get("StudyInstanceUID") or order.study_uid)
    study = Study(uid=uid)
    for number, count in enumerate(series, 1):
        series_uid = str(generate_uid())
        study.series[series_uid] = [
            write_image(order, directory, series_uid, number, instance, attributes)
            for instance in range(1, count + 1)
        ]
    return study


def write_image(
    order: Order,
    directory: Path,
    series_uid: str,
    series_number: int,
    number: int,
    attributes: dict[str, Any] | None = None,
) -> Path:
    """Make one image in a file of its own."""
    image = _image(order)
    image.SOPInstanceUID = generate_uid()
    image.SeriesInstanceUID = series_uid
    image.SeriesNumber = series_number
    image.InstanceNumber = number
    image.PixelData = bytes([series_number, number]) * (ROWS * ROWS)
    for keyword, value in (attributes or {}).items():
        if value is None:
            delattr(image, keyword)
        else:
            setattr(image, keyword, value)
    return save(image, directory)


def save(image: Dataset, directory: Path) -> Path:
    """Write a DICOM file (PS3.10) named after its SOP Instance UID."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = image.SOPClassUID
    meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta = meta
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{image.SOPInstanceUID}.dcm"
    image.save_as(path, enforce_file_format=True)
    return path


def request_attributes(order: Order) -> list[Dataset]:
    """Request Attributes Sequence (0040,0275) as a modality fills it from the worklist."""
    item = Dataset()
    item.RequestedProcedureID = order.rp_id
    item.ScheduledProcedureStepID = order.step.id
    item.AccessionNumber = order.accession
    return [item]


def _image(order: Order) -> Dataset:
    image = Dataset()
    image.SpecificCharacterSet = "ISO_IR 192"
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.SOPClassUID = CTImageStorage
    image.StudyDate = order.date
    image.StudyTime = order.time
    image.AccessionNumber = order.accession
    image.Modality = "CT"
    image.Manufacturer = "Nobody"
    image.ReferringPhysicianName = ""
    image.StudyDescription = order.description
    image.PatientName = order.patient.person_name
    image.PatientID = order.patient.id
    image.PatientBirthDate = order.patient.birth_date
    image.PatientSex = order.patient.sex
    image.StudyInstanceUID = order.study_uid
    image.StudyID = order.rp_id
    image.FrameOfReferenceUID = generate_uid()
    image.ImagePositionPatient = [0, 0, 0]
    image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows = image.Columns = ROWS
    image.PixelSpacing = [1, 1]
    image.SliceThickness = 1
    image.BitsAllocated = 16
    image.BitsStored = 12
    image.HighBit = 11
    image.PixelRepresentation = 0
    image.RescaleIntercept = 0
    image.RescaleSlope = 1
    return image
