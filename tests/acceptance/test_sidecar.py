"""Beside a PACS (Orthanc): images go there, and the bridge learns of them and tells of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import NewHospital
from tests.acceptance.hospital import Hospital, accession_of
from tests.acceptance.images import Study, scan
from tests.acceptance.orders import Order, new_order, orm
from tests.peers.orthanc import Orthanc
from tests.peers.process import choose_port


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Orthanc]:
    folder = tmp_path / "orthanc"
    folder.mkdir()
    with closing(Orthanc(folder, choose_port())) as peer:
        yield peer


def asked(pacs: Orthanc, kind: str) -> dict[str, Any]:
    web = f"{pacs.url}/dicom-web"
    how: dict[str, Any] = (
        {"url": web}
        if kind == "qido"
        else {
            "ae_title": "ORTHANC",
            "host": "127.0.0.1",
            "port": pacs.dicom_port,
            "retrieve_url": web,
        }
    )
    return {"name": kind, "kind": kind, "poll_seconds": 0.3, "lookback_days": 2} | how


def sidecar(new_hospital: NewHospital, pacs: Orthanc, *kinds: str) -> Hospital:
    sources = [asked(pacs, kind) for kind in kinds]
    return new_hospital(sources=sources, dicom={"settle_seconds": 1})


def stored(pacs: Orthanc, order: Order, folder: Path, *series: int) -> Study:
    """Images of today that went straight to the PACS."""
    study = scan(order, folder, series, StudyDate=datetime.now(UTC).strftime("%Y%m%d"))
    for path in study.paths:
        pacs.upload(path.read_bytes())
    return study


@pytest.mark.parametrize("kinds", [("dicom_query",), ("qido",), ("dicom_query", "qido")])
def test_given_images_at_the_pacs_then_they_are_told_of_there_and_withdrawn_when_they_go(
    new_hospital: NewHospital, pacs: Orthanc, tmp_path: Path, kinds: tuple[str, ...]
) -> None:
    hospital = sidecar(new_hospital, pacs, *kinds)
    order = new_order()
    hospital.place(orm(order))
    study = stored(pacs, order, tmp_path / "sent", 2, 1)

    found = hospital.published_complete(study)

    assert accession_of(found) == order.accession
    (endpoint,) = hospital.endpoints(found)
    assert endpoint["address"] == f"{pacs.url}/dicom-web"
    assert not list(hospital.bridge.images.rglob("*.dcm"))

    pacs.forget(study.uid)
    hospital.published(study.uid, lambda told: told["status"] == "cancelled")
