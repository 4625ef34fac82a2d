"""C-STORE of data sets that are broken in every way."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from random import Random

from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from bridge.dicom.header import read_header
from bridge.domain.errors import BridgeError
from tests.adapters.dicom.pdus import (
    COMMAND,
    CT,
    LAST,
    P_DATA,
    associate_request,
    associated_by_hand,
    p_data,
    read_pdu,
    response_in,
    store_request,
)
from tests.fuzz.harness import Harness
from tests.fuzz.mutation import mutate, spliced
from tests.unit.dicom.test_elements import encode
from tests.unit.dicom.test_header import instance
from tests.unit.dicom.test_inspection import written
from tests.unit.dicom.test_rejection import document, evidence

SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)
_UID, _STUDY = b"1.2.3.4", b"1.2.3"
_SPLICED = 0.1


def seeds() -> list[tuple[str, bytes]]:
    """Sound data sets: a CT in each syntax, a small one, and a rejection note."""
    found = [(str(each), encode(instance(), each)) for each in SYNTAXES]
    found.append((str(ExplicitVRLittleEndian), written()))
    rejects = document("113001")
    rejects.StudyInstanceUID, rejects.SeriesInstanceUID = "1.2.3", "1.2.3.9"
    rejects.CurrentRequestedProcedureEvidenceSequence = [
        evidence("1.2.3", {"1.2.3.1": ["1.2.3.4"]})
    ]
    found.append((str(ImplicitVRLittleEndian), encode(rejects, ImplicitVRLittleEndian)))
    return found


def broken(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """So many data sets, each with the transfer syntax it is sent in; the same for a seed."""
    random, sound = Random(seed), seeds()
    for number in range(count):
        syntax, data = random.choice(sound)
        # Each an instance of its own, of one of many studies; all UIDs keep their lengths.
        data = data.replace(_UID, b"1.%03d" % (number % 1000) + b".%d" % (number // 1000 % 10))
        if random.random() < _SPLICED:
            data = spliced(data, random.choice(sound)[1], random)
        yield syntax, mutate(data, random, most=3)


def run(harness: Harness, count: int, seed: int) -> None:
    """Send them, over one association as long as it lasts."""
    with ExitStack() as associations:
        opened: dict[str, socket.socket] = {}
        for syntax, data in broken(count, seed):
            if syntax not in opened:
                request = associate_request(transfer_syntax=syntax)
                opened[syntax] = associations.enter_context(
                    associated_by_hand(harness.port, request)
                )
            outcome = _stored(opened[syntax], syntax, data)
            if outcome == "ended":
                opened.pop(syntax).close()
            harness.came(outcome, data)


def _stored(connection: socket.socket, syntax: str, data: bytes) -> str:
    sop_class, uid = _identity(data, syntax)
    request = store_request(AffectedSOPClassUID=sop_class, AffectedSOPInstanceUID=uid)
    connection.sendall(p_data(request, COMMAND | LAST) + p_data(data, LAST))
    kind, content = read_pdu(connection)
    return _said(response_in(content)) if kind == P_DATA else "ended"


def _identity(data: bytes, syntax: str) -> tuple[str, str]:
    """What the command set must say for the data set to be taken, where that can be said."""
    try:
        header = read_header(data, syntax)
    except BridgeError:
        return CT, "1.2.3.4"
    uids = (header.sop_class_uid, header.sop_instance_uid)
    sayable = all(each.isascii() and each.isprintable() and len(each) <= 64 for each in uids)
    return uids if sayable and "\\" not in "".join(uids) else (CT, "1.2.3.4")


def _said(answer: Dataset) -> str:
    """Status and, without numbers and names, the comment."""
    words = str(answer.get("ErrorComment", "")).split()
    return " ".join([f"{answer.Status:04X}", *words[:6]])
