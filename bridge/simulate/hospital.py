"""The made-up hospital that the simulators act for: its patients, its examinations, its orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

HOSPITAL = "HOSP"
STATION = "CT01"


@dataclass(frozen=True, slots=True)
class Person:
    """A synthetic patient. `birth_date` is a DA; `sex` is M, F or O; `weight` is in kg."""

    patient_id: str
    family: str
    middle: str
    given: str
    birth_date: str
    sex: str
    weight: int

    @property
    def display(self) -> str:
        """The name as people of the hospital say it."""
        parts = (self.family, self.middle, self.given)
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Exam:
    """One entry of the examination catalogue."""

    code: str
    description: str
    body_part: str
    modality: str = "CT"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What the HIS asks for. An empty identifier is left to the bridge to mint."""

    placer_number: str
    control_id: str
    person: Person
    exam: Exam
    accession_number: str = ""
    rp_id: str = ""
    sps_id: str = ""
    study_instance_uid: str = ""
    priority: str = "R"
    station_ae_title: str = STATION
    start: datetime = field(default_factory=lambda: datetime.now(UTC))


PEOPLE = (
    Person("BN000101", "NGUYỄN", "VĂN", "ÁNH", "19680412", "M", 64),
    Person("BN000102", "TRẦN", "THỊ", "PHƯỢNG", "19850923", "F", 52),
    Person("BN000103", "ĐẶNG", "QUỐC", "DŨNG", "19771130", "M", 71),
    Person("BN000104", "LÊ", "NGỌC", "TUYẾT", "20010617", "F", 49),
    Person("BN000105", "HỒ", "XUÂN", "HIẾU", "19540203", "M", 58),
    Person("BN000106", "Müller", "", "Jürgen", "19621008", "M", 88),
    Person("BN000107", "O'Brien", "Ann", "Róisín", "19930526", "F", 61),
    Person("BN000108", "Sato", "", "Yuki", "19890714", "F", 55),
)

EXAMS = (
    Exam("CTSONAO", "CT sọ não", "HEAD"),
    Exam("CTNGUC", "CT lồng ngực", "CHEST"),
    Exam("CTBUNG", "CT bụng không cản quang", "ABDOMEN"),
    Exam("CTCSTL", "CT cột sống thắt lưng", "LSPINE"),
)


def new_uid() -> str:
    """A UID derived from a random UUID (PS3.5 B.2)."""
    return f"2.25.{uuid4().int}"


class OrderBook:
    """Numbers orders 1, 2, 3 … across restarts, in a file of one line.

    An order number must never be given twice: the bridge keeps what earlier runs sent.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def next_number(self) -> int:
        """The next number; it is written down before anybody uses it."""
        last = int(self._path.read_text("ascii")) if self._path.exists() else 0
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(f"{last + 1}\n", "ascii")
        return last + 1
