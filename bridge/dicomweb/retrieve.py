"""WADO-RS: instances, metadata, frames and bulk data (PS3.18 sections 10.4.1.1 and 10.4.1.2)."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeVar

from fastapi import HTTPException, Request, Response
from fastapi.responses import StreamingResponse

from bridge.dicom.encoding import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from bridge.dicom.native import as_native
from bridge.dicom.pixels.frames import Frames
from bridge.dicom.pixels.pool import PixelPool
from bridge.dicom.stored_file import StoredFile
from bridge.dicomweb import multipart
from bridge.dicomweb.accept import ANY_SYNTAX, MediaRange, media_ranges
from bridge.dicomweb.media import MULTIPART, OCTETS, FrameForm, frame_form
from bridge.dicomweb.metadata import bulk_value, metadata
from bridge.dicomweb.multipart import DICOM, OutPart
from bridge.dicomweb.native_model import MEDIA_TYPE as DICOM_XML
from bridge.dicomweb.native_model import as_xml
from bridge.dicomweb.query import uid
from bridge.dicomweb.state import State, state_of
from bridge.domain.errors import BridgeError
from bridge.services.content import PIECE
from bridge.services.read_images import FoundInstance, ImageQuery, ReadImages

T = TypeVar("T")
_log = logging.getLogger(__name__)
DICOM_JSON = "application/dicom+json"
_FRAMES = re.compile(r"[0-9]{1,9}(,[0-9]{1,9})*")
_PATH = re.compile(r"[0-9A-Fa-f]{8}(/[0-9]{1,6}/[0-9A-Fa-f]{8}){0,16}")
_MOST_FRAMES = 10_000
_STORED = ""


class Resources:
    """What a path names, and the address it was named under."""

    def __init__(self, images: ReadImages, base_url: str, service: re.Pattern[str]) -> None:
        self.images = images
        self._base_url = base_url.rstrip("/")
        self._service = service

    def named(self, parameters: dict[str, str]) -> Sequence[FoundInstance]:
        """The instances of a study, series or instance; 404 when there are none."""
        wanted = {name: (uid(parameters[name]),) for name in _LEVELS if name in parameters}
        found = self.images.instances(
            ImageQuery(
                study_instance_uids=wanted["study"],
                series_instance_uids=wanted.get("series", ()),
                sop_instance_uids=wanted.get("instance", ()),
            )
        )
        if not found:
            raise HTTPException(404, f"no such {list(wanted)[-1]} was received")
        return found

    def state(self, request: Request, found: Sequence[FoundInstance]) -> State:
        """What is asked for as it is now, to be compared with what the client has."""
        return state_of(request, (self.images.version(each) for each in found))

    def base_url(self, request: Request) -> str:
        """The address of the service: the one it is told, else the one it was asked at."""
        if self._base_url:
            return self._base_url
        url, path = str(request.url.replace(query="")), request.url.path
        service = self._service.match(path)
        return url.removesuffix(path) + (service.group(1) if service else "")


_LEVELS = ("study", "series", "instance")


class Retrieve:
    """Instances as they are stored or in a form that everybody can take, and parts of them."""

    def __init__(self, resources: Resources, pool: PixelPool) -> None:
        self._resources = resources
        self._images = resources.images
        self._pool = pool

    def instances(self, request: Request) -> Response:
        """Give a study, a series or an instance (PS3.18 section 10.4.1.1.1)."""
        found = self._resources.named(request.path_params)
        syntaxes, in_parts = _instance_form(request, found)
        parts = begun(self._part(each, syntaxes) for each in found)
        if in_parts:
            return in_multipart(parts, DICOM)
        part = next(parts)
        headers = {"Content-Length": str(part.size)}
        return StreamingResponse(
            iter(part.pieces), headers=headers | {"Content-Type": part.content_type}
        )

    def _part(self, instance: FoundInstance, syntaxes: Sequence[str]) -> OutPart:
        """One instance in the first of these transfer syntaxes that it can be had in."""
        content = self._images.open(instance)
        own = instance.transfer_syntax_uid
        for syntax in syntaxes:
            if syntax in (_STORED, own):
                return OutPart(f"{DICOM}; transfer-syntax={own}", content.size, content)
            made = as_native(StoredFile(content), self._pool, syntax)
            return OutPart(f"{DICOM}; transfer-syntax={syntax}", made.size, made.pieces)
        raise AssertionError("no transfer syntax is acceptable")

    def metadata(self, request: Request) -> Response:
        """Give what instances say, large values by reference (PS3.18 section 10.4.1.1.2)."""
        is_xml = wants_xml(request)
        found = self._resources.named(request.path_params)
        state = self._resources.state(request, found)
        if state.is_known:
            return state.unchanged()
        base_url = self._resources.base_url(request)
        documents = begun(self._documents(found, base_url))
        return state.over(in_model(documents, is_xml=is_xml))

    def _documents(self, found: Sequence[FoundInstance], base_url: str) -> Iterator[dict[str, Any]]:
        """The metadata of each instance that has any; why not, when none has."""
        refused: BridgeError | None = None
        told = 0
        for each in found:
            try:
                document = metadata(
                    StoredFile(self._images.open(each)), instance_url(base_url, each)
                )
            except BridgeError as error:
                if not error.permanent:
                    raise
                refused = error
                _log.warning("an instance has no metadata", extra={"reason": error.message})
            else:
                told += 1
                yield document
        if refused is not None and not told:
            raise refused

    def frames(self, request: Request) -> Response:
        """Give frames of an instance (PS3.18 section 10.4.1.1.6)."""
        said = request.path_params["frames"]
        if not _FRAMES.fullmatch(said):
            raise HTTPException(400, "frames are numbers from 1 on, with commas between them")
        numbers = [int(each) for each in said.split(",")][:_MOST_FRAMES]
        (instance,) = self._resources.named(request.path_params)
        stored = StoredFile(self._images.open(instance))
        frames = Frames(stored)
        for number in numbers:
            frames.checked(number)
        form = self._frame_form(request, stored, alone=len(numbers) == 1)
        parts = begun(self._frame(frames, number, form) for number in numbers)
        if form.in_parts:
            return in_multipart(parts, form.media_type)
        part = next(parts)
        content = b"".join(part.pieces)
        return Response(content, headers={"Content-Type": part.content_type})

    def _frame_form(self, request: Request, stored: StoredFile, *, alone: bool) -> FrameForm:
        syntax = stored.transfer_syntax_uid
        form = frame_form(media_ranges(_accept(request)), syntax, alone=alone)
        if form is None:
            raise HTTPException(
                406,
                f'frames can be had as {MULTIPART}; type="{OCTETS}", as stored with'
                f" transfer-syntax=* (stored here: {syntax})",
            )
        return form

    def _frame(self, frames: Frames, number: int, form: FrameForm) -> OutPart:
        stored = frames.stored
        if form.as_stored or not (stored.is_encapsulated or stored.is_big_endian):
            content = frames.frame(number)
        else:
            content = self._pool.decode(frames, number).content
        return OutPart(form.content_type, len(content), [content])

    def bulk_data(self, request: Request) -> Response:
        """Give a value that metadata only refer to (PS3.18 section 10.4.1.1.5)."""
        path = request.path_params["path"]
        if not _PATH.fullmatch(path):
            raise HTTPException(400, "bulk data are named by a tag, and by items on the way to it")
        ranges = media_ranges(_accept(request))
        in_parts = any(r.type == MULTIPART and _of(r) in (OCTETS, "*/*") for r in ranges)
        if not in_parts and not any(r.covers(OCTETS) for r in ranges):
            raise HTTPException(406, f"bulk data can be had as {OCTETS}, in {MULTIPART} or without")
        (instance,) = self._resources.named(request.path_params)
        size, pieces = self._bulk(StoredFile(self._images.open(instance)), path.split("/"))
        if in_parts:
            content_type = f"{OCTETS}; transfer-syntax={EXPLICIT_LITTLE}"
            return in_multipart(iter([OutPart(content_type, size, pieces)]), OCTETS)
        headers = {"Content-Length": str(size), "Content-Type": OCTETS}
        return StreamingResponse(iter(pieces), headers=headers)

    def _bulk(self, stored: StoredFile, path: Sequence[str]) -> tuple[int, Iterable[bytes]]:
        tag = int(path[0], 16)
        is_pixel_data = len(path) == 1 and tag == stored.pixel_tag
        if is_pixel_data and (stored.is_encapsulated or stored.is_big_endian):
            frames = Frames(stored)
            decoded = (each.content for each in self._pool.decode_each(frames))
            first = next(decoded)
            return len(first) * frames.count, chain([first], decoded)
        extent = stored.pixel_data if is_pixel_data else stored.bulk.get(tag)
        if len(path) == 1 and extent is not None:
            length = extent.length or 0
            starts = range(0, length, PIECE)
            return length, (stored.read(extent, start, PIECE) for start in starts)
        value = bulk_value(stored.header, path)
        if value is None:
            raise HTTPException(404, "the instance has no such bulk data")
        return len(value), [value]


def _of(media_range: MediaRange) -> str:
    return media_range.parameters.get("type", "*/*").lower()


def _instance_form(
    request: Request, found: Sequence[FoundInstance]
) -> tuple[tuple[str, ...], bool]:
    """In which transfer syntaxes instances may go, and whether in parts; 406 when not at all.

    A range that names none takes what is stored: the standard's default would be Explicit VR
    Little Endian, but what is stored loses nothing and is what clients that say nothing can read.
    """
    stored = {each.transfer_syntax_uid for each in found}
    ranges = media_ranges(_accept(request))
    in_parts = [r for r in ranges if r.covers(MULTIPART) and _of(r) in (DICOM, "*/*")]
    alone = [r for r in ranges if r.covers(DICOM)] if "instance" in request.path_params else []
    for group, as_parts in ((in_parts, True), (alone, False)):
        wanted = [r.parameters.get("transfer-syntax", ANY_SYNTAX) for r in group]
        if ANY_SYNTAX in wanted or (wanted and stored <= set(wanted)):
            return (_STORED,), as_parts
        native = tuple(s for s in (EXPLICIT_LITTLE, IMPLICIT_LITTLE) if s in wanted)
        if native:
            return native, as_parts
    raise HTTPException(
        406,
        'only multipart/related; type="application/dicom" can be had, as stored (ask for'
        f" transfer-syntax=*; stored here: {', '.join(sorted(stored))}) or in {EXPLICIT_LITTLE}",
    )


def _accept(request: Request) -> str:
    """The Accept header, or the query parameter that stands for it (PS3.18 section 8.3.3.1)."""
    return request.query_params.get("accept") or request.headers.get("accept", "")


def in_multipart(parts: Iterator[OutPart], kind: str) -> Response:
    """An answer of several parts, each of which goes out as it is made."""
    boundary = multipart.new_boundary()
    headers = {"Content-Type": multipart.content_type(boundary, kind)}
    return StreamingResponse(multipart.body(parts, boundary), headers=headers)


def instance_url(base_url: str, instance: FoundInstance) -> str:
    """The address of an instance."""
    return (
        f"{base_url}/studies/{instance.study_instance_uid}"
        f"/series/{instance.series_instance_uid}/instances/{instance.sop_instance_uid}"
    )


def wants_xml(request: Request) -> bool:
    """Whether a data set is to go as XML rather than JSON; 406 when neither is acceptable."""
    for each in media_ranges(_accept(request)):
        if any(each.covers(media_type) for media_type in (DICOM_JSON, "application/json")):
            return False
        if each.type == DICOM_XML or (each.type == MULTIPART and _of(each) == DICOM_XML):
            return True
    raise HTTPException(406, f'only {DICOM_JSON}, or {MULTIPART}; type="{DICOM_XML}", can be had')


def in_model(documents: Iterator[dict[str, Any]], *, is_xml: bool) -> Response:
    """Data sets in the DICOM JSON model, or each as a part in the Native DICOM Model."""
    if not is_xml:
        return StreamingResponse(_json_array(documents), media_type=DICOM_JSON)
    written = map(as_xml, documents)
    return in_multipart((OutPart(DICOM_XML, len(e), [e]) for e in written), DICOM_XML)


def begun(items: Iterator[T]) -> Iterator[T]:
    """The same items, the first already there: what fails at once still gets its HTTP status."""
    return chain([next(items)], items)


def _json_array(documents: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    yield b"["
    for number, each in enumerate(documents):
        yield (b"," if number else b"") + json.dumps(each).encode()
    yield b"]"
