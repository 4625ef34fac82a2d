"""HL7 v2 messages as a HIS and a RIS of the hospital HOSP write them; every patient is made up.

Layouts: IHE RAD TF-2 4.2 to 4.4, 4.12, 4.13 (ORM^O01 with ZDS in 2.3.1, OMG^O19 and OMI^O23 in
2.5.1, ADT^A08 and A40 in 2.3.1 and 2.5.1).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
UID_ROOT = "1.2.826.0.1.3680043.8.498.77"

# Unique in this run and against every earlier one: databases are new, but peers may be shared.
_numbers = itertools.count(1)
_run = f"{int(time.time()) % 10_000_000}"


def _today() -> str:
    return datetime.now(ZONE).strftime("%Y%m%d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A patient of HOSP."""

    id: str
    family: str = "TRAN"
    given: str = "BINH"
    middle: str = "THI"
    birth_date: str = "19800229"
    sex: str = "F"

    @property
    def birth_date_iso(self) -> str:
        """The birth date as FHIR writes it."""
        return f"{self.birth_date[:4]}-{self.birth_date[4:6]}-{self.birth_date[6:]}"

    @property
    def person_name(self) -> str:
        """The name as a DICOM PN."""
        return f"{self.family}^{self.given}^{self.middle}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A scheduled procedure step."""

    id: str
    modality: str = "CT"
    station: str = "CT01"
    code: str = "CTHN"
    description: str = "CT head native"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order with one requested procedure."""

    patient: Patient
    placer: str
    filler: str
    accession: str
    rp_id: str
    study_uid: str
    code: str = "CTHEAD"
    description: str = "CT head"
    date: str = field(default_factory=_today)
    time: str = "093000"
    priority: str = "R"
    steps: tuple[Step, ...]

    @property
    def step(self) -> Step:
        return self.steps[0]


def new_patient(**changes: str) -> Patient:
    """Give a patient with an ID that nobody has had."""
    return replace(Patient(id=f"P{_run}{next(_numbers)}"), **changes)


def new_order(patient: Patient | None = None, steps: int = 1, **changes: Any) -> Order:
    """Give an order with numbers that no order has had."""
    number = next(_numbers)
    code = f"{_run}{number}"
    order = Order(
        patient=patient or new_patient(),
        placer=f"O{code}",
        filler=f"F{code}",
        accession=f"A{code}",
        rp_id=f"R{code}",
        study_uid=f"{UID_ROOT}.{_run}.{number}",
        steps=tuple(Step(id=f"S{code}.{index}") for index in range(1, steps + 1)),
    )
    return replace(order, **changes)


def control_id() -> str:
    """Give a message control ID that no message has had."""
    return f"M{_run}{next(_numbers)}"


def join(*segments: str) -> str:
    return "".join(f"{segment}\r" for segment in segments if segment)


def header(kind: str, version: str, *, control: str = "", charset: str = "UNICODE UTF-8") -> str:
    now = datetime.now(ZONE).strftime("%Y%m%d%H%M%S%z")
    tail = f"||||||{charset}" if charset else ""
    return (
        f"MSH|^~\\&|HIS|HOSP|BRIDGE|HOSP|{now}||{kind}|{control or control_id()}|P|{version}{tail}"
    )


def pid(patient: Patient) -> str:
    name = f"{patient.family}^{patient.given}^{patient.middle}"
    return f"PID|1||{patient.id}^^^HOSP^MR||{name}||{patient.birth_date}|{patient.sex}"


def _priority(priority: str) -> str:
    return priority or "R"


def _orm_group(order: Order, control: str, status: str) -> list[str]:
    timing = f"^^^{order.date}{order.time}^^{_priority(order.priority)}"
    groups = []
    for index, step in enumerate(order.steps, 1):
        groups += [
            f"ORC|{control}|{order.placer}^HIS|{order.filler}^RIS||{status}||{timing}",
            "|".join(
                [
                    f"OBR|{index}|{order.placer}^HIS|{order.filler}^RIS",
                    f"{order.code}^{order.description}^99HOSP",
                    *[""] * 11,
                    "BS007^LE^HOA",
                    "",
                    order.accession,
                    order.rp_id,
                    step.id,
                    *[""] * 3,
                    step.modality,
                    *[""] * 2,
                    timing,
                ]
            ),
            f"ZDS|{order.study_uid}^RIS^Application^DICOM" if order.study_uid else "",
        ]
    return groups


def orm(
    *orders: Order,
    control: str = "NW",
    status: str = "SC",
    head: str = "",
    charset: str | None = None,
) -> str:
    """ORM^O01 of v2.3.1 with ZDS: an ORC, OBR, ZDS group per step (RAD-4)."""
    head = head or header(
        "ORM^O01", "2.3.1", charset="UNICODE UTF-8" if charset is None else charset
    )
    groups = [part for order in orders for part in _orm_group(order, control, status)]
    return join(head, pid(orders[0].patient), "PV1|1|O|CDHA", *groups)


def omg(*orders: Order, control: str = "NW", status: str = "SC", head: str = "") -> str:
    """OMG^O19 of v2.5.1: timing in TQ1, the procedure in OBR-44, the Study Instance UID in ZDS."""
    groups = []
    for order in orders:
        for index, step in enumerate(order.steps, 1):
            groups += [
                f"ORC|{control}|{order.placer}^HIS|{order.filler}^RIS||{status}",
                f"TQ1|1||||||{order.date}{order.time}||{_priority(order.priority)}",
                "|".join(
                    [
                        f"OBR|{index}|{order.placer}^HIS|{order.filler}^RIS",
                        f"{order.code}^{order.description}^99HOSP"
                        f"^{step.code}^{step.description}^99HOSP",
                        *[""] * 13,
                        order.accession,
                        order.rp_id,
                        step.id,
                        *[""] * 3,
                        step.modality,
                        *[""] * 19,
                        f"{order.code}^{order.description}^99HOSP",
                    ]
                ),
                f"ZDS|{order.study_uid}^RIS^Application^DICOM" if order.study_uid else "",
            ]
    head = head or header("OMG^O19^OMG_O19", "2.5.1")
    return join(head, pid(orders[0].patient), "PV1|1|O|CDHA", *groups)


def omi(*orders: Order, control: str = "NW", status: str = "SC", head: str = "") -> str:
    """OMI^O23 of v2.5.1: an ORC, OBR group per procedure with one IPC per step (RAD-4)."""
    groups = []
    for order in orders:
        groups += [
            f"ORC|{control}|{order.placer}^HIS|{order.filler}^RIS||{status}",
            f"TQ1|1||||||{order.date}{order.time}||{_priority(order.priority)}",
            f"OBR|1|{order.placer}^HIS|{order.filler}^RIS"
            f"|{order.code}^{order.description}^99HOSP||||||||||||BS007^LE^HOA",
        ]
        groups += [_ipc(order, step) for step in order.steps]
    head = head or header("OMI^O23^OMI_O23", "2.5.1")
    return join(head, pid(orders[0].patient), "PV1|1|O|CDHA", *groups)


def _ipc(order: Order, step: Step) -> str:
    return "|".join(
        [
            "IPC",
            f"{order.accession}^HOSP",
            f"{order.rp_id}^HOSP",
            f"{order.study_uid}^HOSP",
            f"{step.id}^HOSP",
            step.modality,
            f"{step.code}^{step.description}^99HOSP",
            "",
            "",
            step.station,
        ]
    )


def adt_update(patient: Patient) -> str:
    """ADT^A08: the patient's demographics as they are now (RAD-12)."""
    return join(header("ADT^A08", "2.3.1"), "EVN|A08", pid(patient), "PV1|1|O")


def adt_merge(survivor: Patient, retired: Sequence[Patient]) -> str:
    """ADT^A40: `retired` were the same person as `survivor` all along (RAD-12)."""
    groups = [part for one in retired for part in (pid(survivor), f"MRG|{one.id}^^^HOSP^MR")]
    return join(header("ADT^A40^ADT_A39", "2.5.1"), "EVN|A40", *groups)


def adt(event: str, *segments: str, version: str = "2.5.1", recorded: str = "") -> str:
    """An ADT message of these segments after MSH and EVN."""
    return join(header(f"ADT^{event}", version), f"EVN|{event}|{recorded}".rstrip("|"), *segments)


FORMS = {"ORM^O01": orm, "OMG^O19": omg, "OMI^O23": omi}


def acknowledgement(answer: str | bytes | None) -> dict[str, str]:
    """Give what an answer says: `code` (MSA-1), `id` (MSA-2) and `errors` (its ERR segments)."""
    assert answer is not None, "the connection was closed without an answer"
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    segments = [segment for segment in text.split("\r") if segment]
    assert segments[0].startswith("MSH|"), text
    (msa,) = [segment.split("|") for segment in segments if segment.startswith("MSA|")]
    return {
        "code": msa[1],
        "id": msa[2] if len(msa) > 2 else "",
        "errors": "\r".join(segment for segment in segments if segment.startswith("ERR|")),
    }
