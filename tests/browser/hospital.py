"""The hospital that the console's tests look into: a bridge at work, and work left over."""

from __future__ import annotations

import io
import re
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydicom.dataset import Dataset

from bridge.simulate.ehr import Ehr
from bridge.simulate.his import His
from bridge.simulate.hops import Hops
from bridge.simulate.hospital import Exam
from bridge.simulate.images import ct_series
from bridge.simulate.modality import Modality
from bridge.simulate.orders import order_message
from bridge.simulate.rounds import SCENARIOS, Addresses, Round, make_order
from tests.peers.bridge_process import Bridge, configure, fhir_destination
from tests.peers.process import HERE, choose_port

_PROFILE = """\
profile: kis
extends: ihe-swf
about: Our HIS; its procedure codes alone say the modality.
tables: {procedures: kis-procedures.csv}
rows:
  step:
    - to: Modality
      from: OBR-4
      as: {table: {name: procedures, column: modality, missing: refuse}}
"""
_PROCEDURES = "code,modality,minutes\nXQNGUC,CR,10\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is left over for the operator of one language, so that no test takes another's.

    An order that nobody has begun, a study without an order, a destination that is down, and a
    message that was refused because its procedure's code is not in the code table yet, with the
    accession number that it brought.
    """

    unbegun: str
    study: str
    patient: str
    destination: str
    code: str
    control_id: str
    refused: str


WORK: Mapping[str, Work] = {
    "en": Work(
        unbegun="ACC0003",
        study="2.25.987654321",
        patient="PHAM VAN LAC",
        destination="archive",
        code="CTTIM",
        control_id="HIS000031",
        refused="ACC0031",
    ),
    "vi": Work(
        unbegun="ACC0006",
        study="2.25.987654322",
        patient="DO THI NHAM",
        destination="registry",
        code="CTPHOI",
        control_id="HIS000032",
        refused="ACC0032",
    ),
}
"""By language."""


@dataclass(frozen=True, slots=True)
class Hospital:
    """A bridge between a HIS, a modality and an EHR, with work done and work left over.

    Orders 1 and 2 came through; 3 and 6 have not begun; 4 is held; 5 was refused for want of a
    patient ID; 31 and 32, of a second HIS, for want of a code. Two studies have no order. The
    destinations `archive` and `registry` are down.
    """

    bridge: Bridge
    procedures: Path

    @property
    def viewer(self) -> str:
        """Where OHIF is."""
        return f"http://127.0.0.1:{self.bridge.configuration['viewer']['port']}"

    def link(self) -> str:
        """The one-time link that the bridge printed when it started."""
        found = re.search(r"http\S+/sign-in/link\?code=\S+", self.bridge.log.read_text())
        assert found is not None
        return found[0]

    def send(self, message: bytes) -> str:
        """Send an HL7 message; the code of its acknowledgement."""
        with His("127.0.0.1", self.bridge.hl7_port) as his:
            return his.send(message).code

    def port_of(self, destination: str) -> int:
        """The port at which a destination is expected."""
        found: list[dict[str, Any]] = self.bridge.configuration["destinations"]
        return urlsplit(next(e["url"] for e in found if e["name"] == destination)).port or 0

    def add_procedure(self, code: str, modality: str) -> None:
        """Mend the site's code table, and have the bridge read it."""
        with self.procedures.open("a", encoding="utf-8") as table:
            table.write(f"{code},{modality},15\n")
        self.bridge.signal(signal.SIGHUP)


@contextmanager
def open_hospital(directory: Path) -> Iterator[Hospital]:
    """The hospital after a day's work."""
    ehr = Ehr()
    ehr.start()
    procedures = _write_mappings(directory / "mappings")
    configuration = configure(
        directory,
        f"sqlite:///{directory / 'bridge.db'}",
        mappings=str(procedures.parent),
        destinations=[
            fhir_destination(f"http://127.0.0.1:{ehr.port}/fhir"),
            *(
                fhir_destination(f"http://127.0.0.1:{choose_port()}/fhir", work.destination)
                for work in WORK.values()
            ),
        ],
        dicom={"settle_seconds": 1, "peers": [{"ae_title": "CT01"}]},
        viewer={"folder": str(HERE / "viewer"), "port": choose_port()},
    )
    second = {"name": "kis", "host": "127.0.0.1", "port": choose_port(), "profile": "kis"}
    configuration["hl7"]["listeners"].append(second)
    bridge = Bridge(configuration, directory)
    try:
        bridge.start()
        _work(bridge, ehr.port, second["port"])
        yield Hospital(bridge, procedures)
    finally:
        bridge.close()
        ehr.stop()


def _write_mappings(folder: Path) -> Path:
    """A site's profile and code table; gives the table."""
    folder.mkdir()
    (folder / "kis.yaml").write_text(_PROFILE, encoding="utf-8")
    procedures = folder / "kis-procedures.csv"
    procedures.write_text(_PROCEDURES, encoding="utf-8")
    return procedures


def _work(bridge: Bridge, ehr_port: int, second_port: Any) -> None:
    """Have something happen."""
    addresses = Addresses(
        hl7_port=bridge.hl7_port,
        dicom_port=bridge.dicom_port,
        ehr_url=f"http://127.0.0.1:{ehr_port}/fhir",
    )
    step = Round(addresses, Hops(io.StringIO()), threading.Event())
    step.run(1, SCENARIOS[0])
    step.run(2, SCENARIOS[2])
    modality = Modality("127.0.0.1", bridge.dicom_port)
    with His("127.0.0.1", bridge.hl7_port) as his:
        for number in (3, 6):
            his.send(order_message(make_order(number, SCENARIOS[0])))
        (item,) = modality.worklist(AccessionNumber="ACC0003")
        nameless = rb"(PID\|1\|\|[^|]*\|\|)[^|]*"
        his.send(_without(order_message(make_order(4, SCENARIOS[0])), nameless, rb"\1"))
        unknown = rb"PID\|1\|\|[^|]*"
        his.send(_without(order_message(make_order(5, SCENARIOS[0])), unknown, b"PID|1||"))
    with His("127.0.0.1", second_port) as his:
        for number, work in zip((31, 32), WORK.values(), strict=True):
            order = make_order(number, SCENARIOS[0])
            exam = Exam(work.code, "Theo danh mục mới", "")
            assert his.send(order_message(replace(order, exam=exam))).code != "AA"
    for work in WORK.values():
        modality.store(ct_series(_stranger(item, work), 2, make_order(9, SCENARIOS[0]).start))


def _stranger(item: Dataset, work: Work) -> Dataset:
    """What a scanner puts into images when nobody chose an entry of the worklist."""
    item.StudyInstanceUID = work.study
    item.AccessionNumber = item.PatientID = f"UNKNOWN{work.study[-1]}"
    item.PatientName = work.patient.replace(" ", "^", 1)
    for each in item.ScheduledProcedureStepSequence:
        each.ScheduledProcedureStepID = "NONE"
    item.RequestedProcedureID = "NONE"
    return item


def _without(message: bytes, pattern: bytes, instead: bytes) -> bytes:
    changed = re.sub(pattern, instead, message, count=1)
    assert changed != message
    return changed
