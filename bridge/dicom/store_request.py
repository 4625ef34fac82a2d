"""C-STORE as SCU (PS3.4 Annex B, PS3.7 9.1.1): instances on their way out, piece by piece.

pynetdicom makes all PDUs of a message before the first is sent, and puts them into a queue without
bounds: an instance of 2 GB would lie in memory several times. Here its bytes go from where they lie
to the socket; a test holds that they are the bytes that pynetdicom would have sent.
"""

from __future__ import annotations

import io
import queue
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.presentation import PresentationContext

from bridge.dicom.encoding import EXPLICIT_LITTLE
from bridge.dicom.native import NATIVE, data_set_as_native
from bridge.dicom.pixels.pool import PixelPool
from bridge.dicom.scu import paused
from bridge.dicom.stored_file import ContentFile, StoredFile, UnreadableFile, read_meta
from bridge.domain.errors import BridgeError
from bridge.services.content import PIECE, Content
from bridge.services.read_images import FoundInstance

SUCCESS = 0x0000
WARNINGS = frozenset(range(0xB000, 0xC000))
OUT_OF_RESOURCES = frozenset(range(0xA700, 0xA800))

_PDU = struct.Struct(">BBLLBB").pack
_P_DATA_TF = 0x04
_COMMAND, _DATA_SET, _LAST = 0x01, 0x00, 0x02  # message control header (PS3.8 E.2)
_PDV_OVERHEAD = 6
_SMALLEST_PDU = 128  # a peer that announces less cannot mean it
_STRETCH = 262_144  # bytes handed to the socket at once

_C_STORE_RQ = 0x0001
_MEDIUM = 0x0000
_DATA_SET_PRESENT = 0x0001
_HEAD = struct.Struct("<HHL").pack

# Linux only. A receiver with Nagle's algorithm on (dcmtk, Orthanc) holds the second part of its
# answer back until the first is acknowledged, and the kernel delays that by 40 ms unless it is told
# not to; it forgets that whenever it has answered.
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)

# A receiver that writes an instance down before it answers is given a second more for each of so
# many bytes.
_SLOWEST_DISK = 10 << 20


class NotAccepted(BridgeError):
    """The peer takes instances of this SOP class in no way that they can be given in."""


class AssociationLost(BridgeError):
    """The peer has gone, or does not answer: nothing more can be sent to it this way."""

    permanent = False


@dataclass(frozen=True, slots=True)
class Originator:
    """Who asked for a retrieval that an instance is sent for (PS3.7 9.1.1.1.4), and in which."""

    ae_title: str
    message_id: int


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """What a receiver says of an instance."""

    status: int
    comment: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has it now, changed or not."""
        return self.status == SUCCESS or self.is_warning

    @property
    def is_warning(self) -> bool:
        """Whether it has it, but not as it was sent."""
        return self.status in WARNINGS

    def __str__(self) -> str:
        return f"{self.status:04X} {self.comment}".strip()


class StoreRequests:
    """Sends instances over one association, one after the other.

    `patience` is how long an answer is waited for, in seconds; `message_id` the one that was used
    last on the association.
    """

    def __init__(
        self,
        association: Association,
        pixels: PixelPool,
        *,
        patience: float = 30.0,
        message_id: int = 0,
        originator: Originator | None = None,
    ) -> None:
        self._association: Any = association
        self._pixels = pixels
        self._patience = patience
        self._originator = originator
        peer = association.acceptor if association.is_requestor else association.requestor
        self._longest_pdu = peer.maximum_length or 0
        self._message_id = message_id

    @property
    def is_open(self) -> bool:
        """Whether the association is still there."""
        return bool(self._association.is_established)

    def send(self, instance: FoundInstance, content: Content) -> StoreAnswer:
        """Send a file as it is stored; decoded when the peer takes it in no other way.

        Raises:
            NotAccepted: no presentation context serves.
            AssociationLost: the peer has gone, or does not answer.
            BridgeError: it cannot be read or decoded. When that shows midway the association is
                aborted, which is the only end of a message that was begun.
        """
        context = self._context_for(instance)
        syntax = str(context.transfer_syntax[0])
        data_set = self._data_set(instance, content, syntax)
        first = _first(data_set)
        self._message_id = self._message_id % 0xFFFF + 1
        command = command_set(
            instance.sop_class_uid, instance.sop_instance_uid, self._message_id, self._originator
        )
        pieces = _chained(first, data_set)
        with paused(self._association):
            write(
                self._association, pdus(command, pieces, context.context_id or 0, self._longest_pdu)
            )
            response = self._response(content.size)
        return self._judged(response)

    def _context_for(self, instance: FoundInstance) -> PresentationContext:
        contexts = {
            str(each.transfer_syntax[0]): each
            for each in reversed(self._association.accepted_contexts)
            if each.abstract_syntax == instance.sop_class_uid and each.as_scu
        }
        for syntax in (instance.transfer_syntax_uid, EXPLICIT_LITTLE, *sorted(NATIVE)):
            if syntax in contexts:
                found: PresentationContext = contexts[syntax]
                return found
        raise NotAccepted(f"the peer does not accept SOP class {instance.sop_class_uid}")

    def _data_set(self, instance: FoundInstance, content: Content, syntax: str) -> Iterator[bytes]:
        if syntax != instance.transfer_syntax_uid:
            yield from data_set_as_native(StoredFile(content), self._pixels, syntax).pieces
            return
        _, start = read_meta(io.BufferedReader(ContentFile(content), 4096))
        while piece := content.read(start, PIECE):
            yield piece
            start += len(piece)
        if start < content.size:
            raise EOFError(f"{content.size - start} bytes of an instance are missing")

    def _response(self, size: int) -> Any:
        try:
            patience = self._patience + size / _SLOWEST_DISK
            return self._association.dimse.msg_queue.get(timeout=patience)[1]
        except queue.Empty:
            self._association.abort(block=False)
            raise AssociationLost("the peer did not answer") from None

    def _judged(self, response: Any) -> StoreAnswer:
        if response is None:
            raise AssociationLost("the association was lost before the peer answered")
        is_answer = isinstance(response, C_STORE) and response.Status is not None
        if not is_answer or response.MessageIDBeingRespondedTo != self._message_id:
            self._association.abort(block=False)
            raise AssociationLost("the peer answered with something else")
        return StoreAnswer(int(response.Status), str(response.ErrorComment or ""))


def write(association: Association, parts: Iterable[bytes]) -> None:
    """Hand PDUs to the socket from the thread that serves or uses the association.

    Raises AssociationLost; or, aborting the association, what the parts raise.
    """
    connection = association.dul.socket
    client = connection.socket if connection is not None else None
    if client is None or not association.is_established:
        raise AssociationLost("the association was lost")
    try:
        for stretch in _joined(parts):
            client.sendall(stretch)
        if _QUICKACK is not None:
            client.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
    except OSError as error:
        association.abort(block=False)
        raise AssociationLost("the association was lost") from error
    except Exception as error:  # some of the instance cannot be had
        association.abort(block=False)
        raise _as_unreadable(error) from error


def _first(data_set: Iterator[bytes]) -> bytes:
    """The first piece: what cannot be read or decoded mostly says so here."""
    try:
        return next(data_set, b"")
    except Exception as error:  # a parser's or decoder's own words
        raise _as_unreadable(error) from error


def _as_unreadable(error: Exception) -> BridgeError:
    if isinstance(error, BridgeError):
        return error
    return UnreadableFile(f"the instance cannot be given: {type(error).__name__}")


def pdus(
    command: bytes, data_set: Iterable[bytes], context_id: int, maximum_length: int
) -> Iterator[bytes]:
    """Give the PDUs of a message, in parts; command and data set share none.

    `maximum_length` is what the peer announced as its longest P-DATA (0: no limit).
    """
    most = max(maximum_length or PIECE, _SMALLEST_PDU) - _PDV_OVERHEAD
    most = min(most, PIECE) & ~1  # fragments are of even length (PS3.8 Annex E)
    for pieces, kind in (([command], _COMMAND), (data_set, _DATA_SET)):
        for fragment, is_last in fragments(pieces, most):
            length = len(fragment) + 2
            control = kind | _LAST if is_last else kind
            yield _PDU(_P_DATA_TF, 0, length + 4, length, context_id, control)
            yield fragment


def command_set(
    sop_class_uid: str, sop_instance_uid: str, message_id: int, originator: Originator | None
) -> bytes:
    """Write C-STORE-RQ's command set (PS3.7 9.3.1.1): always Implicit VR Little Endian."""
    elements = [
        _text(0x0002, sop_class_uid, "\0"),
        _number(0x0100, _C_STORE_RQ),
        _number(0x0110, message_id),
        _number(0x0700, _MEDIUM),
        _number(0x0800, _DATA_SET_PRESENT),
        _text(0x1000, sop_instance_uid, "\0"),
    ]
    if originator is not None:
        elements.append(_text(0x1030, originator.ae_title, " "))
        elements.append(_number(0x1031, originator.message_id))
    body = b"".join(elements)
    return _HEAD(0x0000, 0x0000, 4) + struct.pack("<L", len(body)) + body


def _text(element: int, text: str, padding: str) -> bytes:
    value = text.encode("ascii", "replace")
    value += padding.encode() * (len(value) & 1)
    return _HEAD(0x0000, element, len(value)) + value


def _number(element: int, value: int) -> bytes:
    return _HEAD(0x0000, element, 2) + struct.pack("<H", value)


def fragments(pieces: Iterable[bytes], most: int) -> Iterator[tuple[bytes, bool]]:
    """Cut pieces, wherever they end, to fragments of `most` bytes; tells which is the last."""
    held = b""
    for piece in pieces:
        held = held + piece if held else piece
        position = 0
        while len(held) - position > most:
            yield held[position : position + most], False
            position += most
        held = held[position:]
    yield held, True


def _joined(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The parts in stretches: few system calls, and the command goes with its data set."""
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= _STRETCH:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def _chained(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
