"""Deliveries to a fast EHR: from one node, and from two that share the work, one of which dies.

Studies with an order and an image each wait for a destination that is paused; then it is resumed.
Times, senders and doubles are what the EHR saw.
"""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx2

from bench import database, schedule
from bench.dimse import Association, store_request
from bench.mllp_load import measure_rate
from bench.processor import processor_seconds
from bench.report import Section
from bridge.simulate.images import ct_series
from bridge.simulate.modality import worklist_query
from tests.peers.bridge_process import Bridge, configure, fhir_destination
from tests.peers.medplum import Medplum
from tests.peers.process import Process, accepts, choose_port, wait_until

ONE, ONE_POSTGRES = "bridge, SQLite FULL", "bridge, PostgreSQL"
TWO, KILLED = "2 bridges, PostgreSQL", "2 bridges, PostgreSQL, one killed"
SLOW = "bridge, SQLite FULL, to Medplum"
BARE = "bare client, 8 threads"
RATE, COST, LOST, DOUBLED, AGAIN = "rate", "processor", "lost", "doubled", "told again"
FIRST, SECOND, REST = "first node", "second node", "the last after"
_WAITING = re.compile(r'bridge_deliveries\{destination="ehr",state="pending"\} (\d+)')
_LONGEST_WAIT = 600.0
_LANES = 8


class Ehr:
    """The process of `bench.ehr`."""

    def __init__(self, directory: Path) -> None:
        self.port = choose_port()
        self.url = f"http://127.0.0.1:{self.port}/fhir"
        command: list[str | Path] = [sys.executable, "-m", "bench.ehr", str(self.port)]
        self._process = Process(command, directory / f"ehr-{self.port}.log", directory=Path.cwd())
        self._process.wait_for(lambda: accepts(self.port), "the EHR listens")

    def counted(self) -> dict[str, Any]:
        """What it holds and was told."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/counted") as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def close(self) -> None:
        """End the process."""
        self._process.stop()


@dataclass(frozen=True, slots=True)
class Told:
    """What an EHR saw of some studies."""

    uids: Sequence[str]
    studies: Counter[str]
    told: Sequence[tuple[float, str, str, int]]

    @classmethod
    def of(cls, ehr: Ehr, uids: Sequence[str]) -> Told:
        """Ask the EHR."""
        found, wanted = ehr.counted(), frozenset(uids)
        told = [(at, by, uid, size) for at, by, uid, size in found["told"] if uid in wanted]
        return cls(uids, Counter(found["studies"]), told)

    @property
    def missing(self) -> int:
        """Studies that the EHR does not have with their image."""
        return len(frozenset(self.uids) - {uid for _, _, uid, size in self.told if size == 1})

    @property
    def doubled(self) -> int:
        """Studies that it has more than once."""
        return sum(self.studies[uid] > 1 for uid in self.uids)

    @property
    def again(self) -> int:
        """How often it was told what it had been told already."""
        return len(self.told) - len({(uid, size) for _, _, uid, size in self.told})

    @property
    def rate(self) -> float:
        """Deliveries a second, from the first to the last."""
        times = [at for at, _, _, _ in self.told]
        return (len(times) - 1) / (max(times) - min(times))

    def share(self, sender: str) -> float:
        """How much of it one node told, in percent."""
        return 100 * sum(by == sender for _, by, _, _ in self.told) / len(self.told)


class Studies:
    """New orders with an image each, without end."""

    def __init__(self) -> None:
        self._next = count()

    def send(self, bridge: Bridge, number: int) -> list[str]:
        """Give a bridge so many; their UIDs, when a delivery waits for each."""
        first = next(self._next) * 10_000
        measure_rate(bridge.hl7_port, list(schedule.messages(first, first + number, "D")), 8)
        orders = [schedule.order(each, "D") for each in range(first, first + number)]
        association = Association(bridge.dicom_port, "BRIDGE")
        for order in orders:
            item = worklist_query(
                "CT01",
                PatientName=f"{order.person.family}^{order.person.given}",
                PatientID=order.person.patient_id,
                AccessionNumber=order.accession_number,
                StudyInstanceUID=order.study_instance_uid,
                RequestedProcedureID=order.rp_id,
            )
            item.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID = order.sps_id
            (image,) = ct_series(item, 1, datetime.now(UTC))
            association.exchange(store_request(image, association.max_pdu))
        association.close()
        wait_until(lambda: _waiting(bridge) == number, "all wait", _LONGEST_WAIT, 0.2)
        return [order.study_instance_uid for order in orders]


def measure(directory: Path, number: int) -> Section:
    """`number` deliveries each: one node, two nodes, two nodes of which one is killed."""
    section = Section("Row 6: deliveries of studies to an EHR")
    studies = Studies()
    with ExitStack() as stack:
        ehr = stack.enter_context(closing(Ehr(directory)))
        cluster = stack.enter_context(closing(database.open_cluster()))
        with _nodes(directory / "sqlite", f"sqlite:///{directory}/b.db", ehr.url, 1) as nodes:
            _drain(section, ONE, nodes, ehr, studies.send(nodes[0], number))
        section.add(BARE, RATE, _bare(ehr, number), "/s")
        url = cluster.create_database()
        with _nodes(directory / "postgres", url, ehr.url, 2) as nodes:
            nodes[1].stop()
            _drain(section, ONE_POSTGRES, nodes[:1], ehr, studies.send(nodes[0], number))
            nodes[1].start()
            _drain(section, TWO, nodes, ehr, studies.send(nodes[0], number))
            _kill_one(section, nodes, ehr, studies.send(nodes[0], number))
        _to_medplum(section, directory, studies, number // 10)
    _judge(section)
    return section


@contextmanager
def _nodes(home: Path, url: str, ehr: str, size: int) -> Iterator[list[Bridge]]:
    """Equal bridges that tell the EHR who they are."""
    nodes = []
    with ExitStack() as stack:
        for number in range(1, size + 1):
            folder = home / f"node{number}"
            folder.mkdir(parents=True)
            configuration = configure(
                folder,
                url,
                images=str(home / "images"),
                dicom={"settle_seconds": 1},
                destinations=[fhir_destination(ehr) | {"token": f"node{number}"}],
            )
            node = stack.enter_context(closing(Bridge(configuration, folder)))
            node.start()
            nodes.append(node)
        nodes[0].command("delivery", "pause", "ehr", "--reason", "bench")
        yield nodes


def _waiting(bridge: Bridge) -> int:
    with urllib.request.urlopen(f"{bridge.url}/metrics") as answer:
        found = _WAITING.search(answer.read().decode())
    return int(found[1]) if found else 0


def _drain(
    section: Section, subject: str, nodes: Sequence[Bridge], ehr: Ehr, uids: Sequence[str]
) -> None:
    """Let the deliveries go, and hold those that come later."""
    before = sum(map(processor_seconds, nodes))
    nodes[0].command("delivery", "resume", "ehr")
    told = _all_told(ehr, uids)
    taken = sum(map(processor_seconds, nodes)) - before
    nodes[0].command("delivery", "pause", "ehr", "--reason", "bench")
    section.add(subject, RATE, told.rate, "/s")
    section.add(subject, COST, 1000 * taken / len(uids), "ms")
    _add(section, subject, told, shared=len(nodes) > 1)


def _all_told(ehr: Ehr, uids: Sequence[str]) -> Told:
    """What the EHR saw once it has all, or will not have it."""
    end = time.monotonic() + _LONGEST_WAIT
    while (told := Told.of(ehr, uids)).missing and time.monotonic() < end:
        time.sleep(0.25)
    return told


def _kill_one(section: Section, nodes: Sequence[Bridge], ehr: Ehr, uids: Sequence[str]) -> None:
    """SIGKILL of the first node when half is told; the second goes on."""
    nodes[0].command("delivery", "resume", "ehr")
    half = len(uids) // 2
    wait_until(lambda: len(Told.of(ehr, uids).told) >= half, "half is told", _LONGEST_WAIT)
    nodes[0].kill()
    killed = time.time()
    told = _all_told(ehr, uids)
    _add(section, KILLED, told, shared=True)
    section.add(KILLED, REST, max(at for at, _, _, _ in told.told) - killed, "s")


def _add(section: Section, subject: str, told: Told, *, shared: bool = False) -> None:
    if shared:
        section.add(subject, FIRST, told.share("node1"), "%")
        section.add(subject, SECOND, told.share("node2"), "%")
    section.add(subject, LOST, told.missing, "")
    section.add(subject, DOUBLED, told.doubled, "")
    section.add(subject, AGAIN, told.again, "")


def _bare(ehr: Ehr, number: int) -> float:
    """Requests a second of the bridge's own HTTP client that posts one of its transactions."""
    content = ehr.counted()["sample"].encode()

    def post(times: int) -> None:
        for _ in range(times):
            client.post(ehr.url, content=content).raise_for_status()

    with httpx2.Client() as client, ThreadPoolExecutor(_LANES) as pool:
        begun = time.perf_counter()
        for done in [pool.submit(post, number // _LANES) for _ in range(_LANES)]:
            done.result()
    return number // _LANES * _LANES / (time.perf_counter() - begun)


def _to_medplum(section: Section, directory: Path, studies: Studies, number: int) -> None:
    """The same to Medplum's router, which validates what it is told: by far not as fast."""
    home = directory / "medplum"
    home.mkdir()
    with ExitStack() as stack:
        medplum = stack.enter_context(closing(Medplum(home)))
        ehr = stack.enter_context(closing(medplum.open()))
        nodes = stack.enter_context(_nodes(home, f"sqlite:///{home}/b.db", ehr.url, 1))
        uids = studies.send(nodes[0], number)
        nodes[0].command("delivery", "resume", "ehr")
        wait_until(
            lambda: len(ehr.search("ImagingStudy")) >= len(uids), "Medplum has all", _LONGEST_WAIT
        )
        times = [each["at"] / 1000 for each in ehr.requests() if each["method"] == "POST"]
        section.add(SLOW, RATE, (number - 1) / (max(times) - min(times)), "/s")


def _judge(section: Section) -> None:
    value = {(f.subject, f.what): f.value for f in section.figures}
    section.at_least("one node ≥ 200/s", value[ONE, RATE], 200, "/s")
    section.tell("one node on PostgreSQL, of 200/s", value[ONE_POSTGRES, RATE] / 200, "×")
    section.tell("bare client ÷ bridge, SQLite", value[BARE, RATE] / value[ONE, RATE], "×")
    less = min(value[TWO, FIRST], value[TWO, SECOND])
    section.at_least(
        "two nodes on PostgreSQL share the work: the lesser share ≥ 25 %", less, 25, "%"
    )
    gain = value[TWO, RATE] / value[ONE_POSTGRES, RATE]
    section.tell("two nodes ÷ one, on one machine with the EHR", gain, "×")
    for what in (LOST, DOUBLED):
        worst = max(value[subject, what] for subject in (ONE, ONE_POSTGRES, TWO, KILLED))
        section.at_most(f"{what} with one of two killed, and else: none", worst, 0, "")
