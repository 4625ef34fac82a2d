"""Processes that decode and render, a few at a time, each for as long as somebody asks."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from bridge.dicom.pixels.frames import Frames
from bridge.dicom.pixels.messages import BrokenChannel, receive, send
from bridge.dicom.stored_file import DOUBLE_PIXELS, FLOAT_PIXELS
from bridge.domain.errors import BridgeError, ResourceBusy

_KEYWORDS = {FLOAT_PIXELS: "FloatPixelData", DOUBLE_PIXELS: "DoubleFloatPixelData"}
_TRUSTED_IDLE = 45.0  # seconds; the worker itself ends later than this
_DEVNULL = subprocess.DEVNULL


class NotDecodable(BridgeError):
    """The pixel data cannot be decoded; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """How an image is to look (PS3.18 section 8.3.5).

    `window` is center, width and function; `region` x, y, width and height in fractions of the
    image, `source` the same in its pixels, mirrored where a size is negative and as far as it goes
    where one is None; `size` the width and height it is to fit in; `quality` 1 to 100; `texts`
    lines to write over it.
    """

    media_type: str = "image/jpeg"
    quality: int | None = None
    window: tuple[float, float, str] | None = None
    region: tuple[float, float, float, float] | None = None
    source: tuple[float | None, ...] | None = None
    size: tuple[int, int] | None = None
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """A native frame in little endian, and what its samples mean."""

    content: bytes
    photometric: str


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    used_at: float = field(default_factory=time.monotonic)

    @property
    def is_usable(self) -> bool:
        is_fresh = time.monotonic() - self.used_at < _TRUSTED_IDLE
        return is_fresh and self.process.poll() is None

    def end(self) -> None:
        self.process.kill()
        for channel in (self.process.stdin, self.process.stdout):
            if channel is not None:
                with contextlib.suppress(OSError):
                    channel.close()
        self.process.wait()


class PixelPool:
    """Decodes and renders frames; safe for any number of threads.

    At most `workers` processes at one time, each killed when one frame takes longer than
    `seconds`; at most `waiting` callers stand in line, for as long.
    """

    def __init__(self, *, workers: int = 2, waiting: int = 24, seconds: float = 20.0) -> None:
        self._seconds = seconds
        self._turn = threading.BoundedSemaphore(workers)
        self._line = threading.BoundedSemaphore(workers + waiting)
        self._idle: list[_Worker] = []
        self._lock = threading.Lock()
        self._closed = False

    def decode(self, frames: Frames, number: int) -> DecodedFrame:
        """A frame in native form. Raises NotDecodable, ResourceBusy and what `Frames` does."""
        said, content = self._ask({"wish": "decode"}, frames, number, frames.frame(number))
        return DecodedFrame(content, str(said.get("photometric", "")))

    def decode_each(self, frames: Frames) -> Iterator[DecodedFrame]:
        """Every frame in native form; raises as `decode`."""
        for number, frame in enumerate(frames, 1):
            said, content = self._ask({"wish": "decode"}, frames, number, frame)
            yield DecodedFrame(content, str(said.get("photometric", "")))

    def render(self, frames: Frames, number: int, rendering: Rendering) -> bytes:
        """A frame as an image; raises as `decode`."""
        words = {"wish": "render", **asdict(rendering)}
        return self._ask(words, frames, number, frames.frame(number))[1]

    def close(self) -> None:
        """End the processes; none is started any more."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for each in idle:
            each.end()

    def _ask(
        self, words: Mapping[str, Any], frames: Frames, number: int, frame: bytes
    ) -> tuple[dict[str, Any], bytes]:
        frames.require_decodable()
        words = {
            **words,
            "syntax": frames.stored.transfer_syntax_uid,
            "keyword": _KEYWORDS.get(frames.stored.pixel_tag, "PixelData"),
        }
        header = _written(frames.description(number))
        with self._worker() as worker:
            return self._answer(worker, words, header, frame)

    def _answer(
        self, worker: _Worker, words: dict[str, Any], header: bytes, frame: bytes
    ) -> tuple[dict[str, Any], bytes]:
        process = worker.process
        guard = threading.Timer(self._seconds, process.kill)
        guard.start()
        try:
            send(_there(process.stdin), words, header, frame)
            answer = receive(_there(process.stdout))
        except (OSError, ValueError, BrokenChannel):
            answer = None
        finally:
            guard.cancel()
        if answer is None:
            process.kill()
            raise NotDecodable("the decoder failed on this image, or took too long or too much")
        said, content, _ = answer
        if "error" in said:
            raise NotDecodable(f"the pixel data cannot be decoded: {said['error']}")
        return said, content

    @contextlib.contextmanager
    def _worker(self) -> Iterator[_Worker]:
        """A process of one's own for a moment. Raises ResourceBusy when too many wait."""
        if not self._line.acquire(blocking=False):
            raise ResourceBusy("too many images are being decoded")
        try:
            if not self._turn.acquire(timeout=self._seconds):
                raise ResourceBusy("too many images are being decoded")
            try:
                worker = self._taken()
                try:
                    yield worker
                finally:
                    self._put_back(worker)
            finally:
                self._turn.release()
        finally:
            self._line.release()

    def _taken(self) -> _Worker:
        while True:
            with self._lock:
                if self._closed:
                    raise ResourceBusy("the bridge is stopping")
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                return _started()
            if worker.is_usable:
                return worker
            worker.end()

    def _put_back(self, worker: _Worker) -> None:
        worker.used_at = time.monotonic()
        with self._lock:
            keep = not self._closed and worker.process.poll() is None
            if keep:
                self._idle.append(worker)
        if not keep:
            worker.end()


def _started() -> _Worker:
    """Start a process and wait until it is ready. Raises ResourceBusy."""
    command = [sys.executable, "-m", "bridge.dicom.pixels.worker"]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        process = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=_DEVNULL,
            env=environment,
        )
    except OSError as error:
        raise ResourceBusy("no process can be started to decode images") from error
    worker = _Worker(process)
    try:
        ready = receive(_there(process.stdout))
    except (OSError, ValueError, BrokenChannel):
        ready = None
    if ready is None:
        worker.end()
        raise ResourceBusy("the process that decodes images does not start")
    return worker


def _there(channel: IO[bytes] | None) -> IO[bytes]:
    if channel is None:
        raise BrokenChannel("the process has no such channel")
    return channel


def _written(header: Dataset) -> bytes:
    target = DicomBytesIO()
    target.is_little_endian, target.is_implicit_VR = True, False
    write_dataset(target, header)
    return target.getvalue()
