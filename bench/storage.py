"""C-STORE of CT slices by dcmtk's storescu: small and 512×512, stored durably and indexed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from pydicom.dataset import Dataset

from bench import schedule
from bench.dimse import Association, store_request
from bench.processor import processor_seconds
from bench.report import Section
from bridge.simulate.images import ct_series
from bridge.simulate.modality import worklist_query
from tests.peers.bridge_process import Bridge, configure
from tests.peers.dcmtk import BIN, StoreScp
from tests.peers.orthanc import Orthanc
from tests.peers.process import run

SMALL, LARGE = "64×64", "512×512"
DEFAULT, NODELAY = "storescu", "TCP_NODELAY"
BRIDGE, STORESCP = "bridge, SQLite FULL", "dcmtk storescp, no sync"
ORTHANC, UNSYNCED = "Orthanc, files synced (its default)", "Orthanc, no sync"


def measure(directory: Path, counts: Mapping[str, int], rounds: int) -> Section:
    """`counts` says how many images a round sends, by size."""
    section = Section("Row 4: C-STORE, images/s")
    home = directory / "storage"
    home.mkdir()
    bridge = Bridge(configure(home, f"sqlite:///{home}/b.db"), home)
    bridge.start()
    scp, orthanc = StoreScp(home), Orthanc(_folder(home / "synced"), 1)
    unsynced = Orthanc(_folder(home / "unsynced"), 1, synchronous=False)
    receivers = {
        BRIDGE: (bridge.dicom_port, "BRIDGE"),
        STORESCP: (scp.port, "STORESCP"),
        ORTHANC: (orthanc.dicom_port, "ORTHANC"),
        UNSYNCED: (unsynced.dicom_port, "ORTHANC"),
    }
    try:
        for name, (port, called) in receivers.items():
            for size, count in counts.items():
                for way, send in SENDERS.items():
                    before = processor_seconds(bridge)
                    rates = [send(home, port, called, size, count) for _ in range(rounds)]
                    section.add(name, f"{size}, {way}", median(rates), "/s")
                    if (name, way) == (BRIDGE, NODELAY):
                        taken = processor_seconds(bridge) - before
                        section.add(name, f"{size}, processor", 1000 * taken / rounds / count, "ms")
    finally:
        for receiver in (bridge, scp, orthanc, unsynced):
            receiver.close()
    _judge(section)
    return section


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _by_storescu(home: Path, port: int, called: str, size: str, count: int) -> float:
    """Send a new series with dcmtk's storescu and its defaults; give images a second."""
    folder = home / f"series-{time.monotonic_ns()}"
    folder.mkdir()
    for image in make_series(size, count):
        image.save_as(folder / f"{image.InstanceNumber:05d}.dcm", enforce_file_format=True)
    command: list[str | Path] = [
        BIN / "storescu",
        "+sd",
        "-aec",
        called,
        "127.0.0.1",
        str(port),
        folder,
    ]
    begun = time.perf_counter()
    done = run(command, seconds=600)
    taken = time.perf_counter() - begun
    if done.returncode:
        raise AssertionError(f"storescu failed: {done.stdout[-300:]}")
    return count / taken


def _by_quick_client(home: Path, port: int, called: str, size: str, count: int) -> float:
    """Send a new series with a client that sets TCP_NODELAY and acknowledges at once."""
    association = Association(port, called)
    requests = [store_request(image, association.max_pdu) for image in make_series(size, count)]
    begun = time.perf_counter()
    for request in requests:
        association.exchange(request)
    taken = time.perf_counter() - begun
    association.close()
    return count / taken


SENDERS = {DEFAULT: _by_storescu, NODELAY: _by_quick_client}


def make_series(size: str, count: int) -> Iterator[Dataset]:
    """CT slices of one new study; 512×512 ones hold the small one's pixels again and again."""
    order = schedule.order(time.monotonic_ns() % 10_000_000, "I")
    item = worklist_query(
        "CT01",
        PatientName=f"{order.person.family}^{order.person.given}",
        PatientID=order.person.patient_id,
        AccessionNumber=order.accession_number,
        StudyInstanceUID=f"2.25.{time.monotonic_ns()}",
        RequestedProcedureID=order.rp_id,
    )
    item.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID = order.sps_id
    for image in ct_series(item, count, datetime.now(UTC)):
        if size == LARGE:
            image.Rows = image.Columns = 512
            image.PixelData = image.PixelData * 64
        yield image


def _judge(section: Section) -> None:
    value = {(f.subject, f.what): f.value for f in section.figures}
    section.notes.append("the bridge syncs file, folder and index before it answers")
    for size, bound in ((SMALL, 15), (LARGE, 8)):
        if (BRIDGE, f"{size}, {DEFAULT}") not in value:
            continue
        for peer in (STORESCP, ORTHANC):
            ratio = value[BRIDGE, f"{size}, {DEFAULT}"] / value[peer, f"{size}, {DEFAULT}"]
            section.at_least(f"{size} ≥ {bound} × {peer}", ratio, bound, "×")
        mine = value[BRIDGE, f"{size}, {NODELAY}"]
        section.at_least(
            f"{size} by a client with TCP_NODELAY, not slower than {ORTHANC}",
            mine / value[ORTHANC, f"{size}, {NODELAY}"],
            1,
            "×",
        )
        section.tell(
            f"{size} by a client with TCP_NODELAY, of {UNSYNCED}",
            mine / value[UNSYNCED, f"{size}, {NODELAY}"],
            "×",
        )
