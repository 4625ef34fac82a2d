"""Given images that are forwarded by STOW-RS, then what the server says of each is what counts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, RLELossless

from bridge.dicom.pixels.pool import PixelPool
from bridge.dicomweb.forwarding import StowDestination, StowServer, check
from bridge.domain.delivery import Delivery, EventKind, RetryPolicy, TransportError
from bridge.services.content import Content, as_content
from bridge.services.fence import TakenOver, holding
from bridge.services.forward_images import Forward
from bridge.services.read_images import FoundInstance, ImageUnreadable
from tests.adapters.dicomweb.conftest import file_of, image
from tests.peers.orthanc import Orthanc
from tests.peers.process import choose_port

STUDY = "1.2.826.0.1.3680043.10.88"
DELIVERY = Delivery(
    pk=1,
    destination="pacs",
    subject=f"study:{STUDY}",
    kind=EventKind.STUDY_AVAILABLE,
    attempts=0,
    correlation=STUDY,
)


def found(number: int, syntax: str = ExplicitVRLittleEndian) -> FoundInstance:
    return FoundInstance(
        study_instance_uid=STUDY,
        series_instance_uid=f"{STUDY}.1",
        sop_instance_uid=f"{STUDY}.1.{number}",
        sop_class_uid=CTImageStorage,
        transfer_syntax_uid=syntax,
        modality="CT",
        number=number,
        attributes={},
        path=str(number),
    )


def forward(*instances: FoundInstance) -> Forward:
    return Forward(study_instance_uid=STUDY, instances=instances)


def uid(number: int) -> str:
    return f"{STUDY}.1.{number}"


def read(instance: FoundInstance) -> Content:
    dataset = image(STUDY, 1, instance.number or 0, PixelData=bytes(range(128)))
    if UID(instance.transfer_syntax_uid).is_compressed:
        file_of(dataset)
        dataset.compress(RLELossless, generate_instance_uid=False)
    return as_content(file_of(dataset, instance.transfer_syntax_uid))


@dataclass
class Answer:
    status: int = 200
    stored: tuple[str, ...] = ()
    failed: dict[str, int] = field(default_factory=dict)
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def written(self) -> bytes:
        if self.body is not None:
            return self.body
        told: dict[str, Any] = {}
        if self.stored:
            told["00081199"] = {"vr": "SQ", "Value": [_item(each) for each in self.stored]}
        if self.failed:
            items = [{**_item(each), "00081197": _us(why)} for each, why in self.failed.items()]
            told["00081198"] = {"vr": "SQ", "Value": items}
        return json.dumps(told).encode()


def _item(sop_instance_uid: str) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [CTImageStorage]},
        "00081155": {"vr": "UI", "Value": [sop_instance_uid]},
    }


def _us(value: int) -> dict[str, Any]:
    return {"vr": "US", "Value": [value]}


@dataclass
class Server:
    """A STOW-RS service that answers as it is told to."""

    answer: Callable[[list[Dataset]], Answer]
    requests: list[list[Dataset]] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    @property
    def sizes(self) -> list[int]:
        return [len(each) for each in self.requests]


@pytest.fixture(scope="module")
def pixels() -> Iterator[PixelPool]:
    with closing(PixelPool(workers=1)) as pool:
        yield pool


@pytest.fixture(scope="module")
def listener() -> Iterator[Server]:
    server = Server(lambda _images: Answer())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            parts = BytesParser().parsebytes(head + content).get_payload()
            images = [_image(part) for part in parts]
            server.requests.append(images)
            server.heads.append(dict(self.headers))
            self._say(server.answer(images))

        def do_GET(self) -> None:
            self._say(server.answer([]))

        def _say(self, answer: Answer) -> None:
            said = answer.written()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(said)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_address[1]}/dicom-web"
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield server
    http.shutdown()
    thread.join()
    http.server_close()


def _image(part: Any) -> Dataset:
    assert part.get_content_type() == "application/dicom"
    return dcmread(DicomBytesIO(part.get_payload(decode=True)))


@pytest.fixture
def server(listener: Server) -> Server:
    listener.requests.clear()
    listener.heads.clear()
    listener.answer = lambda images: Answer(stored=tuple(i.SOPInstanceUID for i in images))
    return listener


@dataclass
class Sender:
    destination: StowDestination
    noted: list[str]

    def send(self, *instances: FoundInstance) -> None:
        self.destination.send(DELIVERY, forward(*instances))

    def fails(self, *instances: FoundInstance) -> TransportError:
        with pytest.raises(TransportError) as caught:
            self.send(*instances)
        return caught.value


@pytest.fixture
def sender(server: Server, pixels: PixelPool) -> Iterator[Sender]:
    with closing(make(server.url, pixels)) as destination:
        yield Sender(destination, destination.noted)  # type: ignore[attr-defined]


def make(
    url: str, pixels: PixelPool, read: Callable[[FoundInstance], Content] = read
) -> StowDestination:
    noted: list[str] = []
    made = StowDestination(
        name="pacs",
        server=StowServer(url=url, token="secret"),
        retry=RetryPolicy(),
        kinds=frozenset({EventKind.STUDY_AVAILABLE}),
        read=read,
        note=lambda _destination, _study, uids: noted.extend(uids),
        pixels=pixels,
    )
    made.noted = noted  # type: ignore[attr-defined]
    return made


def test_given_all_are_stored_then_they_went_in_one_request_with_the_token(
    server: Server, sender: Sender
) -> None:
    sender.send(found(1), found(2))
    assert sender.noted == [uid(1), uid(2)]
    ((first, second),) = server.requests
    assert (first.SOPInstanceUID, second.SOPInstanceUID) == (uid(1), uid(2))
    assert first.PixelData == bytes(range(128))
    assert server.heads[0]["Authorization"] == "Bearer secret"
    assert server.heads[0]["Content-Type"].startswith('multipart/related; type="application/dicom"')


@pytest.mark.parametrize("status", [202, 409])
def test_given_some_are_refused_then_the_others_are_noted_and_the_refusal_is_for_good(
    server: Server, sender: Sender, status: int
) -> None:
    server.answer = lambda _images: Answer(status, stored=(uid(1),), failed={uid(2): 0xA900})
    error = sender.fails(found(1), found(2))
    assert sender.noted == [uid(1)]
    assert error.permanent
    assert f"{uid(2)}: failure reason A900" in error.message


@pytest.mark.parametrize("reason", [0x0110, 0xA700, 0x0213])
def test_given_the_server_could_not_just_now_then_it_is_tried_again(
    server: Server, sender: Sender, reason: int
) -> None:
    server.answer = lambda _images: Answer(202, stored=(uid(1),), failed={uid(2): reason})
    error = sender.fails(found(1), found(2))
    assert sender.noted == [uid(1)]
    assert not error.permanent


def test_given_a_duplicate_then_it_is_there(server: Server, sender: Sender) -> None:
    server.answer = lambda _images: Answer(409, failed={uid(1): 0x0111})
    sender.send(found(1))
    assert sender.noted == [uid(1)]


def test_given_an_instance_that_the_answer_leaves_out_then_it_is_tried_again(
    server: Server, sender: Sender
) -> None:
    server.answer = lambda _images: Answer(200, stored=(uid(1),))
    assert not sender.fails(found(1), found(2)).permanent
    assert sender.noted == [uid(1)]


def test_given_a_success_that_names_nothing_then_nothing_is_stored(
    server: Server, sender: Sender
) -> None:
    """So Orthanc's plugin answers a part that it does not understand."""
    empty = {"00081198": {"vr": "SQ"}, "00081199": {"vr": "SQ"}}
    server.answer = lambda _images: Answer(200, body=json.dumps(empty).encode())
    assert not sender.fails(found(1)).permanent
    assert sender.noted == []


def test_given_a_bare_success_then_all_are_stored(server: Server, sender: Sender) -> None:
    server.answer = lambda _images: Answer(200, body=b"")
    sender.send(found(1), found(2))
    assert sender.noted == [uid(1), uid(2)]


def test_given_a_bare_refusal_then_the_one_that_it_is_about_is_found_by_halves(
    server: Server, sender: Sender
) -> None:
    def answer(images: list[Dataset]) -> Answer:
        uids = tuple(each.SOPInstanceUID for each in images)
        return Answer(400, body=b"no") if uid(3) in uids else Answer(stored=uids)

    server.answer = answer
    error = sender.fails(*(found(number) for number in range(1, 5)))
    assert sender.noted == [uid(1), uid(2), uid(4)]
    assert error.permanent
    assert uid(3) in error.message
    assert server.sizes == [4, 2, 2, 1, 1]


@pytest.mark.parametrize("way", [Answer(415, body=b""), Answer(202, failed={uid(1): 0xC122})])
def test_given_the_server_takes_no_compressed_images_then_they_come_decoded(
    server: Server, sender: Sender, way: Answer
) -> None:
    def answer(images: list[Dataset]) -> Answer:
        (only,) = images
        syntax = only.file_meta.TransferSyntaxUID
        return way if syntax.is_compressed else Answer(stored=(only.SOPInstanceUID,))

    server.answer = answer
    sender.send(found(1, RLELossless))
    assert sender.noted == [uid(1)]
    ((compressed,), (decoded,)) = server.requests
    assert compressed.file_meta.TransferSyntaxUID == RLELossless
    assert decoded.PixelData == bytes(range(128))


@pytest.mark.parametrize(
    ("status", "unreachable"),
    [(401, True), (429, True), (503, True), (500, False), (403, False), (404, False), (301, False)],
)
def test_given_a_server_that_cannot_then_nothing_is_noted_and_it_is_tried_again(
    server: Server, sender: Sender, status: int, unreachable: bool
) -> None:
    headers = {"Retry-After": "7", "Location": "http://127.0.0.1:1/"}
    server.answer = lambda _images: Answer(status, body=b"", headers=headers)
    error = sender.fails(found(1))
    assert (error.permanent, error.unreachable) == (False, unreachable)
    assert error.retry_after == 7.0
    assert sender.noted == []
    assert len(server.requests) == 1


def test_given_nobody_is_there_then_no_attempt_is_burned(pixels: PixelPool) -> None:
    url = f"http://127.0.0.1:{choose_port()}/dicom-web"
    with closing(make(url, pixels)) as destination:
        assert Sender(destination, []).fails(found(1)).unreachable
    with pytest.raises(TransportError, match="cannot be reached"):
        check(StowServer(url=url))


def test_given_a_file_that_cannot_be_read_then_the_others_go(
    server: Server, pixels: PixelPool
) -> None:
    def lossy(instance: FoundInstance) -> Content:
        if instance.number == 1:
            raise ImageUnreadable("its file cannot be read")
        return read(instance)

    with closing(make(server.url, pixels, lossy)) as destination:
        sender = Sender(destination, destination.noted)  # type: ignore[attr-defined]
        error = sender.fails(found(1), found(2))
    assert sender.noted == [uid(2)]
    assert not error.permanent


def test_given_another_node_has_taken_over_then_nothing_more_is_sent(
    server: Server, sender: Sender
) -> None:
    with holding(lambda: not server.requests), pytest.raises(TakenOver):
        sender.send(*(found(number) for number in range(1, 71)))
    assert server.sizes == [64]
    assert len(sender.noted) == 64


def test_given_many_images_then_no_request_has_more_than_a_server_holds(
    server: Server, sender: Sender
) -> None:
    sender.send(*(found(number) for number in range(1, 71)))
    assert server.sizes == [64, 6]
    assert len(sender.noted) == 70


@pytest.mark.parametrize(("status", "fits"), [(200, True), (404, True), (401, False)])
def test_given_doctor_asks_then_a_server_that_lets_nobody_in_is_a_finding(
    server: Server, status: int, fits: bool
) -> None:
    server.answer = lambda _images: Answer(status, body=b"[]")
    if fits:
        assert str(status) in check(StowServer(url=server.url))
        return
    with pytest.raises(TransportError, match="401"):
        check(StowServer(url=server.url))


def test_given_orthanc_then_it_holds_what_was_sent_once_and_twice(
    pixels: PixelPool, tmp_path: Path
) -> None:
    with closing(Orthanc(tmp_path, 1)) as orthanc:
        url = f"{orthanc.url}/dicom-web"
        assert "answers" in check(StowServer(url=url))
        with closing(make(url, pixels)) as destination:
            sender = Sender(destination, destination.noted)  # type: ignore[attr-defined]
            for _ in range(2):
                sender.send(found(1), found(2, RLELossless), found(3))
        assert sender.noted == [uid(1), uid(2), uid(3)] * 2
        assert len(orthanc.instances_of(STUDY)) == 3
