"""What becomes of images: when the EHR can read of them, how fast they go on, and how much memory.

A gateway with a PACS (Orthanc) behind it, and dcmtk's storescp for what is large; an EHR (Medplum)
and a workstation (dcmtk).
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx2

from bench.report import Section
from tests.acceptance.hospital import Hospital
from tests.acceptance.images import Study, scan, write_image
from tests.acceptance.orders import new_order, orm
from tests.peers.bridge_process import Bridge, configure, fhir_destination
from tests.peers.dcmjs import DcmjsModality
from tests.peers.dcmtk import Modality, StoreScp
from tests.peers.hl7_node import His
from tests.peers.medplum import Medplum
from tests.peers.orthanc import Orthanc

BRIDGE, ORTHANC = "bridge, SQLite FULL", "Orthanc"
WITH_STEP, WITHOUT = "MPPS COMPLETED → EHR", "settled → EHR"
FORWARDED, MOVED, GOT = "forwarded", "C-MOVE", "C-GET"
LARGE_SOURCE = "BIG01"
SETTLE_SECONDS = 1
_SERIES = 10
_PIXEL_DATA = struct.Struct("<HH2sHL").pack
_PIECE = 1 << 20
_LONGEST_WAIT = 600.0


@dataclass(frozen=True, slots=True)
class Effort:
    """How many studies are timed, how many images go on at once, and how large one of them is."""

    studies: int
    images: int
    megabytes: int


@dataclass(frozen=True, slots=True)
class _Place:
    """The gateway and what stands around it."""

    folder: Path
    hospital: Hospital
    pacs: Orthanc
    disk: StoreScp

    @property
    def bridge(self) -> Bridge:
        return self.hospital.bridge


def measure(directory: Path, effort: Effort) -> Section:
    """Time studies to the EHR and images to the PACS; watch memory over a large instance."""
    section = Section("Row 5: images on their way")
    with _place(directory) as place:
        _time_studies(section, place, effort.studies)
        _time_images(section, place, effort.images)
        _watch_large(section, place, effort.megabytes)
    return section


@contextmanager
def _place(directory: Path) -> Iterator[_Place]:
    home = directory / "imaging"
    home.mkdir()
    with ExitStack() as stack:
        medplum = stack.enter_context(closing(Medplum(home)))
        ehr = stack.enter_context(closing(medplum.open()))
        his = stack.enter_context(closing(His(home)))
        mpps = stack.enter_context(closing(DcmjsModality(home)))
        disk = stack.enter_context(closing(StoreScp(home)))
        (home / "pacs").mkdir()
        pacs = stack.enter_context(closing(Orthanc(home / "pacs", 1)))
        entities = {
            "PACS": {"ae_title": "PACS", "host": "127.0.0.1", "port": pacs.dicom_port},
            "DISK": {"ae_title": "DISK", "host": "127.0.0.1", "port": disk.port},
        }
        forwarding = [
            {"name": title, "kind": "dicom_store", "sources": [source], **entities[title]}
            for title, source in (("PACS", "CT01"), ("DISK", LARGE_SOURCE))
        ]
        configuration = configure(
            home,
            f"sqlite:///{home}/b.db",
            dicom={"settle_seconds": SETTLE_SECONDS, "peers": list(entities.values())},
            destinations=[fhir_destination(ehr.url), *forwarding],
        )
        bridge = stack.enter_context(closing(Bridge(configuration, home)))
        bridge.start()
        yield _Place(home, Hospital(bridge, his, mpps, ehr), pacs, disk)


def _time_studies(section: Section, place: _Place, count: int) -> None:
    for what in (WITH_STEP, WITHOUT):
        times = [_time_study(place, with_step=what == WITH_STEP) for _ in range(count)]
        section.add(BRIDGE, what, median(times), "s")
        section.add(BRIDGE, f"{what}, longest", max(times), "s")
        bound = 1 if what == WITH_STEP else SETTLE_SECONDS + 1
        section.at_most(f"last image to EHR, {what}: < {bound} s", max(times), bound, "s")


def _time_study(place: _Place, *, with_step: bool) -> float:
    """Seconds from the end of the step, or from the last image, until the EHR has the study."""
    hospital, order = place.hospital, new_order()
    hospital.place(orm(order))
    study = scan(order, place.folder / order.study_uid, series=(_SERIES,))
    step = hospital.start_step(order) if with_step else ""
    hospital.store(study)
    begun = time.perf_counter()
    if with_step:
        hospital.end_step(step, study)
        begun = time.perf_counter()
    hospital.published(study.uid, lambda found: found.get("numberOfInstances") == _SERIES)
    return time.perf_counter() - begun


def _time_images(section: Section, place: _Place, count: int) -> None:
    """Images a second to the PACS: forwarded, and as C-MOVE by movescu, Orthanc beside it."""
    study = scan(new_order(), place.folder / "many", series=(count // 2, count - count // 2))
    place.hospital.store(study)
    _until(lambda: _held(place.pacs, study) > 0)
    begun, first = time.perf_counter(), _held(place.pacs, study)
    _until(lambda: _held(place.pacs, study) == count)
    section.add(BRIDGE, FORWARDED, (count - first) / (time.perf_counter() - begun), "/s")
    place.pacs.forget(study.uid)
    moved = _rate_of_move(place.bridge.modality(), study, count)
    section.add(BRIDGE, MOVED, moved, "/s")
    place.pacs.forget(study.uid)
    with closing(Orthanc(place.folder, 1, witness_port=place.pacs.dicom_port)) as orthanc:
        for path in study.paths:
            orthanc.upload(path.read_bytes())
        peer = _rate_of_move(Modality(orthanc.dicom_port, "WITNESS", "ORTHANC"), study, count)
    section.add(ORTHANC, MOVED, peer, "/s")
    section.tell(f"C-MOVE, {BRIDGE} / {ORTHANC}", moved / peer, "×")


def _rate_of_move(archive: Modality, study: Study, count: int) -> float:
    title = "PACS" if archive.called == "BRIDGE" else "WITNESS"
    begun = time.perf_counter()
    final, said = archive.move("STUDY", {"StudyInstanceUID": study.uid}, title)
    if final != "Success":
        raise AssertionError(said)
    return count / (time.perf_counter() - begun)


def _watch_large(section: Section, place: _Place, megabytes: int) -> None:
    """The most memory that the bridge takes while one large instance comes and goes each way."""
    path, uid, study_uid = _large(place.folder, megabytes)
    modality = place.bridge.modality(LARGE_SOURCE)
    got = place.folder / "got"
    got.mkdir()
    keys = {"StudyInstanceUID": study_uid}
    url = f"{place.bridge.url}/dicom-web/studies/{study_uid}"

    def arrives() -> None:
        if not modality.store([path]).ok:
            raise AssertionError("the large instance was not taken")

    ways: dict[str, Callable[[], Any]] = {
        "C-STORE": arrives,
        FORWARDED: lambda: _until(lambda: _size(place.disk.directory) >= megabytes << 20),
        GOT: lambda: modality.get("STUDY", keys, got),
        MOVED: lambda: modality.move("STUDY", keys, "DISK"),
        "WADO-RS": lambda: _download(url),
    }
    rest = _most_memory(place.bridge, lambda: time.sleep(0.1))
    section.add(BRIDGE, "memory before", rest, "MB")
    for way, act in ways.items():
        begun = time.perf_counter()
        most = section.add(
            BRIDGE, f"{megabytes} MB by {way}", _most_memory(place.bridge, act), "MB"
        )
        section.add(BRIDGE, f"{megabytes} MB by {way}, took", time.perf_counter() - begun, "s")
        section.at_most(f"{megabytes} MB by {way}: memory + at most 100 MB", most - rest, 100, "MB")
    if uid not in {each.name.removeprefix("CT.") for each in got.iterdir()}:
        raise AssertionError("the large instance did not come back")


def _large(folder: Path, megabytes: int) -> tuple[Path, str, str]:
    """An image of an order, its pixel data so many megabytes, most of which take no room."""
    order = new_order()
    small = write_image(order, folder / "large", "1.2.3.4.5", 1, 1)
    path = folder / "large.dcm"
    content = small.read_bytes()
    at = content.rindex(struct.pack("<HH", 0x7FE0, 0x0010))
    with path.open("wb") as file:
        file.write(content[:at])
        file.write(_PIXEL_DATA(0x7FE0, 0x0010, b"OW", 0, megabytes << 20))
        file.truncate(file.tell() + (megabytes << 20))
    return path, small.stem, order.study_uid


def _download(url: str) -> None:
    with httpx2.stream("GET", url, timeout=_LONGEST_WAIT) as answer:
        answer.raise_for_status()
        for _ in answer.iter_bytes(_PIECE):
            pass


def _most_memory(bridge: Bridge, act: Callable[[], Any]) -> float:
    """Megabytes at most, of the process itself, while something is done."""
    process = bridge._process
    if process is None:
        raise AssertionError("the bridge does not run")
    place = Path(f"/proc/{process.child.pid}")
    (place / "clear_refs").write_text("5")  # let the peak begin anew
    act()
    rows = (place / "status").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("VmHWM")) / 1024


def _held(pacs: Orthanc, study: Study) -> int:
    return len(pacs.instances_of(study.uid))


def _size(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.iterdir())


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LONGEST_WAIT
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come in time")
        time.sleep(0.02)
