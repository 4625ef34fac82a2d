"""Modality Worklist C-FIND: one match among many scheduled steps, and a day's 200."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from bench import schedule, seed
from bench.dimse import WORKLIST, Association, echo_request, find_request
from bench.report import Section
from bridge.simulate.hospital import OrderRequest
from tests.peers.bridge_process import Bridge, configure
from tests.peers.dcmtk import WlmScpfs
from tests.peers.orthanc import Orthanc

ECHO, ONE, DAY = "C-ECHO", "1 match", "200 matches"
PEER_STEPS = 10_000
# wlmscpfs answers to the name of its folder, Orthanc answers callers it knows: this one is both.
AE_TITLE = "BRIDGE"
_RETURNED = (
    "AccessionNumber",
    "ReferringPhysicianName",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "RequestingPhysician",
    "RequestedProcedureDescription",
    "RequestedProcedureID",
)
_RETURNED_OF_STEP = (
    "Modality",
    "ScheduledStationAETitle",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "ScheduledPerformingPhysicianName",
    "ScheduledProcedureStepDescription",
    "ScheduledProcedureStepID",
)


@dataclass(frozen=True, slots=True)
class Queries:
    """The two queries, encoded: for one order, and for a station's day."""

    one: bytes
    day: bytes

    @classmethod
    def make(cls) -> Queries:
        """Ask for what stands in the middle of the orders that every contender holds."""
        middle = schedule.order(PEER_STEPS // 2 + 17)
        one = _query()
        one.AccessionNumber = middle.accession_number
        day = _query()
        step = day.ScheduledProcedureStepSequence[0]
        step.ScheduledStationAETitle = middle.station_ae_title
        step.ScheduledProcedureStepStartDate = middle.start.strftime("%Y%m%d")
        return cls(find_request(one), find_request(day))


def measure(directory: Path, sizes: list[int], repeats: int) -> Section:
    """Measure the bridge at each size, growing, then the peers with 10,000 entries."""
    section = Section("Rows 2, 3: MWL C-FIND, one association")
    _bridge(section, directory, sizes, repeats)
    with _peers(section, directory) as peers:
        for name, port in peers.items():
            _times(section, name, port, 3)
    _judge(section, sizes)
    return section


def _bridge(section: Section, directory: Path, sizes: list[int], repeats: int) -> None:
    home = directory / "worklist"
    home.mkdir()
    bridge = Bridge(configure(home, f"sqlite:///{home}/b.db"), home)
    bridge.start()
    try:
        rate = seed.send(bridge.hl7_port)
        section.notes.append(
            f"{seed.BASE:,} orders came by HL7 ({rate:,.0f}/s), the rest is copied"
        )
        for size in sizes:
            if size > seed.BASE:
                bridge.stop()
                seed.multiply(home / "b.db", size)
                bridge.start()
            _times(section, _name(size), bridge.dicom_port, repeats)
    finally:
        bridge.close()


def _name(size: int) -> str:
    return f"bridge, {size:,} steps"


@contextmanager
def _peers(section: Section, directory: Path) -> Iterator[dict[str, int]]:
    home = directory / "files"
    home.mkdir()
    wlmscpfs = WlmScpfs(home)
    orthanc = None
    try:
        write_files(wlmscpfs.files, PEER_STEPS)
        found = {f"wlmscpfs, {PEER_STEPS:,} files": wlmscpfs.port}
        try:
            orthanc = Orthanc(home, 1, worklists=wlmscpfs.files)
            found[f"Orthanc plugin, {PEER_STEPS:,} files"] = orthanc.dicom_port
        except (OSError, AssertionError) as error:
            section.notes.append(f"Orthanc could not be had: {str(error).splitlines()[0]}")
        yield found
    finally:
        wlmscpfs.close()
        if orthanc is not None:
            orthanc.close()


def _times(section: Section, name: str, port: int, repeats: int) -> None:
    """Medians over interleaved requests on one association, in milliseconds."""
    queries = Queries.make()
    association = Association(port, AE_TITLE)
    try:
        requests = {ECHO: (echo_request(), 0), ONE: (queries.one, 1), DAY: (queries.day, 200)}
        taken: dict[str, list[float]] = {what: [] for what in requests}
        for number in range(repeats + 1):
            for what, (request, expected) in requests.items():
                time_taken = _timed(association, request, expected)
                if number:  # the first of each warms up
                    taken[what].append(time_taken)
        for what, times in taken.items():
            section.add(name, what, median(times), "ms")
    except (OSError, AssertionError) as error:
        section.notes.append(f"{name}: {str(error)[:120]}")
    finally:
        association.close()


def _timed(association: Association, request: bytes, expected: int) -> float:
    begun = time.perf_counter()
    found = association.exchange(request)
    taken = (time.perf_counter() - begun) * 1000
    if found != expected:
        raise AssertionError(f"{found} answers where {expected} were expected")
    return taken


def _query() -> Dataset:
    query, step = Dataset(), Dataset()
    for keyword in _RETURNED:
        setattr(query, keyword, None)
    for keyword in _RETURNED_OF_STEP:
        setattr(step, keyword, None)
    query.ScheduledProcedureStepSequence = [step]
    return query


def write_files(folder: Path, steps: int) -> None:
    """The schedule as worklist files, which wlmscpfs and Orthanc's plugin read."""
    for number in range(steps):
        _write_file(folder / f"{number:07d}.wl", schedule.order(number))


def _write_file(file: Path, order: OrderRequest) -> None:
    step = Dataset()
    step.Modality = order.exam.modality
    step.ScheduledStationAETitle = order.station_ae_title
    step.ScheduledProcedureStepStartDate = order.start.strftime("%Y%m%d")
    step.ScheduledProcedureStepStartTime = order.start.strftime("%H%M%S")
    step.ScheduledPerformingPhysicianName = ""
    step.ScheduledProcedureStepDescription = order.exam.code
    step.ScheduledProcedureStepID = order.sps_id
    item = Dataset()
    item.AccessionNumber = order.accession_number
    item.ReferringPhysicianName = ""
    item.PatientName = f"{order.person.family}^{order.person.given}"
    item.PatientID = order.person.patient_id
    item.PatientBirthDate = order.person.birth_date
    item.PatientSex = order.person.sex
    item.StudyInstanceUID = order.study_instance_uid
    item.RequestingPhysician = "PHAM^HONG"
    item.RequestedProcedureDescription = order.exam.code
    item.RequestedProcedureID = order.rp_id
    item.ScheduledProcedureStepSequence = [step]
    item.file_meta = FileMetaDataset()
    item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    item.file_meta.MediaStorageSOPClassUID = UID(WORKLIST)
    item.file_meta.MediaStorageSOPInstanceUID = UID(f"{order.study_instance_uid}.1")
    item.save_as(file, enforce_file_format=True)


def _judge(section: Section, sizes: list[int]) -> None:
    value = {(f.subject, f.what): f.value for f in section.figures}
    main = _name(100_000 if 100_000 in sizes else sizes[-1])
    ratio = value[main, ONE] / value[main, ECHO]
    section.at_most(f"{main}, 1 match ≤ 2 × C-ECHO", ratio, 2, "×")
    section.at_most(f"{main}, 200 matches ≤ 60 ms", value[main, DAY], 60, "ms")
    for subject in dict.fromkeys(f.subject for f in section.figures):
        if subject.startswith("bridge"):
            continue
        if (subject, ONE) in value:
            faster = value[subject, ONE] / value[main, ONE]
            section.at_least(f"1 match ≥ 50 × faster than {subject}", faster, 50, "×")
        if (subject, DAY) in value:
            faster = value[subject, DAY] / value[main, DAY]
            section.at_least(f"200 matches faster than {subject}", faster, 1, "×")
    smallest = _name(sizes[0])
    for size in sizes[1:]:
        growth = value[_name(size), ONE] / value[smallest, ONE]
        section.at_most(f"1 match: {size:,} steps ≤ 1.3 × {sizes[0]:,}", growth, 1.3, "×")
