"""What a bridge makes of each third-party file: sent over its own protocol, each to an empty one.

The bridge is whole (`wiring.Bridge` on SQLite, listening on loopback); between two files its tables
are emptied, so that no file meets what another left. Patients' data never leaves this module: an
outcome holds file names, codes, places and the bridge's own words.
"""

from __future__ import annotations

import json
import re
import socket
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from sqlalchemy import Connection, func, select

from bridge.settings import load
from bridge.store import tables
from bridge.store.tables import (
    appointment,
    imaging_service_request,
    message,
    parked_event,
    patient,
    scheduled_step,
    study,
    visit,
    worklist_item,
)
from bridge.wiring.bridge import Bridge
from tests.peers.bridge_process import configure

CORPUS: Final = Path(__file__).parents[3] / "shared" / "corpus"
HL7_FILES: Final = sorted((CORPUS / "hl7").glob("*.hl7"))
FHIR_FILES: Final = sorted((CORPUS / "fhir").glob("*.json"))

_VERDICTS: Final = {"applied": "accepted"}
_COUNTED: Final = {
    "patient": patient,
    "visit": visit,
    "order": imaging_service_request,
    "step": scheduled_step,
    "on the worklist": worklist_item,
    "appointment": appointment,
    "study": study,
    "waiting event": parked_event,
}
_PLACED: Final = re.compile(r"[A-Z][A-Z0-9]{2}\^[\d^]+: |[A-Z][A-Za-z]+[.\w\[\]]*: ")
_FRAME_START, _FRAME_END = b"\x0b", b"\x1c\r"
_TIMEOUT: Final = 30.0
_REFUSED: Final = 400
_NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: a verdict, what it left in the bridge, and why in its own words."""

    file: str
    verdict: str
    created: str
    reasons: tuple[str, ...]


@contextmanager
def running(folder: Path) -> Iterator[Bridge]:
    """A bridge on SQLite with every port left open."""
    made = configure(folder, f"sqlite:///{folder}/bridge.db")
    made["http"]["port"] = made["dicom"]["port"] = made["hl7"]["listeners"][0]["port"] = 0
    file = folder / "bridge.yaml"
    file.write_text(yaml.safe_dump(made))
    bridge = Bridge(load(file, {}))
    bridge.start()
    try:
        yield bridge
    finally:
        bridge.stop()


def send_hl7(bridge: Bridge, path: Path) -> Outcome:
    """Send a file over MLLP as one frame, as an engine that reads a folder does."""
    empty(bridge)
    content = path.read_bytes().strip(_FRAME_START + _FRAME_END + b"\n") + b"\r"
    answer = _exchange(bridge.hl7_ports["his"], content)
    with bridge.core.database.engine.connect() as connection:
        errors = [*_errors(answer)] or _unanswered(connection)
        reasons = dict.fromkeys((*errors, *_held(connection), *_notes(connection)))
        return Outcome(path.name, _verdict(connection), _created(connection), tuple(reasons))


def send_fhir(bridge: Bridge, path: Path) -> Outcome:
    """POST a file to the FHIR server: a Bundle to its base, another resource to its type."""
    empty(bridge)
    content = path.read_bytes()
    release = "5.0" if path.name.startswith("r5_") else "4.0"
    url = f"{bridge.http_address}/fhir{_type_path(content)}"
    status, answer = _post(url, content, release)
    with bridge.core.database.engine.connect() as connection:
        held, created = _held(connection), _created(connection)
        taken = "held" if held else "noted" if created == _NOTHING else "accepted"
        verdict = "refused" if status >= _REFUSED else taken
        reasons = dict.fromkeys((*_issues(answer), *held, *_notes(connection)))
        return Outcome(path.name, f"{verdict} ({status})", created, tuple(reasons))


def serves_fhir(bridge: Bridge) -> bool:
    """Whether this bridge has a FHIR server."""
    return _get_status(f"{bridge.http_address}/fhir/metadata") == 200


def empty(bridge: Bridge) -> None:
    """Forget everything that was sent."""
    with bridge.core.database.engine.begin() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            connection.execute(table.delete())


def _exchange(port: int, content: bytes) -> bytes:
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT) as wire:
        wire.sendall(_FRAME_START + content + _FRAME_END)
        # Some ask for one answer, some for two, some for none: the end of the connection tells.
        wire.shutdown(socket.SHUT_WR)
        while more := wire.recv(1 << 16):
            received += more
    return received


def _verdict(connection: Connection) -> str:
    rows = connection.execute(select(message.c.disposition)).scalars()
    found: Counter[str] = Counter(_VERDICTS.get(each, each) for each in rows)
    if found.keys() == {"accepted"} and _held(connection):
        return "held"
    if sum(found.values()) == 1:
        return next(iter(found))
    return ", ".join(f"{count} {verdict}" for verdict, count in sorted(found.items())) or "lost"


def _created(connection: Connection) -> str:
    counts = {
        name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for name, table in _COUNTED.items()
    }
    said = []
    for name, count in counts.items():
        if count:
            plural = "" if count == 1 or name == "on the worklist" else "s"
            said.append(f"{count} {'studie' if name == 'study' and plural else name}{plural}")
    return ", ".join(said) or _NOTHING


def _errors(answer: bytes) -> Iterator[str]:
    """Each error of an acknowledgement as `AE 101 PID^1^3 text`, in either form of ERR."""
    for one in answer.decode("utf-8", "replace").split("MSH|")[1:]:
        segments = [line.split("|") for line in one.split("\r")]
        code = next((line[1] for line in segments if line[0] == "MSA"), "no MSA")
        text = next((line[3] for line in segments if line[0] == "MSA" and len(line) > 3), "")
        errors = [line for line in segments if line[0] == "ERR"]
        for line in errors:
            padded = [*line, *[""] * 9]
            if padded[1]:
                *place, error = padded[1].split("^", 3)
                yield f"{code} {error.split('&')[0]} {'^'.join(place)}: {text}"
            elif padded[4] != "I":
                if padded[4] == "W":
                    yield f"{padded[2]}: {padded[8]}"
                else:
                    yield f"{code} {padded[3].split('^')[0]} {padded[2]}: {padded[8] or text}"
        if code not in ("AA", "CA") and not errors:
            yield f"{code}: {text}"


def _unanswered(connection: Connection) -> list[str]:
    """Errors of messages whose senders asked for no answer."""
    refused = select(message.c.error).where(message.c.disposition == "refused")
    return [f"no answer asked for: {error}" for error in connection.execute(refused).scalars()]


def _held(connection: Connection) -> list[str]:
    reasons = connection.execute(select(imaging_service_request.c.held_reason)).scalars()
    return [f"held: {reason}" for reason in reasons if reason]


def _notes(connection: Connection) -> list[str]:
    """Why messages were not applied, as the journal has it: the error, or what is told of values.

    Of the warnings only those that name a place: the others are about form.
    """
    columns = (message.c.disposition, message.c.error, message.c.warnings)
    rows = connection.execute(select(*columns).where(message.c.disposition != "applied"))
    notes = []
    for disposition, error, warnings in rows:
        if error and disposition != "refused":
            notes.append(error)
        notes += [each for each in warnings if _PLACED.match(each)]
    return notes


def _type_path(content: bytes) -> str:
    try:
        kind = json.loads(content)["resourceType"]
    except (ValueError, TypeError, KeyError):
        return ""
    is_name = isinstance(kind, str) and re.fullmatch("[A-Za-z]+", kind)
    return f"/{kind}" if is_name and kind != "Bundle" else ""


def _post(url: str, content: bytes, release: str) -> tuple[int, Any]:
    media_type = f"application/fhir+json; fhirVersion={release}"
    request = urllib.request.Request(
        url, data=content, headers={"Content-Type": media_type}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            return answer.status, _json(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, _json(error.read())


def _get_status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _issues(answer: Any) -> Iterator[str]:
    """Every issue of an OperationOutcome, or of those in the entries of a response Bundle."""
    for outcome in _outcomes(answer):
        for issue in outcome.get("issue", []):
            if issue.get("severity") in ("error", "fatal", "warning"):
                place = " ".join(issue.get("expression", []))
                text = issue.get("diagnostics") or issue.get("details", {}).get("text", "")
                warning = " (warning)" if issue["severity"] == "warning" else ""
                yield f"{issue.get('code')} {place}{warning}: {text}"


def _outcomes(answer: Any) -> Sequence[dict[str, Any]]:
    if not isinstance(answer, dict):
        return ()
    if answer.get("resourceType") == "OperationOutcome":
        return (answer,)
    entries = answer.get("entry", []) if answer.get("resourceType") == "Bundle" else []
    outcomes = [entry.get("response", {}).get("outcome") for entry in entries]
    return [outcome for outcome in outcomes if outcome]
