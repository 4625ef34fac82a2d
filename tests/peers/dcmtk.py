"""Modality: worklist, storage and verification by dcmtk's programs, each run as it would be at a
modality.

By full path, since pynetdicom installs programs of the same names.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread

from tests.peers.process import Process, accepts, choose_port, run

BIN = Path("/usr/bin")
STEP = "ScheduledProcedureStepSequence[0]."
# Keys that a modality's console asks for: PS3.4 Table K.6-1's types 1 to 2, empty (universal
# matching).
USUAL_KEYS: Mapping[str, str] = {
    "SpecificCharacterSet": "ISO_IR 192",
    "AccessionNumber": "",
    "ReferringPhysicianName": "",
    "PatientName": "",
    "PatientID": "",
    "IssuerOfPatientID": "",
    "PatientBirthDate": "",
    "PatientSex": "",
    "StudyInstanceUID": "",
    "RequestingPhysician": "",
    "RequestedProcedureDescription": "",
    "RequestedProcedureCodeSequence": "",
    "AdmissionID": "",
    "RequestedProcedureID": "",
    "RequestedProcedurePriority": "",
    STEP + "Modality": "",
    STEP + "ScheduledStationAETitle": "",
    STEP + "ScheduledProcedureStepStartDate": "",
    STEP + "ScheduledProcedureStepStartTime": "",
    STEP + "ScheduledPerformingPhysicianName": "",
    STEP + "ScheduledProcedureStepDescription": "",
    STEP + "ScheduledProtocolCodeSequence": "",
    STEP + "ScheduledProcedureStepID": "",
    STEP + "ScheduledStationName": "",
    STEP + "ScheduledProcedureStepLocation": "",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What findscu was answered: the datasets of the pending responses and the name of the final
    status.
    """

    items: list[Dataset]
    status: str
    output: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What storescu was answered: the status name of each file that got a response, in order."""

    answers: list[tuple[Path, str]]
    code: int
    output: str

    @property
    def statuses(self) -> list[str]:
        return [status for _, status in self.answers]

    @property
    def ok(self) -> bool:
        return self.code == 0 and bool(self.statuses) and set(self.statuses) == {"Success"}


@dataclass(frozen=True, slots=True)
class Modality:
    """A modality of an application entity title, facing the DICOM port of the bridge."""

    port: int
    calling: str = "CT01"
    called: str = "BRIDGE"

    def _link(self) -> list[str]:
        return ["-aet", self.calling, "-aec", self.called, "127.0.0.1", str(self.port)]

    def echo(self) -> bool:
        """C-ECHO."""
        return run([BIN / "echoscu", *self._link()]).returncode == 0

    def find(
        self,
        keys: Mapping[str, str] | None = None,
        *,
        only: bool = False,
        cancel_after: int | None = None,
        query: str | None = None,
    ) -> Found:
        """C-FIND the worklist: the usual keys with some of them filled in (or, with `only`, no
        others).

        `query` is a whole identifier in dump2dcm's notation instead.
        """
        with tempfile.TemporaryDirectory() as folder:
            directory = Path(folder)
            command: list[str | Path] = [BIN / "findscu", "-v", "-W", "-X", "-od", directory]
            if cancel_after is not None:
                command += ["--cancel", str(cancel_after)]
            asked = {} if query else {**({} if only else USUAL_KEYS), **(keys or {})}
            for path, value in asked.items():
                command += ["-k", f"{path}={value}" if value else path]
            done = run([*command, *self._link(), *([dump2dcm(query, directory)] if query else [])])
            items: list[Dataset] = [
                dcmread(path, force=True) for path in sorted(directory.glob("rsp*.dcm"))
            ]
            for item in items:
                item.decode()
        final = re.findall(r"Received Final Find Response \((.*)\)", done.stdout)
        return Found(items, final[-1] if final else "", done.stdout)

    def find_studies(self, level: str, keys: Mapping[str, str], *, model: str = "-S") -> Found:
        """C-FIND studies: `level` of the study root model, or of the patient root's with `-P`."""
        with tempfile.TemporaryDirectory() as folder:
            directory = Path(folder)
            command: list[str | Path] = [BIN / "findscu", "-v", model, "-X", "-od", directory]
            for path, value in {"QueryRetrieveLevel": level, **keys}.items():
                command += ["-k", f"{path}={value}" if value else path]
            done = run([*command, *self._link()])
            items: list[Dataset] = [
                dcmread(path, force=True) for path in sorted(directory.glob("rsp*.dcm"))
            ]
            for item in items:
                item.decode()
        final = re.findall(r"Received Final Find Response \((.*)\)", done.stdout)
        return Found(items, final[-1] if final else "", done.stdout)

    def get(self, level: str, keys: Mapping[str, str], directory: Path, *options: str) -> Found:
        """C-GET: what arrived in `directory`, and the final status."""
        command: list[str | Path] = [BIN / "getscu", "-v", "-S", *options, "-od", directory]
        for path, value in {"QueryRetrieveLevel": level, **keys}.items():
            command += ["-k", f"{path}={value}"]
        done = run([*command, *self._link()])
        items: list[Dataset] = [dcmread(path) for path in sorted(directory.iterdir())]
        final = re.findall(r"C-GET Response.*\((.*)\)|Final.*\((.*)\)", done.stdout)
        return Found(items, "".join(final[-1]) if final else "", done.stdout)

    def move(self, level: str, keys: Mapping[str, str], destination: str) -> tuple[str, str]:
        """C-MOVE to an application entity; gives the final status and what movescu said."""
        command: list[str | Path] = [BIN / "movescu", "-v", "-S", "-aem", destination]
        for path, value in {"QueryRetrieveLevel": level, **keys}.items():
            command += ["-k", f"{path}={value}"]
        done = run([*command, *self._link()])
        final = re.findall(r"Received Final Move Response \((.*)\)", done.stdout)
        return (final[-1] if final else "", done.stdout)

    def store(self, paths: Sequence[Path], *options: str) -> Stored:
        """C-STORE files on one association; folders are searched."""
        command: list[str | Path] = [BIN / "storescu", "-v", "+sd", "+r", *options]
        done = run([*command, *self._link(), *paths], seconds=300)
        return Stored(_answers(done.stdout), done.returncode, done.stdout)


def _answers(output: str) -> list[tuple[Path, str]]:
    answers, sending = [], Path()
    for line in output.splitlines():
        if found := re.match(r"I: Sending file: (.*)", line):
            sending = Path(found[1])
        elif found := re.match(r"I: Received Store Response \((.*)\)", line):
            answers.append((sending, found[1]))
    return answers


def dump2dcm(text: str, directory: Path) -> Path:
    """Make a DICOM file of dcmtk's dump notation."""
    source, target = directory / "query.dump", directory / "query.dcm"
    source.write_text(text, encoding="utf-8")
    done = run([BIN / "dump2dcm", source, target])
    assert done.returncode == 0, done.stdout
    return target


class StoreScp:
    """dcmtk's storescp: a plain store, for peers to be proven against and as a destination."""

    def __init__(
        self, directory: Path, *options: str, port: int | None = None, accept: str = "+xa"
    ) -> None:
        """`accept` is storescp's option of transfer syntaxes: all of them by default."""
        self.port = port or choose_port()
        self.directory = directory / "storescp"
        self.directory.mkdir()
        command: list[str | Path] = [BIN / "storescp", accept, *options, "-od", self.directory]
        command.append(str(self.port))
        self._process = Process(command, directory / "storescp.log")
        self._process.wait_for(lambda: accepts(self.port), "storescp listens")

    def clear(self) -> None:
        """Forget what was stored so far."""
        for path in self.directory.iterdir():
            path.unlink()

    def close(self) -> None:
        self._process.stop()


class WlmScpfs:
    """dcmtk's wlmscpfs: a worklist made of files, for peers to be proven against and for the
    bench.
    """

    def __init__(self, directory: Path, ae_title: str = "BRIDGE") -> None:
        self.port = choose_port()
        self.files = directory / "worklists" / ae_title
        self.files.mkdir(parents=True)
        (self.files / "lockfile").touch()
        command: list[str | Path] = [BIN / "wlmscpfs", "-dfp", self.files.parent, str(self.port)]
        self._process = Process(command, directory / "wlmscpfs.log")
        self._process.wait_for(lambda: accepts(self.port), "wlmscpfs listens")

    def close(self) -> None:
        self._process.stop()
