"""Given an object of two gigabytes, when it is stored, then the bridge's memory stays as it was."""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.dsutils import encode

from bridge.dicom.part10 import file_head
from tests.acceptance.hospital import stored_files
from tests.adapters.dicom.pdus import (
    COMMAND,
    LAST,
    P_DATA,
    associate_request,
    associated_by_hand,
    p_data,
    read_pdu,
    response_in,
    store_request,
)
from tests.peers.bridge_process import Bridge, configure
from tests.peers.rclone import S3Server

MEBIBYTE = 1 << 20
PIXELS = 2048 * MEBIBYTE
PIECE = 100_000
CT = "1.2.840.10008.5.1.4.1.1.2"
MOST_MORE = 96  # MiB: what is held in memory of one object, and of its parts on their way

Send = Callable[[Bridge, str, int], None]


def data_set(uid: str, pixels: int) -> Iterator[bytes]:
    """A CT image of so many bytes of pixels, piece by piece."""
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID = CT, uid
    header.StudyInstanceUID, header.SeriesInstanceUID = "1.2.3.1", "1.2.3.1.1"
    header.PatientID, header.PatientName, header.Modality = "P1", "LARGE^IMAGE", "CT"
    yield encode(header, False, True) or b""
    yield struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, pixels)
    for start in range(0, pixels, PIECE):
        yield bytes([start // PIECE % 256]) * min(PIECE, pixels - start)


def by_store(bridge: Bridge, uid: str, pixels: int) -> None:
    """As modalities do: once more when it is told to be out of resources.

    The S3 server now and then refuses a part that it has taken already.
    """
    for _ in range(3):
        status = store(bridge, uid, pixels)
        if status != 0xA700:
            break
    assert status == 0x0000


def store(bridge: Bridge, uid: str, pixels: int) -> int:
    request = associate_request(transfer_syntax=ExplicitVRLittleEndian)
    with associated_by_hand(bridge.dicom_port, request) as connection:
        connection.settimeout(600)
        connection.sendall(p_data(store_request(AffectedSOPInstanceUID=uid), COMMAND | LAST))
        for piece in data_set(uid, pixels):
            connection.sendall(p_data(piece, 0))
        connection.sendall(p_data(b"", LAST))
        return answer_of(connection)


def answer_of(connection: socket.socket) -> int:
    kind, content = read_pdu(connection)
    assert kind == P_DATA
    return int(response_in(content).Status)


def by_http(bridge: Bridge, uid: str, pixels: int) -> None:
    head = file_head(
        sop_class_uid=CT,
        sop_instance_uid=uid,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        source="CT01",
    )

    def body() -> Iterator[bytes]:
        yield b"--cut\r\nContent-Type: application/dicom\r\n\r\n" + head
        yield from data_set(uid, pixels)
        yield b"\r\n--cut--\r\n"

    kind = 'multipart/related; type="application/dicom"; boundary=cut'
    answered = httpx2.post(
        f"{bridge.url}/dicom-web/studies",
        content=body(),
        headers={"Content-Type": kind},
        timeout=600,
    )
    assert answered.status_code == 200, answered.text


class PeakMemory:
    """The most memory of a process that is its own, looked at again and again (MiB)."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._done = threading.Event()
        self.first = self.most = self.now()
        self._thread = threading.Thread(target=self._watch)

    def now(self) -> int:
        rows = dict(line.split(":", 1) for line in self._status.read_text().splitlines())
        return int(rows["VmRSS"].split()[0]) // 1024

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self.most = max(self.most, self.now())


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("place", ["folder", "bucket"])
@pytest.mark.parametrize("send", [by_store, by_http])
def test_given_an_object_of_two_gigabytes_then_memory_stays_flat(
    tmp_path: Path, send: Send, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(S3Server(tmp_path)) as s3:
        configuration = configure(tmp_path, f"sqlite:///{tmp_path}/bridge.db")
        if place == "bucket":
            configuration |= {"images": f"s3://{s3.bucket}", "bucket": s3.settings()}
        bridge = Bridge(configuration, tmp_path)
        with closing(bridge):
            bridge.start()
            send(bridge, "1.2.3.4.1", MEBIBYTE)  # what every kind of request needs once
            assert bridge._process is not None
            with PeakMemory(bridge._process.child.pid) as memory:
                send(bridge, "1.2.3.4.2", PIXELS)
            with capsys.disabled():
                print(f"{send.__name__}, {place}: {memory.first} MiB, at most {memory.most} MiB")
            folder = s3.folder if place == "bucket" else bridge.images
            assert same_as_sent(folder)
            assert memory.most - memory.first < MOST_MORE


def same_as_sent(folder: Path) -> bool:
    """Whether the large file holds what was sent."""
    (large,) = (path for path in stored_files(folder) if path.stat().st_size > PIXELS)
    sent = hashlib.sha256()
    length = 0
    for piece in data_set("1.2.3.4.2", PIXELS):
        sent.update(piece)
        length += len(piece)
    kept = hashlib.sha256()
    with large.open("rb") as file:
        file.seek(large.stat().st_size - length)
        while piece := file.read(MEBIBYTE):
            kept.update(piece)
    large.unlink()
    return sent.hexdigest() == kept.hexdigest()
