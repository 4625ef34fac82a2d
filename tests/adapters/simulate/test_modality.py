"""The simulated CT scanner against dcmtk's servers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from bridge.simulate.images import ct_series, phantom
from bridge.simulate.modality import Modality, ModalityError, worklist_query
from tests.peers.dcmtk import StoreScp

NOW = datetime(2025, 3, 14, 9, 26, 53, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StoreScp]:
    scp = StoreScp(tmp_path)
    yield scp
    scp.close()


def worklist_item() -> Dataset:
    item = worklist_query(
        "CT01",
        PatientName="NGUYỄN^ÁNH^VĂN",
        PatientID="BN000101",
        AccessionNumber="ACC0001",
        RequestedProcedureID="RP0001",
        StudyInstanceUID="2.25.42",
    )
    item.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID = "SPS0001"
    return item


def test_given_a_worklist_item_when_scanned_then_the_images_carry_its_identifiers(
    store: StoreScp,
) -> None:
    modality = Modality("127.0.0.1", store.port, called_ae_title="STORESCP")
    images = ct_series(worklist_item(), 3, NOW, performed_step_uid="2.25.43")
    assert modality.store(images) == 3
    kept = [dcmread(file) for file in store.directory.iterdir()]
    assert sorted(image.InstanceNumber for image in kept) == [1, 2, 3]
    assert {str(image.PatientName) for image in kept} == {"NGUYỄN^ÁNH^VĂN"}
    assert {image.StudyInstanceUID for image in kept} == {"2.25.42"}
    assert len({image.SeriesInstanceUID for image in kept}) == 1
    request = kept[0].RequestAttributesSequence[0]
    assert request.ScheduledProcedureStepID == "SPS0001"
    performed = kept[0].ReferencedPerformedProcedureStepSequence[0]
    assert performed.ReferencedSOPInstanceUID == "2.25.43"


def test_given_slices_then_each_has_its_own_pixels_of_the_declared_size() -> None:
    slices = list(ct_series(worklist_item(), 2, NOW))
    assert all(len(s.PixelData) == s.Rows * s.Columns * 2 for s in slices)
    assert phantom(1) != phantom(2)


def test_given_a_server_without_worklist_then_the_scanner_says_that_it_got_none(
    store: StoreScp,
) -> None:
    modality = Modality("127.0.0.1", store.port, called_ae_title="STORESCP")
    with pytest.raises(ModalityError, match="gave no association"):
        modality.worklist()
