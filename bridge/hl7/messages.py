"""MSH-9 → the reader of a message: what we act on, what we note, what we refuse (STANDARDS 8.1).

Everything that tells of something is at least noted: acknowledged, journaled, changing nothing.
Queries are refused, since an acknowledgement is not the answer that their sender waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from bridge.domain.errors import UnsupportedEvent, UnsupportedMessage
from bridge.domain.events import Noted
from bridge.hl7.appointments import ACTIONS, read_appointment
from bridge.hl7.orders import read_orders
from bridge.hl7.patients import event_of, read_patients
from bridge.hl7.reading import Reading, Sender
from bridge.hl7.results import read_results
from bridge.hl7.segments import Message

Read = Callable[[Message, Sender], Reading]


READERS: Final[Mapping[tuple[str, str], Read]] = {
    ("ORM", "O01"): read_orders,
    ("ORM", ""): read_orders,
    ("OMG", "O19"): read_orders,
    ("OMG", ""): read_orders,
    ("OMI", "O23"): read_orders,
    ("OMI", ""): read_orders,
    **{("SIU", event): read_appointment for event in ACTIONS},
    ("ORU", "R01"): read_results,
    **{("MDM", f"T{number:02}"): read_results for number in range(1, 12)},
    **{("ADT", f"A{number:02}"): read_patients for number in range(1, 63)},
}

# Table 0076 without queries: messages that tell of something, and answers to something.
_TABLE_0076: Final = (
    "ACK BAR BPS BRP BRT BTS CCF CCI CCM CCU CQU CRM CSU DBC DBU DFT DOC DRG EAC EAN EAR ECR EHC",
    "ESR ESU INR INU LSR LSU MCF MDM MFD MFK MFN MFR NMD OMB OMD OML OMN OMP OMQ OMS OPL OPR OPU",
    "ORA ORB ORD ORF ORG ORI ORL ORN ORP ORR ORS ORU ORX OSM OSU OUL PEX PGL PIN PMU PPG PPP PPR",
    "PPT PPV PRR PTR RAR RAS RCI RCL RDE RDR RDS REF RER RGR RGV ROR RPA RPI RPL RPR RRA RRD RRE",
    "RRG RRI SCN SDN SDR SIU SLN SLR SMD SRM SRR SSR SSU STC STI SUR TCR TCU UDM VXU VXX",
)
NOTED: Final = frozenset(code for line in _TABLE_0076 for code in line.split())


def read_message(message: Message, sender: Sender) -> Reading:
    """Read a message by its type and event.

    Raises:
        UnsupportedMessage: a type or event that is unknown, or a query.
        BridgeError: the message cannot be applied; it says why and where.
    """
    code = message.message_code
    event = event_of(message) if code == "ADT" else message.trigger_event
    reader = READERS.get((code, event))
    if reader is not None:
        return reader(message, sender)
    if code in NOTED:
        return Reading((Noted(reason=f"{type_of(message)} changes nothing here"),))
    if any(code == known for known, _ in READERS):
        raise UnsupportedEvent("no such event of this message type", location="MSH^1^9^1^2")
    raise UnsupportedMessage("not a message type we act on", location="MSH^1^9")


def type_of(message: Message) -> str:
    """`ORM^O01`."""
    return f"{message.message_code}^{message.trigger_event}".rstrip("^")
