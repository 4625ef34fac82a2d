"""SIU, ORU and MDM messages as a scheduler and a reporting system of the hospital write them."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.acceptance.orders import ZONE, Order, control_id, join, new_order, pid


def head(kind: str, *, minutes: int = 0, sender: str = "SCHED|HOSP") -> str:
    """A header written that many minutes from now."""
    written = (datetime.now(ZONE) + timedelta(minutes=minutes)).strftime("%Y%m%d%H%M%S%z")
    tail = f"{control_id()}|P|2.5.1||||||UNICODE UTF-8"
    return f"MSH|^~\\&|{sender}|BRIDGE|HOSP|{written}||{kind}|{tail}"


def new_appointment() -> str:
    """A number that no appointment has had."""
    return new_order().placer.replace("O", "AP")


def siu(
    event: str,
    number: str,
    order: Order,
    *,
    start: str = "",
    named: bool = True,
    status: str = "",
    location: str = "",
    minutes: int = 0,
) -> str:
    """An event of an appointment; `named` says whether it names the order."""
    fields = {1: f"{number}^SCHED", 11: "^^^" + start if start else "", 25: status}
    if named:
        fields |= {26: f"{order.placer}^HIS", 27: f"{order.filler}^RIS"}
    schedule = "|".join(["SCH", *(fields.get(index, "") for index in range(1, 28))])
    booked = event in ("S12", "S13", "S14")
    return join(
        head(f"SIU^{event}^SIU_S12", minutes=minutes),
        schedule,
        pid(order.patient),
        "RGS|1|A" if booked else "",
        f"AIS|1|A|{order.code}^{order.description}^99HOSP|{start}" if booked else "",
        f"AIL|1|A|{location}" if booked and location else "",
    )


def oru(order: Order, status: str, minutes: int = 0) -> str:
    """ORU^R01: a report on the order."""
    return join(
        head("ORU^R01^ORU_R01", minutes=minutes, sender="RISREP|RAD"),
        pid(order.patient),
        f"ORC|RE|{order.placer}^HIS|{order.filler}^RIS",
        "|".join(
            [
                f"OBR|1|{order.placer}^HIS|{order.filler}^RIS",
                f"{order.code}^{order.description}^99HOSP",
                *[""] * 13,
                order.accession,
                *[""] * 6,
                status,
            ]
        ),
        f"OBX|1|TX|18748-4^Diagnostic imaging study^LN||No acute finding.||||||{status}",
    )


def mdm(order: Order, status: str) -> str:
    """MDM^T02: a document that names the order in TXA only."""
    fields = {1: "1", 2: "DI", 3: "TX", 14: f"{order.placer}^HIS", 15: f"{order.filler}^RIS"}
    fields[17] = status
    txa = "|".join(["TXA", *(fields.get(index, "") for index in range(1, 18))])
    return join(
        head("MDM^T02^MDM_T02", sender="RISREP|RAD"), "EVN|T02", pid(order.patient), "PV1|1|O", txa
    )
