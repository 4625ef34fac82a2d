"""Messages built from field numbers, so that a test shows only what it is about."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from bridge.domain.identifiers import Authority
from bridge.domain.order import OrderReceived
from bridge.hl7.er7 import read
from bridge.hl7.messages import read_message
from bridge.hl7.reading import Reading, Sender
from bridge.mapping.profiles import load_profile
from bridge.mapping.source import Site

SITE = Site(zone=ZoneInfo("Asia/Ho_Chi_Minh"), authority=Authority("HOSP"), local_scheme="99HOSP")
SENDER = Sender.of(load_profile(), SITE)
PID = "PID|||PID1^^^HOSP^PI||Doe^Jane||19800101|F"


def segment(name: str, fields: Mapping[int, str]) -> str:
    last = max(fields, default=0)
    return "|".join([name, *(fields.get(number, "") for number in range(1, last + 1))])


def msh(message_type: str = "ORM^O01", version: str = "2.5.1", control_id: str = "M1") -> str:
    return f"MSH|^~\\&|RIS|RAD|BRIDGE|HOSP|20260312081500||{message_type}|{control_id}|P|{version}"


def orc(control: str = "NW", placer: str = "P1", filler: str = "F1", **more: str) -> str:
    numbered = {int(key[1:]): value for key, value in more.items()}
    return segment("ORC", {1: control, 2: placer, 3: filler} | numbered)


def obr(number: int = 1, **more: str) -> str:
    numbered = {int(key[1:]): value for key, value in more.items()}
    return segment("OBR", {1: str(number), 4: "CTHEAD^CT head^L", 24: "CT"} | numbered)


def raw(*segments: str) -> bytes:
    return ("\r".join(segments) + "\r").encode()


def reading(*segments: str) -> Reading:
    return read_message(read(raw(*segments)), SENDER)


def orders(*segments: str) -> list[OrderReceived]:
    events = reading(*segments).events
    return [event for event in events if isinstance(event, OrderReceived)]
