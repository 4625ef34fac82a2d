"""Traffic that never stops: a HIS and modalities, whatever becomes of the bridge.

A sender repeats what was not acknowledged, as real ones do, and remembers what was. In the end
everything acknowledged must be in effect, and nothing twice (`losses`).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Literal, TypeAlias

from tests.acceptance.hospital import Hospital, ended, started
from tests.acceptance.images import Study, scan
from tests.acceptance.orders import (
    Order,
    acknowledgement,
    new_order,
    new_patient,
    omi,
    orm,
)
from tests.peers.mllp import MllpSocket
from tests.peers.process import PeerError

DUPLICATE, FINAL = 0x0111, 0x0110
FAMILY = "KILL"

Fate: TypeAlias = Literal["waits", "changed", "cancelled", "scanned", "performed"]
FATES: tuple[Fate, ...] = ("waits", "changed", "cancelled", "scanned", "performed")


@dataclass(slots=True)
class Case:
    """An order as far as it was acknowledged."""

    order: Order
    fate: Fate
    study: Study | None = None
    done: bool = False


@dataclass(slots=True)
class Tally:
    """What was acknowledged, and when (monotonic seconds)."""

    cases: list[Case] = field(default_factory=list)
    messages: int = 0
    instances: dict[str, Path] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    acknowledged_at: list[float] = field(default_factory=list)

    @property
    def in_flight(self) -> int:
        """How many cases are begun and not all acknowledged."""
        return sum(not case.done for case in self.cases)


class Traffic:
    """Senders that send from `start` to `finish`, and then finish what they have begun."""

    def __init__(self, hospital: Hospital, directory: Path) -> None:
        self.hospital = hospital
        self.tally = Tally()
        self._directory = directory
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self, senders: int = 3) -> None:
        """Let them send."""
        self._threads = [
            threading.Thread(target=self._guard, args=(number,)) for number in range(senders)
        ]
        for thread in self._threads:
            thread.start()

    def finish(self) -> Tally:
        """Wait until all that was begun is acknowledged; raises what kept it from being."""
        self._ending.set()
        for thread in self._threads:
            thread.join()
        assert not self.tally.errors, self.tally.errors
        return self.tally

    def _guard(self, number: int) -> None:
        """Run one sender and keep what goes wrong, so that the run can say it."""
        his = PersistentHis(self.hospital.bridge.hl7_port)
        try:
            for turn in count(number):
                if self._ending.is_set():
                    return
                self._one(his, FATES[turn % len(FATES)])
        except Exception as error:
            self.tally.errors.append(f"sender {number}: {error!r}")
        finally:
            his.close()

    def _one(self, his: PersistentHis, fate: Fate) -> None:
        patient = new_patient(family=FAMILY)
        write = omi if fate in {"waits", "performed"} else orm
        orders = (
            [new_order(patient), new_order(patient)] if fate == "waits" else [new_order(patient)]
        )
        cases = [Case(order, fate) for order in orders]
        self._acknowledged(his.send(write(*orders)))
        with self._lock:
            self.tally.cases += cases
        (case, *_) = cases
        match fate:
            case "changed":
                later = replace(case.order, description="CT neck")
                self._acknowledged(his.send(orm(later, control="XO")))
                case.order = later
            case "cancelled":
                self._acknowledged(his.send(orm(case.order, control="CA", status="CA")))
            case "scanned" | "performed":
                self._scan(case, with_mpps=fate == "performed")
            case "waits":
                pass
        for case in cases:
            case.done = True

    def _acknowledged(self, answer: dict[str, str]) -> None:
        assert answer["code"] == "AA", answer
        with self._lock:
            self.tally.messages += 1
            self.tally.acknowledged_at.append(time.monotonic())

    def _scan(self, case: Case, *, with_mpps: bool) -> None:
        order = case.order
        case.study = study = scan(order, self._directory / order.accession, series=(2, 1))
        uid = f"{order.study_uid}.7"
        mpps, port = self.hospital.mpps, self.hospital.bridge.dicom_port
        if with_mpps:
            self._repeat(lambda: mpps.create_step(port, uid, started(order)) in {0, DUPLICATE})
        self._repeat(lambda: self._store(study))
        if with_mpps:
            self._repeat(lambda: mpps.set_step(port, uid, ended(study)) in {0, FINAL})

    def _store(self, study: Study) -> bool:
        missing = [path for path in study.paths if path.stem not in self.tally.instances]
        if missing:
            answers = self.hospital.modality().store(missing).answers
            with self._lock:
                for path, status in answers:
                    if status == "Success":  # anything else is sent again
                        self.tally.instances[path.stem] = path
                        self.tally.acknowledged_at.append(time.monotonic())
        return all(path.stem in self.tally.instances for path in study.paths)

    def _repeat(self, attempt: Callable[[], bool]) -> None:
        """Try until it is acknowledged; a connection that fails is tried again."""
        for _ in range(2000):
            try:
                if attempt():
                    return
            except PeerError:
                pass
            time.sleep(0.05)
        raise AssertionError("never acknowledged")


class PersistentHis:
    """Sends a message until it is acknowledged, always with the same bytes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._wire: MllpSocket | None = None

    def send(self, message: str) -> dict[str, str]:
        content = message.encode()
        for _ in range(2000):
            try:
                self._wire = self._wire or MllpSocket(self._port)
                answer = self._wire.exchange(content)
            except OSError:
                answer = None
            said = acknowledgement(answer) if answer is not None else None
            if said is not None and not _is_not_now(said):
                return said
            if said is None:
                self.close()
            time.sleep(0.05)
        raise AssertionError("never acknowledged")

    def close(self) -> None:
        if self._wire is not None:
            with self._wire:
                self._wire = None


def _is_not_now(said: dict[str, str]) -> bool:
    """AR that is about the receiver and not about the message (table 0357: locked, internal)."""
    return said["code"] == "AR" and re.search(r"\b20[67][&^]", said["errors"]) is not None
