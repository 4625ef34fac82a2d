"""A bridge's images behind HTTP on a real socket, filled with studies as modalities send them."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from bridge.dicom.header import read_header
from bridge.dicom.part10 import split_file
from bridge.dicom.pixels.pool import PixelPool
from bridge.dicomweb.parts import Holding
from bridge.dicomweb.router import wado_router
from bridge.dicomweb.store import stow_router
from bridge.mapping.reconciliation import load_matching_rules
from bridge.services.complete_study import CompleteStudy
from bridge.services.publish_study import PublishStudy
from bridge.services.read_images import ReadImages
from bridge.services.receive_instance import ReceiveInstance
from bridge.services.reconcile import Reconcile
from bridge.store import schema
from bridge.store.database import Database
from bridge.store.objects import LocalObjects
from bridge.store.repositories import SqlStore

STUDY = "1.2.826.0.1.3680043.10.1"
OTHER_STUDY = "1.2.826.0.1.3680043.10.2"


def image(study: str, series: int, number: int, **attributes: Any) -> Dataset:
    """One small CT image; `attributes` go over what it says."""
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 100"
    made.SOPClassUID = CTImageStorage
    made.SOPInstanceUID = f"{study}.{series}.{number}"
    made.StudyInstanceUID = study
    made.SeriesInstanceUID = f"{study}.{series}"
    made.SeriesNumber, made.InstanceNumber = series, number
    made.StudyDate, made.StudyTime = "20240501", "101500"
    made.AccessionNumber, made.PatientID = "A-1", "P-1"
    made.PatientName = "MÜLLER^ANNA"
    made.PatientBirthDate, made.PatientSex = "19700102", "F"
    made.Modality = "CT" if series == 1 else "SR"
    made.Rows = made.Columns = 8
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
    made.SamplesPerPixel, made.PixelRepresentation = 1, 0
    made.PhotometricInterpretation = "MONOCHROME2"
    made.PixelData = bytes(128)
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def file_of(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The data set as a DICOM file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    dataset.file_meta = meta
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


class Archive:
    """What was received, and the service that gives it out."""

    def __init__(self, directory: Path) -> None:
        self.database = Database(f"sqlite:///{directory}/bridge.db")
        schema.upgrade(self.database)
        store = SqlStore(self.database)
        self.objects = LocalObjects(directory / "images")
        self.directory = directory / "images"
        complete = CompleteStudy(
            store=store,
            reconcile=Reconcile(PublishStudy({}), load_matching_rules),
            settle_seconds=60,
        )
        self.instances = ReceiveInstance(
            store=store, objects=self.objects, complete=complete, clock=time.time
        )
        self.images = ReadImages(store=store, objects=self.objects)

    def close(self) -> None:
        self.database.close()

    def receive(self, dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
        """Store an image; returns the file as it was stored."""
        content = file_of(dataset, syntax)
        start = 132 + 12 + int.from_bytes(content[140:144], "little")  # after the file meta group
        header = read_header(content[start:], syntax)
        self.instances.receive(header, content, hashlib.sha256(content).hexdigest(), "CT01")
        return content

    def receive_file(self, content: bytes, syntax: str, study: str, series: str) -> str:
        """Store a file as it is under UIDs of ours; gives its SOP Instance UID."""
        start = split_file(content)[1]
        digest = hashlib.sha256(content).hexdigest()
        header = replace(
            read_header(content[start:], syntax),
            sop_instance_uid=f"2.25.{int(digest[:24], 16)}",  # some of them have the same
            study_instance_uid=study,
            series_instance_uid=series,
        )
        self.instances.receive(header, content, digest, "CT01")
        return header.sop_instance_uid


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """One study of two CT images and a report, and another patient's study."""
    archive = Archive(tmp_path)
    for number in (1, 2):
        archive.receive(image(STUDY, 1, number))
    archive.receive(image(STUDY, 2, 1))
    other = {"AccessionNumber": "A-2", "PatientID": "P-2", "PatientName": "DOE^JOHN"}
    archive.receive(image(OTHER_STUDY, 1, 1, **other))
    yield archive
    archive.database.close()


@pytest.fixture
def url(archive: Archive) -> Iterator[str]:
    """The address of the service on a real socket."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = FastAPI()
    base = f"{address}/dicom-web"
    app.include_router(
        stow_router(archive.instances, base, Holding(longest=100_000)), prefix="/dicom-web"
    )
    pool = PixelPool(workers=1, seconds=10)
    app.include_router(wado_router(archive.images, base, pool), prefix="/dicom-web")
    app.include_router(wado_router(archive.images, pool=pool), prefix="/nameless")
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    yield f"{address}/dicom-web"
    server.should_exit = True
    thread.join()
    pool.close()
