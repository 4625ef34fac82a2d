"""Associations in which every rule of the upper layer is broken (PS3.8)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from random import Random

from pydicom.uid import ImplicitVRLittleEndian

from bridge.dicom.sop_classes import (
    MODALITY_WORKLIST,
    PERFORMED_STEP,
    STORAGE_COMMITMENT,
    STUDY_ROOT_FIND,
    STUDY_ROOT_GET,
    VERIFICATION,
)
from tests.adapters.dicom.pdus import (
    ABORT,
    COMMAND,
    LAST,
    associate_request,
    command,
    connected,
    p_data,
    pdu,
    read_pdu,
    store_request,
)
from tests.fuzz.harness import Harness
from tests.fuzz.mutation import mutate, spliced
from tests.unit.dicom.test_elements import encode
from tests.unit.dicom.test_header import instance

_NO_DATA_SET, _DATA_SET = 0x0101, 1
_MOST_ANSWERS = 64
_RELEASE, _ABORTED = pdu(5, b"\0" * 4), pdu(ABORT, b"\0" * 4)
_NAMES = {2: "accepted", 3: "rejected", 4: "answered", 6: "released", 7: "aborted"}
_QUIET = 0.03  # seconds after which nothing more is said, most likely
_PATIENCE = 20.0  # seconds in which whatever was said must have an end


def _request(field: int, uid: str, kind: int, **more: object) -> bytes:
    said = {"CommandField": field, "MessageID": 3, "Priority": 0, "CommandDataSetType": kind}
    return p_data(command(AffectedSOPClassUID=uid, **said, **more), COMMAND | LAST)


def sound() -> list[list[bytes]]:
    """Conversations as they should be, one for each service; each a list of PDUs."""
    image = encode(instance(), ImplicitVRLittleEndian)
    fragments = [p_data(image[at : at + 100], 0) for at in range(0, len(image), 100)]
    data = [*fragments, p_data(b"", LAST)]
    step = {"RequestedSOPClassUID": PERFORMED_STEP, "RequestedSOPInstanceUID": "1.2.9"}
    committed = {"RequestedSOPInstanceUID": "1.2.840.10008.1.20.1.1", "ActionTypeID": 1}
    created = {"AffectedSOPInstanceUID": "1.2.9"}
    asked = [p_data(encode(instance()[:0x0020FFFF], ImplicitVRLittleEndian), LAST)]
    cancel = command(CommandField=0x0FFF, MessageIDBeingRespondedTo=3, CommandDataSetType=257)
    bodies: dict[str, list[bytes]] = {
        VERIFICATION: [_request(0x0030, VERIFICATION, _NO_DATA_SET)],
        "1.2.840.10008.5.1.4.1.1.2": [p_data(store_request(), COMMAND | LAST), *data],
        MODALITY_WORKLIST: [
            _request(0x0020, MODALITY_WORKLIST, _DATA_SET),
            *asked,
            p_data(cancel, COMMAND | LAST),
        ],
        STUDY_ROOT_FIND: [_request(0x0020, STUDY_ROOT_FIND, _DATA_SET), *asked],
        STUDY_ROOT_GET: [_request(0x0010, STUDY_ROOT_GET, _DATA_SET), *asked],
        PERFORMED_STEP: [
            _request(0x0140, PERFORMED_STEP, _DATA_SET, **created),
            *data,
            p_data(
                command(CommandField=0x0120, MessageID=4, CommandDataSetType=1, **step),
                COMMAND | LAST,
            ),
            *data,
        ],
        STORAGE_COMMITMENT: [
            p_data(
                command(
                    CommandField=0x0130,
                    MessageID=5,
                    CommandDataSetType=1,
                    RequestedSOPClassUID=STORAGE_COMMITMENT,
                    **committed,
                ),
                COMMAND | LAST,
            ),
            *asked,
        ],
    }
    return [
        [associate_request(uid), *body, ending]
        for uid, body in bodies.items()
        for ending in (_RELEASE, _ABORTED, b"")
    ]


def broken(count: int, seed: int) -> Iterator[bytes]:
    """What is said in so many conversations; the same for a seed."""
    random, conversations = Random(seed), sound()
    for _ in range(count):
        said = list(random.choice(conversations))
        for _ in range(random.randint(0, 4)):
            said = _disturbed(said, random.choice(conversations), random)
        whole = b"".join(said)
        yield mutate(whole, random, most=2) if random.random() < 0.3 else whole


def _disturbed(said: list[bytes], other: list[bytes], random: Random) -> list[bytes]:
    """One PDU of them changed, left out, doubled, moved, or one of another conversation added."""
    at = random.randrange(len(said)) if said else 0
    way = random.randrange(7)
    if not said or way == 0:
        return [*said[:at], random.choice(other), *said[at:]]
    if way == 1:
        return said[:at] + said[at + 1 :]
    if way == 2:
        return [*said[:at], said[at], *said[at:]]
    if way == 3:
        rest = said[:at] + said[at + 1 :]
        place = random.randrange(len(rest) + 1)
        return [*rest[:place], said[at], *rest[place:]]
    return [*said[:at], _changed(said[at], random), *said[at + 1 :]]


def _changed(one: bytes, random: Random) -> bytes:
    """A PDU whose content is broken; mostly with a length that is right again."""
    content = mutate(one[6:], random, most=3)
    if random.random() < 0.1:
        content = spliced(content, random.randbytes(40), random)
    kind = one[:1] if random.random() < 0.9 else bytes([random.randrange(10)])
    length = (
        len(content) if random.random() < 0.9 else random.choice([0, 1, 5, 1 << 20, (1 << 32) - 1])
    )
    return (kind or b"\4") + b"\0" + struct.pack(">L", length) + content


def run(harness: Harness, count: int, seed: int) -> None:
    """Hold each conversation on a connection of its own."""
    for said in broken(count, seed):
        harness.came(held(harness.port, said), said)


def _opening(said: bytes) -> int:
    """The length of the association request that comes first, most times: its answer is awaited."""
    if said[:1] != b"\1" or len(said) < 6 or said[5] & 7 == 0:
        return 0
    length = 6 + int(struct.unpack(">L", said[2:6])[0])
    return length if length <= len(said) else 0


def held(port: int, said: bytes) -> str:
    """Say it all, and nothing more; give how it ended."""
    heard = ["closed"]
    with connected(port) as connection:
        try:
            connection.settimeout(_PATIENCE)
            opening = _opening(said)
            connection.sendall(said[:opening])
            if opening:
                heard.append(_NAMES.get(read_pdu(connection)[0], "closed"))
            connection.sendall(said[opening:])
            connection.settimeout(_QUIET)
            with suppress(TimeoutError):
                _listen(connection, heard)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(_PATIENCE)
            _listen(connection, heard)
        except TimeoutError:
            return "no end"
        except OSError:
            return "reset"
    return heard[-1]


def _listen(connection: socket.socket, heard: list[str]) -> None:
    """Take note of what is said until the other side has ended."""
    while (kind := read_pdu(connection)[0]) and len(heard) < _MOST_ANSWERS:
        heard.append(_NAMES.get(kind, "unknown"))
